import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Btf, type BtfType, type Member, decodeBtf, formatBtf } from "../../../src/codegen/btf/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { throughClang } from "../../support/btf-clang.ts";
import { ALL_KINDS } from "../../support/btf.ts";
import { MANY_FEATURES, compile, distributionObjects } from "../../support/objects.ts";

const c = (types: readonly BtfType[]): string => formatBtf({ types }, { style: "c" });

const typesOf = (object: Uint8Array): Btf =>
  decodeBtf(readElf(object).sections.find(({ name }) => name === ".BTF")!.data);

function expectSame(btf: Btf): void {
  const compared = throughClang(btf);
  expect(compared.length).toBeGreaterThan(0);
  expect(compared.map(({ name, read }) => [name, read])).toEqual(compared.map(({ name, meant }) => [name, meant]));
}

/** What C has that is hard to say again. */
const HARD = `
  typedef unsigned char u8; typedef unsigned int u32; typedef unsigned long u64; typedef u32 chain_a; typedef chain_a chain_b;
  struct bits { u32 a : 3, b : 7; u8 c : 2; u64 d : 40; _Bool e : 1; int : 5; int f : 2; int : 0; u8 g : 1; };
  struct packed { u8 a; u64 b; u32 c : 5; u8 d; struct bits e; } __attribute__((packed));
  struct aligned { u8 a; u64 b __attribute__((aligned(64))); u8 c; } __attribute__((aligned(128)));
  struct holder { u8 a; struct packed p; struct aligned q; u8 b; };
  struct nested { int a; struct { int b; union { u32 c; u8 d[4]; struct { u8 e : 4, f : 4; }; }; }; union { u64 g; } h; };
  enum small { LITTLE = 1 } __attribute__((packed));
  enum middle { MIDDLE = 300 } __attribute__((packed));
  enum negative { MINUS = -5, PLUS = 5 };
  enum large { LARGE = 0xffffffff };
  struct enums { enum small s; enum middle m; enum negative n; enum large l; enum { INSIDE = 7 } i; };
  typedef int (*callback)(struct nested *, const char *, ...);
  typedef void function(void);
  struct calls { callback one; callback many[3]; function *plain; int (*(*table)[4])(u32 (*)(void)); void (*old)(); };
  typedef struct same { int x; } same; struct clash { same typedef_of_it; struct same itself; };
  struct list { struct list *next; struct tree *tree; }; struct tree { struct list items; struct tree *children[2]; };
  typedef struct { int count; char rest[]; } flexible; struct empty {}; struct holes { char a; long b; char c; };
  struct unknown; struct opaque { struct unknown *p; const struct unknown *const q; volatile int *restrict r; };
  union both { float f; double d; __int128 wide; char bytes[20]; };
  struct tagged { int __attribute__((btf_type_tag("user"))) *p; };
  struct bits v1; struct packed v2; struct holder v3; struct nested v4; struct enums v5; struct calls v6; struct clash v7;
  struct tree v8; flexible *v9; struct empty v10; struct holes v11; struct opaque v12; union both v13; chain_b v14;
  struct tagged v15;
  struct even { u8 a; u32 b; u8 c[3]; } __attribute__((packed)); struct even v16;
  struct across { u32 a : 20, b : 20, c : 24; } __attribute__((packed)); struct across v17;
  struct late; struct early { struct late *p; int (*rows)[4]; }; struct late { struct early (*many)[2]; } v18;
`;

describe("formatBtf, as C, is read by clang as the types that it says", () => {
  test("of every kind", () => expectSame(ALL_KINDS));

  test("of what C has that is hard to say again", () => {
    const btf = typesOf(compile(HARD));
    expect(btf.types.filter((type) => type.kind === "struct").length).toBeGreaterThan(15);
    expectSame(btf);
  });

  test.each([
    ["clang, many features", compile(MANY_FEATURES)] as const,
    ["ratelimit", new Uint8Array(readFileSync("bpf/.output/ratelimit.bpf.o"))] as const,
    ...distributionObjects(),
  ])("of %s", (_, object) => expectSame(typesOf(object)));

  test("of bit fields as compilers wrote them before kind_flag, in the type", () => {
    const bits = (name: string, offset: number, width: number): BtfType => ({
      kind: "int",
      name,
      size: 4,
      bits: width,
      bitOffset: offset,
      encoding: 0,
    });
    const member = (name: string, type: number, bitOffset: number): Member => ({ name, type, bitOffset, bitSize: 0 });
    const members = [member("a", 1, 0), member("b", 2, 3), member("c", 3, 32)];
    const types: BtfType[] = [
      bits("unsigned int", 0, 3),
      bits("unsigned int", 2, 9),
      bits("unsigned int", 0, 32),
      { kind: "struct", name: "s", size: 8, bitfields: false, members },
    ];
    expect(c(types)).toContain("{\n\tunsigned int a: 3;\n\tlong: 2;\n\tunsigned int b: 9;\n\tunsigned int c;\n}");
  });
});

const INT: BtfType = { kind: "int", name: "int", size: 4, bits: 32, bitOffset: 0, encoding: 1 };
const CHAR: BtfType = { kind: "int", name: "char", size: 1, bits: 8, bitOffset: 0, encoding: 1 };
const at = (name: string, type: number, bitOffset: number, bitSize = 0): Member => ({ name, type, bitOffset, bitSize });
const struct = (name: string, size: number, members: readonly Member[]): BtfType => ({
  kind: "struct",
  name,
  size,
  bitfields: members.some(({ bitSize }) => bitSize > 0),
  members,
});

test("a bit field without a name aligns nothing", () => {
  const text = c([INT, CHAR, struct("s", 2, [at("a", 2, 0), at("", 1, 8, 5)])]);
  expect(text).toBe("struct s {\n\tchar a;\n\tint: 5;\n};\n\n");
  compile(`${text}_Static_assert(sizeof(struct s) == 2, "");`);
});

describe("order", () => {
  test("a struct knows itself", () => {
    const text = c([struct("node", 8, [at("next", 2, 0)]), { kind: "ptr", type: 1 }]);
    expect(text).toBe("struct node {\n\tstruct node *next;\n};\n\n");
  });

  test("an array's elements come first, even behind a pointer", () => {
    const types: BtfType[] = [
      { kind: "typedef", name: "rows", type: 2 },
      { kind: "ptr", type: 3 },
      { kind: "array", type: 4, indexType: 5, length: 2 },
      struct("row", 4, [at("x", 5, 0)]),
      INT,
    ];
    expect(c(types)).toBe("struct row {\n\tint x;\n};\n\ntypedef struct row (*rows)[2];\n\n");
    compile(c(types));
  });

  test("what is held comes first, what is pointed to is declared, and nothing else is", () => {
    const text = c([
      struct("outer", 16, [at("inner", 2, 0), at("self", 3, 64)]),
      struct("inner", 8, [at("back", 3, 0)]),
      { kind: "ptr", type: 1 },
      { kind: "typedef", name: "outer_t", type: 1 },
      { kind: "fwd", name: "hidden", union: true },
      { kind: "fwd", name: "inner", union: false },
    ]);
    expect(text).toBe(`struct outer;

struct inner {
	struct outer *back;
};

struct outer {
	struct inner inner;
	struct outer *self;
};

typedef struct outer outer_t;

union hidden;

`);
  });

  test("a circle through a typedef", () => {
    const types: BtfType[] = [
      struct("node", 8, [at("next", 2, 0)]),
      { kind: "ptr", type: 3 },
      { kind: "typedef", name: "node_t", type: 1 },
    ];
    expect(c(types)).toBe("struct node;\n\ntypedef struct node node_t;\n\nstruct node {\n\tnode_t *next;\n};\n\n");
  });
});

describe("names", () => {
  test("that C has for two things are told apart, as bpftool does", () => {
    const values = (...names: string[]) => names.map((name, value) => ({ name, value }));
    const types: BtfType[] = [
      INT,
      struct("s", 4, [at("x", 1, 0)]),
      struct("s", 8, [at("x", 2, 0), at("y", 1, 32)]),
      { kind: "enum", name: "", size: 4, signed: false, values: values("A", "B") },
      { kind: "enum", name: "e", size: 4, signed: false, values: values("A", "s") },
      { kind: "typedef", name: "B", type: 3 },
      { kind: "typedef", name: "s___2", type: 1 },
      { kind: "fwd", name: "s", union: true },
      { kind: "fwd", name: "s", union: false },
    ];
    const text = c(types);
    expect(text).toContain("struct s___2 {\n\tstruct s x;\n\tint y;\n};");
    expect(text).toContain("enum e {\n\tA = 0,\n\ts = 1,\n};");
    expect(text).toContain("typedef struct s___2 B;");
    expect(text).toContain("union s___3;\n");
    expect(text).toContain("struct s___4;\n");
    expect(text).toContain("enum {\n\tA___2 = 0,\n\tB___2 = 1,\n};");
    expect(() => compile(text)).not.toThrow();
  });

  test("of other languages, C's own words, and names of members that meet", () => {
    const types: BtfType[] = [
      { kind: "int", name: "u8", size: 1, bits: 8, bitOffset: 0, encoding: 0 },
      { kind: "int", name: "u24", size: 3, bits: 24, bitOffset: 0, encoding: 0 },
      { kind: "float", name: "long double", size: 16 },
      { kind: "int", name: "long int", size: 4, bits: 32, bitOffset: 0, encoding: 1 },
      struct("", 2, [at("class", 1, 0), at("int", 1, 8)]),
      struct("Option<u8>", 64, [
        at("", 5, 0),
        at("int", 1, 16),
        at("2nd", 2, 24),
        at("", 1, 48),
        at("f", 3, 128),
        at("l", 4, 256),
      ]),
      struct("padding", 64, [at("padding_8", 1, 0), at("x", 1, 256)]),
    ];
    const text = c(types);
    expect(text).toContain("typedef unsigned char u8;");
    expect(text).toContain(
      "struct Option_u8_ {\n\tstruct {\n\t\tu8 class;\n\t\tu8 int___2;\n\t};\n\tu8 int___3;\n\tu24 _2nd;",
    );
    expect(text).toContain("\tu8 unnamed;\n");
    expect(text).toContain("\tsigned int l;\n");
    const asserts = ["sizeof(struct Option_u8_) == 64", "__builtin_offsetof(struct Option_u8_, f) == 16"];
    const more = ["__builtin_offsetof(struct Option_u8_, l) == 32", "__builtin_offsetof(struct padding, x) == 32"];
    compile([text, ...[...asserts, ...more].map((claim) => `_Static_assert(${claim}, "");`)].join("\n"));
  });

  test("that have a word of C in them and are not C's", () => {
    const types: BtfType[] = [
      { kind: "int", name: "my int", size: 4, bits: 32, bitOffset: 0, encoding: 0 },
      { kind: "typedef", name: "t", type: 1 },
    ];
    expect(c(types)).toBe("typedef unsigned int my_int;\n\ntypedef my_int t;\n\n");
  });

  test("an attribute that is none stays a tag", () => {
    const tag = (name: string): BtfType[] => [
      INT,
      { kind: "type_tag", name, type: 1, attribute: true },
      { kind: "ptr", type: 2 },
      { kind: "typedef", name: "p", type: 3 },
    ];
    expect(c(tag("address_space(1)"))).toBe("typedef int __attribute__((address_space(1))) *p;\n\n");
    expect(c(tag('x)) y; ("'))).toBe('typedef int __attribute__((btf_type_tag("x)) y; (\\""))) *p;\n\n');
  });
});

describe("types that C cannot have are refused:", () => {
  const doubling = (count: number): BtfType[] => [
    INT,
    ...Array.from({ length: count }, (_, index) => [
      { kind: "ptr", type: index * 2 + 1 } as const,
      struct("", 16, [at("a", index * 2 + 2, 0), at("b", index * 2 + 2, 64)]),
    ]).flat(),
    { kind: "typedef", name: "all", type: count * 2 + 1 },
  ];
  const nested = (count: number): BtfType[] => [
    INT,
    ...Array.from({ length: count }, (_, index) => struct("", 4, [at("a", index + 1, 0)])),
    { kind: "typedef", name: "all", type: count + 1 },
  ];
  test.each<[string, readonly BtfType[], RegExp]>([
    ["a struct in itself", [struct("s", 4, [at("x", 1, 0)])], /type 1 as C: it contains itself/],
    ["a nameless struct in itself", [struct("", 4, [at("x", 1, 0)]), struct("s", 4, [at("x", 1, 0)])], /nested|hold/],
    ["a typedef of itself", [{ kind: "typedef", name: "t", type: 1 }], /type 1 as C: it contains itself/],
    [
      "a pointer to itself",
      [
        { kind: "ptr", type: 1 },
        { kind: "typedef", name: "t", type: 1 },
      ],
      /hold themselves/,
    ],
    [
      "a nameless struct that is written twice, and so on",
      doubling(40),
      /hold themselves, or each other far too often/,
    ],
    ["nameless structs in each other, too deep", nested(1000), /nested more than 256 deep/],
    ["members that overlap", [INT, struct("s", 8, [at("a", 1, 0), at("b", 1, 16)])], /\(struct s\) has no form in C/],
    ["a member that is too large", [INT, struct("s", 2, [at("a", 1, 0)])], /\(struct s\) has no form in C/],
    ["a wide bit field", [INT, struct("s", 8, [at("a", 1, 0, 40)])], /\(struct s\) has no form in C/],
    ["a member of no type", [struct("s", 8, [at("a", 0, 0)])], /its member a, of type 0, has no size/],
    [
      "a struct that is only declared",
      [{ kind: "fwd", name: "f", union: false }, struct("s", 8, [at("a", 1, 0)])],
      /type 1 \(f\) as C: it is only declared/,
    ],
    [
      "a function's name as a type",
      [{ kind: "func", name: "f", type: 0, linkage: "static" }, struct("s", 8, [at("a", 1, 0)])],
      /type 1 \(func f\) is used as the type of something/,
    ],
    [
      "an enum of three bytes",
      [{ kind: "enum", name: "e", size: 3, signed: false, values: [{ name: "A", value: 1 }] }],
      /enum e as C: none has 3 bytes/,
    ],
  ])("%s", (_, types, message) => {
    expect(() => c(types)).toThrow(message);
    expect(() => c(types)).toThrow(XdpgenError);
  });
});

describe("text is refused before it is more than memory holds:", () => {
  const LONG = "x".repeat(2 ** 20);
  const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));
  test.each<[string, readonly BtfType[]]>([
    [
      "values of an enum without a name, wherever it is used",
      [
        {
          kind: "enum",
          name: "",
          size: 4,
          signed: false,
          values: times(60_000, (value) => ({ name: "A", value })),
        },
        struct(
          "s",
          240_000,
          times(60_000, (n) => at("m", 1, n * 32)),
        ),
      ],
    ],
    [
      "members of one long name",
      [
        INT,
        struct(
          "s",
          240_000,
          times(60_000, (n) => at(LONG, 1, n * 32)),
        ),
      ],
    ],
    [
      "one long tag",
      [
        INT,
        { kind: "type_tag", name: LONG, type: 1, attribute: false },
        { kind: "ptr", type: 2 },
        struct(
          "s",
          480_000,
          times(60_000, (n) => at("m", 3, n * 64)),
        ),
      ],
    ],
  ])("%s", (_, types) => {
    expect(() => c(types)).toThrow(/far too often|longer than 268435456 characters/);
  });
});
