/** Objects as text and back: those of clang, of Debian and of bpftool's linker, and made-up ones that no compiler makes. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encode, exit, ja, ldImm64, mov64Imm, R0, R1 } from "../../../src/codegen/asm/index.ts";
import {
  type ElfObject,
  type ElfSymbol,
  R_BPF_64_32,
  R_BPF_64_64,
  R_BPF_64_ABS32,
  R_BPF_64_ABS64,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_MERGE,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_PROGBITS,
  readElf,
} from "../../../src/codegen/elf/index.ts";
import { formatObject, parseObject } from "../../../src/codegen/source/index.ts";
import { LLVMS } from "../../support/llvm-tools.ts";
import { assembleObject } from "../../support/llvm.ts";
import {
  clangVariations,
  compile,
  compiledObjects,
  distributionObjects,
  MANY_FEATURES,
  section,
  symbol,
} from "../../support/objects.ts";
import { meaning } from "./same.ts";

const NEWEST = LLVMS.at(-1)!;

const objects = [...compiledObjects(), ...distributionObjects(), ...clangVariations()].map(
  ([name, bytes]): [string, ElfObject] => [name, readElf(bytes)],
);

it.each(objects)("%s is the same after text", (name, object) => {
  for (const options of [{}, { dialect: "kernel" }, { slots: true }, { dialect: "kernel", slots: true }] as const) {
    const again = parseObject(formatObject(object, options), { file: name });
    expect(meaning(again)).toEqual(meaning(object));
  }
});

/** LLVM 14 cannot read the atomic fetch that it prints, and no LLVM what another has compressed. */
const readable = objects.filter(([name, { sections }]) => {
  const fetches = name.includes("-O0") && NEWEST.version < 18;
  return !fetches && !name.startsWith("xdpfilt_") && sections.every(({ flags }) => (flags & 0x800) === 0);
});

it.each(readable)("%s: LLVM makes the same of the text", (_, object) => {
  expect(meaning(readElf(assembleObject(formatObject(object), NEWEST)))).toEqual(meaning(object));
});

it("comments before instructions do not change it, whatever they hold", () => {
  const object = readElf(compile(MANY_FEATURES));
  const text = formatObject(object, { notes: (index, offset) => [`${index}:${offset} "; \n exit # { */ /*`] });
  expect(text).toContain('// 0:0 "; exit # { */ /*');
  expect(meaning(parseObject(text))).toEqual(meaning(object));
});

it("shows one section alone, with its directives", () => {
  const object = readElf(compile(MANY_FEATURES));
  const index = object.sections.findIndex(({ name }) => name === "license");
  expect(formatObject(object, { section: index })).toBe(
    [
      '    .section license,"aw",@progbits',
      "    .globl _license",
      "    .type _license,@object",
      "    .size _license, 4",
      "_license:",
      '    .asciz "GPL"',
      "",
    ].join("\n"),
  );
});

describe("what bpftool has linked", () => {
  /** Two objects with functions and labels of the same names, linked. */
  function linked(): ElfObject {
    const folder = mkdtempSync(join(tmpdir(), "xdpgen-test-"));
    try {
      const inputs = ["one", "two"].map((name) => {
        const path = join(folder, `${name}.o`);
        writeFileSync(
          path,
          compile(`
            static __attribute__((noinline)) int same(volatile int *x) { return *x > 5 ? *x : 1; }
            __attribute__((section("xdp"), used)) int xdp_${name}(volatile int *x) { return same(x) + same(x + 1); }`),
        );
        return path;
      });
      execFileSync("bpftool", ["gen", "object", join(folder, "linked.o"), ...inputs], { stdio: "pipe" });
      return readElf(new Uint8Array(readFileSync(join(folder, "linked.o"))));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it("has two symbols of one name, which the text tells apart, and is otherwise the same", () => {
    const object = linked();
    const again = parseObject(formatObject(object));
    const renamed = (text: string): string => text.replaceAll(/(?<=^| )(\S+)\.2 (func|notype)/g, "$1 $2");
    const used = (list: readonly string[]): string[] =>
      list
        .map(renamed)
        .filter((line) => !/^\S* ?section /.test(line))
        .toSorted();
    expect(object.symbols.filter(({ name }) => name === "same")).toHaveLength(2);
    expect(again.symbols.filter(({ name }) => name === "same.2")).toHaveLength(1);
    expect(used(meaning(again).symbols)).toEqual(used(meaning(object).symbols));
    const code = ({ sections }: ElfObject): string[] =>
      sections.map(({ name, data }) => `${name} ${Buffer.from(data).toString("hex")}`).toSorted();
    expect(code(again)).toEqual(code(object));
  });
});

const code = encode([ldImm64(R1, 0n), ja(-1), mov64Imm(R0, 2), exit()]);
const CODE = { flags: SHF_ALLOC | SHF_EXECINSTR };

const local = (name: string, more: Partial<ElfSymbol> = {}): ElfSymbol => symbol(name, { binding: "local", ...more });

/** Objects that need the words that compilers do not. */
const ODD: readonly [string, ElfObject][] = [
  [
    "relocations to local names, which no text form gives",
    {
      sections: [
        section("xdp", code, {
          ...CODE,
          relocations: [
            { offset: 0, type: R_BPF_64_64, symbol: 1 },
            { offset: 24, type: R_BPF_64_32, symbol: 0 },
          ],
        }),
        section(".data", new Uint8Array(8), {
          flags: SHF_ALLOC | SHF_WRITE,
          relocations: [{ offset: 0, type: R_BPF_64_ABS64, symbol: 1 }],
        }),
        section(".debug", new Uint8Array(8), {
          flags: 0,
          relocations: [{ offset: 2, type: R_BPF_64_ABS32, symbol: 1 }],
        }),
      ],
      symbols: [local("f", { section: 0, type: "func" }), local(".Lhere", { section: 1, value: 4 })],
    },
  ],
  [
    "addresses behind global names",
    {
      sections: [
        section("xdp", encode([ldImm64(R1, 8n), { ...ldImm64(R1, 0n), imm: -8 }, exit()]), {
          ...CODE,
          relocations: [
            { offset: 0, type: R_BPF_64_64, symbol: 0 },
            { offset: 16, type: R_BPF_64_64, symbol: 0 },
          ],
        }),
        section(".data", Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0), {
          flags: SHF_ALLOC | SHF_WRITE,
          relocations: [
            { offset: 0, type: R_BPF_64_ABS64, symbol: 1 },
            { offset: 8, type: R_BPF_64_ABS32, symbol: 1 },
          ],
        }),
      ],
      symbols: [symbol("counts", { section: 1 }), symbol("elsewhere")],
    },
  ],
  [
    "symbols within an instruction and behind the end",
    {
      sections: [section("xdp", code, CODE)],
      symbols: [
        local("inside", { section: 0, value: 8 }),
        local("end", { section: 0, value: code.length, binding: "global" }),
        local("beyond", { section: 0, value: 1000, type: "object", size: 3 }),
      ],
    },
  ],
  [
    "bytes in code that are no instructions",
    { sections: [section("xdp", Uint8Array.of(...code, ...new Uint8Array(12).fill(0xff)), CODE)], symbols: [] },
  ],
  [
    "sections of one name, and one without",
    {
      sections: [
        section("s", code, CODE),
        section("s", code, { ...CODE, relocations: [{ offset: 0, type: R_BPF_64_64, symbol: 0 }] }),
        section("", Uint8Array.of(1), {}),
        section("with space, and comma", Uint8Array.of(1), { flags: 0x5000_0000, type: 0x6fff_4c04 }),
      ],
      symbols: [local("", { section: 1, type: "section" })],
    },
  ],
  [
    "names that need quotes, and all sorts of symbols without a place",
    {
      sections: [section("xdp", code, CODE)],
      symbols: [
        symbol('a "quoted\\ name', { section: 0 }),
        local("r1", { section: 0, value: 16 }),
        symbol("ünïcode", { section: 0, value: 24, binding: "weak", visibility: "hidden" }),
        symbol("absolute", { section: "absolute", value: 0x1234 }),
        symbol("common", { section: "common", value: 16, size: 24, type: "object", binding: "global" }),
        symbol("absent", { section: "undefined", binding: "weak", type: "func" }),
        local("file é.c", { section: "absolute", type: "file" }),
      ],
    },
  ],
  [
    "merged strings, referred to by name and offset",
    {
      sections: [
        section(".strings", new TextEncoder().encode("one\0two\0"), {
          flags: SHF_ALLOC | SHF_MERGE | 0x20,
          entrySize: 1,
        }),
        section(".data", Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0), {
          flags: SHF_ALLOC | SHF_WRITE,
          relocations: [
            { offset: 0, type: R_BPF_64_ABS64, symbol: 0 },
            { offset: 8, type: R_BPF_64_ABS64, symbol: 1 },
          ],
        }),
      ],
      symbols: [local("two", { section: 0, value: 4 }), local("", { section: 0, type: "section" })],
    },
  ],
  [
    "two relocations of one place, and one to a temporary name that is defined nowhere",
    {
      sections: [
        section(".data", new Uint8Array(16), {
          flags: SHF_ALLOC | SHF_WRITE,
          relocations: [
            { offset: 0, type: R_BPF_64_ABS64, symbol: 0 },
            { offset: 0, type: R_BPF_64_ABS64, symbol: 1 },
            { offset: 8, type: R_BPF_64_ABS64, symbol: 2 },
          ],
        }),
      ],
      symbols: [symbol("one"), symbol("two"), symbol(".Lnowhere")],
    },
  ],
  [
    "flags that have no letters, and more zeros than a text may write",
    {
      sections: [
        section("flagged", Uint8Array.of(1), { flags: 2 ** 52 + 4 }),
        section(".bss", new Uint8Array(), { type: SHT_NOBITS, size: 0xffff_ffff, flags: SHF_ALLOC | SHF_WRITE }),
      ],
      symbols: [symbol("shared", { section: "common", value: 16, size: 0x2000_0000, type: "object" })],
    },
  ],
  [
    "no bytes at all",
    {
      sections: [
        section(".bss", new Uint8Array(), {
          type: SHT_NOBITS,
          size: 1 << 20,
          flags: SHF_ALLOC | SHF_WRITE,
          align: 4096,
        }),
        section("empty", new Uint8Array(), { type: SHT_PROGBITS }),
      ],
      symbols: [local("big", { section: 0, value: 16, size: 64 })],
    },
  ],
];

it.each(ODD)("%s", (_, object) => {
  const text = formatObject(object);
  expect(meaning(parseObject(text))).toEqual(meaning(object));
});

it("a local symbol that is defined nowhere is left out, unless a relocation needs it", () => {
  const loading = encode([ldImm64(R1, 0), exit()]);
  const flags = SHF_ALLOC | SHF_EXECINSTR;
  const relocations = [{ offset: 0, type: R_BPF_64_64, symbol: 1 }];
  const again = parseObject(
    formatObject({
      sections: [section("xdp", loading, { flags, relocations })],
      symbols: [local("unused", { visibility: "hidden" }), local("used", { visibility: "hidden", type: "func" })],
    }),
  );
  expect(again.sections[0]!.relocations).toEqual([{ offset: 0, type: R_BPF_64_64, symbol: 0 }]);
  expect(again.symbols).toEqual([symbol("used")]);
});

it("a symbol without a name gets one where a relocation needs it", () => {
  const again = parseObject(
    formatObject({
      sections: [
        section(".data", new Uint8Array(16), {
          flags: SHF_ALLOC | SHF_WRITE,
          relocations: [0, 2].map((to, index) => ({ offset: index * 8, type: R_BPF_64_ABS64, symbol: to })),
        }),
      ],
      symbols: [symbol(""), local("", { section: 0 }), local("", { section: 0, value: 8, type: "section" })],
    }),
  );
  expect(meaning(again)).toMatchObject({
    sections: {
      ".data": {
        relocations: [/^0: 2 unnamed .* undefined$/, /^8: 2 unnamed.2 .* 8\+0 in .data$/].map((words) =>
          expect.stringMatching(words),
        ),
      },
    },
    symbols: expect.toSatisfy((list: string[]) => list.length === 2),
  });
});

describe("names that could be taken for something else", () => {
  const loading = encode([ldImm64(R1, 0), exit()]);
  const undefinedSymbol = (name: string, binding: "global" | "weak" = "global"): ElfSymbol => symbol(name, { binding });
  const referring = (name: string): ElfObject => ({
    sections: [
      section("xdp", loading, {
        flags: SHF_ALLOC | SHF_EXECINSTR,
        relocations: [{ offset: 0, type: R_BPF_64_64, symbol: 0 }],
      }),
    ],
    symbols: [undefinedSymbol(name)],
  });

  it.each(["xdp", ".text", "1b", "2f", "7"])("a symbol %s is a symbol, and its relocation stays", (name) => {
    expect(meaning(parseObject(formatObject(referring(name))))).toEqual(meaning(referring(name)));
  });

  it("a symbol of digits is defined where its quoted label stands, as LLVM does it", () => {
    const text = '.section xdp,"ax",@progbits\n.globl "2"\n"2":\nexit\ncall "2"\nexit\n';
    expect(meaning(parseObject(text))).toEqual(meaning(readElf(assembleObject(text, NEWEST))));
  });

  it("many symbols of a few names are all told apart", () => {
    const count = 30_000;
    const symbols = Array.from({ length: count }, (_, i) =>
      symbol(["s", "t", "s.2"][i % 3]!, { section: 0, binding: "local", value: 0 }),
    );
    const text = formatObject({ sections: [section("xdp", loading, { flags: SHF_ALLOC | SHF_EXECINSTR })], symbols });
    const again = parseObject(text).symbols.map(({ name }) => name);
    expect(new Set(again).size).toBe(count);
  });

  it.each([".globl", ".weak", ".local"])("%s refuses a name that is of one text alone", (directive) => {
    expect(() => parseObject(`${directive} .Lfoo\n.Lfoo: exit\n`)).toThrow(/\.Lfoo cannot be (global|weak|local)/);
  });
});
