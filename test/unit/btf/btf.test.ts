import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Btf,
  type BtfType,
  decodeBtf,
  decodeBtfExt,
  encodeBtf,
  formatBtf,
  formatDeclaration,
} from "../../../src/codegen/btf/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { ALL_KINDS, SOME_EXT, anyBtf, anyExt } from "../../support/btf.ts";
import { damaged, refusal } from "../../support/damage.ts";
import { withFile } from "../../support/llvm.ts";
import { MANY_FEATURES, compile, distributionObjects } from "../../support/objects.ts";

const OBJECTS: [string, { btf: Uint8Array; ext: Uint8Array }][] = [
  ["clang, many features", compile(MANY_FEATURES)] as [string, Uint8Array],
  ...distributionObjects(),
].map(([name, bytes]) => {
  const { sections } = readElf(bytes);
  const data = (section: string): Uint8Array => sections.find((s) => s.name === section)!.data;
  return [name, { btf: data(".BTF"), ext: data(".BTF.ext") }];
});

describe("encode and decode", () => {
  test("every kind is in the list", () => {
    expect(new Set(ALL_KINDS.types.map((type) => type.kind)).size).toBe(19);
  });

  test("are each other's inverse", () => {
    const { btf, ext } = encodeBtf({ btf: ALL_KINDS, ext: SOME_EXT });
    expect(decodeBtf(btf)).toEqual(ALL_KINDS);
    expect(decodeBtfExt(ext!, btf)).toEqual(SOME_EXT);
    const both = anyBtf.chain((types) => fc.tuple(fc.constant(types), anyExt(types.types.length)));
    fc.assert(
      fc.property(both, ([types, records]) => {
        const encoded = encodeBtf({ btf: types, ext: records });
        expect(decodeBtf(encoded.btf)).toEqual(types);
        expect(decodeBtfExt(encoded.ext!, encoded.btf)).toEqual(records);
        expect(encodeBtf({ btf: types, ext: records })).toEqual(encoded);
      }),
    );
  });

  test.each(OBJECTS)("%s", (_, { btf, ext }) => {
    const types = decodeBtf(btf);
    const records = decodeBtfExt(ext, btf);
    expect([...records.funcInfo.values()].flat().length).toBeGreaterThan(0);
    expect([...records.lineInfo.values()].flat().length).toBeGreaterThan(0);
    const again = encodeBtf({ btf: types, ext: records });
    expect(decodeBtf(again.btf)).toEqual(types);
    expect(decodeBtfExt(again.ext!, again.btf)).toEqual(records);
  });

  test("a string stands in the table once", () => {
    const types: BtfType[] = [
      { kind: "fwd", name: "same", union: false },
      { kind: "fwd", name: "same", union: true },
    ];
    const { btf } = encodeBtf({ btf: { types } });
    expect(Buffer.from(btf).toString("latin1").split("same")).toHaveLength(2);
  });

  test("a line of source that is not UTF-8 is read as Latin-1", () => {
    const { btf, ext } = encodeBtf({
      btf: { types: [] },
      ext: { ...SOME_EXT, funcInfo: new Map(), coreRelocations: new Map() },
    });
    const at = Buffer.from(btf).indexOf("é");
    btf.set([0xe9, 0x21], at);
    expect(decodeBtfExt(ext!, btf).lineInfo.get("xdp")![0]!.text).toBe("int main() // é!");
  });

  test("a longer header and longer records of a later format are read", () => {
    const { btf, ext } = encodeBtf({
      btf: ALL_KINDS,
      ext: { ...SOME_EXT, lineInfo: new Map(), coreRelocations: new Map() },
    });
    const longer = (bytes: Uint8Array, at: number): Uint8Array => {
      const copy = new Uint8Array(bytes.length + 8);
      copy.set(bytes.subarray(0, at));
      copy.set(bytes.subarray(at), at + 8);
      return copy;
    };
    const longBtf = longer(btf, 24);
    longBtf[4] = 32;
    expect(decodeBtf(longBtf)).toEqual(ALL_KINDS);
    // One func_info record after the record size and the section's head, made 16 bytes long.
    const longExt = longer(ext!, ext!.length);
    const view = new DataView(longExt.buffer);
    view.setUint32(12, view.getUint32(12, true) + 8, true);
    view.setUint32(16, view.getUint32(16, true) + 8, true);
    view.setUint32(24, view.getUint32(24, true) + 8, true);
    view.setUint32(32, 16, true);
    expect(decodeBtfExt(longExt, longBtf).funcInfo).toEqual(SOME_EXT.funcInfo);
  });
});

/** What `bpftool btf dump -j` says of a type, from our value. Enumerators are compared modulo the enum's width. */
function asBpftool(type: BtfType, id: number): Record<string, unknown> {
  const anonymous = (name: string): string => name || "(anon)";
  const head = { id, kind: type.kind.toUpperCase(), name: anonymous("name" in type ? type.name : "") };
  switch (type.kind) {
    case "int": {
      const encoding = { 0: "(none)", 1: "SIGNED", 2: "CHAR", 4: "BOOL" }[type.encoding];
      return { ...head, size: type.size, bits_offset: type.bitOffset, nr_bits: type.bits, encoding };
    }
    case "ptr":
    case "typedef":
    case "const":
    case "volatile":
    case "restrict":
    case "type_tag":
      return { ...head, type_id: type.type };
    case "array":
      return { ...head, type_id: type.type, index_type_id: type.indexType, nr_elems: type.length };
    case "struct":
    case "union": {
      const members = type.members.map((m) => ({
        name: anonymous(m.name),
        type_id: m.type,
        bits_offset: m.bitOffset,
        ...(m.bitSize > 0 ? { bitfield_size: m.bitSize } : {}),
      }));
      return { ...head, size: type.size, vlen: members.length, members };
    }
    case "enum":
    case "enum64": {
      const values = type.values.map((v) => ({
        name: v.name,
        val: BigInt.asUintN(type.kind === "enum" ? 32 : 64, BigInt(v.value)),
      }));
      return { ...head, encoding: type.signed ? "SIGNED" : "UNSIGNED", size: type.size, vlen: values.length, values };
    }
    case "fwd":
      return { ...head, fwd_kind: type.union ? "union" : "struct" };
    case "func":
    case "var":
      return { ...head, type_id: type.type, linkage: type.linkage };
    case "func_proto": {
      const params = type.params.map((p) => ({ name: anonymous(p.name), type_id: p.type }));
      return { ...head, ret_type_id: type.type, vlen: params.length, params };
    }
    case "datasec": {
      const vars = type.vars.map((v) => ({ type_id: v.type, offset: v.offset, size: v.size }));
      return { ...head, size: type.size, vlen: vars.length, vars };
    }
    case "float":
      return { ...head, size: type.size };
    case "decl_tag":
      return { ...head, type_id: type.type, component_idx: type.component };
  }
}

function bpftoolTypes(btf: Uint8Array): Record<string, unknown>[] {
  const text = withFile(btf, (path) =>
    execFileSync("bpftool", ["-j", "btf", "dump", "file", path, "format", "raw"], { encoding: "utf8" }),
  );
  const { types } = JSON.parse(text.replaceAll(/"val":(-?\d+)/g, '"val":"$1"')) as { types: Record<string, unknown>[] };
  return types.map((type) => {
    const bits = type["kind"] === "ENUM" ? 32 : 64;
    if (Array.isArray(type["values"])) {
      type["values"] = type["values"].map((v: { name: string; val: string }) => ({
        ...v,
        val: BigInt.asUintN(bits, BigInt(v.val)),
      }));
    }
    // It adds the name of what a section's entry is.
    for (const entry of (type["vars"] ?? []) as Record<string, unknown>[]) delete entry["name"];
    return type;
  });
}

describe("bpftool reads the types that we do", () => {
  const ours = (btf: Btf): Record<string, unknown>[] => btf.types.map((type, index) => asBpftool(type, index + 1));

  test("in what we wrote", () => {
    expect(bpftoolTypes(encodeBtf({ btf: ALL_KINDS }).btf)).toEqual(ours(ALL_KINDS));
  });

  test.each(OBJECTS.slice(0, 4))("in %s", (_, { btf }) => {
    expect(bpftoolTypes(btf)).toEqual(ours(decodeBtf(btf)));
    expect(bpftoolTypes(encodeBtf({ btf: decodeBtf(btf) }).btf)).toEqual(ours(decodeBtf(btf)));
  });
});

describe("refuses", () => {
  const { btf: good, ext: goodExt } = encodeBtf({ btf: ALL_KINDS, ext: SOME_EXT });
  const patched = (bytes: Uint8Array, at: number, word: number): Uint8Array => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(at, word, true);
    return copy;
  };

  test.each([
    ["nothing", new Uint8Array(), /.BTF has 0 bytes/],
    ["another magic", patched(good, 0, 0x0001_1234), /0x1234 at byte 0, not 0xeb9f/],
    ["big endian", patched(good, 0, 0x0001_9feb), /big endian/],
    ["another version", patched(good, 0, 0x0002_eb9f), /version 2 at byte 2/],
    ["a short header", patched(good, 4, 20), /header of .BTF is 20 bytes/],
    ["types beyond the end", patched(good, 12, 0xffff_fff0), /types of .BTF are 4294967280 bytes from byte 24/],
    ["strings beyond the end", patched(good, 16, 0xffff_fff0), /strings of .BTF/],
    ["types that end in a type", patched(good, 12, 14), /type 1 at byte 36 is cut off|type 1 at byte \d+ is cut off/],
    ["a name beyond the strings", patched(good, 24, 0x00ff_ffff), /string of type 1 at byte \d+ is at 16777215/],
    ["an unknown kind", patched(good, 28, 0x1f00_0000), /type 1 at byte 24 has kind 31/],
    ["kind 0", patched(good, 28, 0), /kind 0/],
    ["a reference to no type", patched(good, 24 + 16 + 8, 99), /type 2 \(ptr\) refers to type 99; there are 23/],
  ] satisfies [string, Uint8Array, RegExp][])("%s", (_, bytes, message) => {
    expect(() => decodeBtf(bytes)).toThrow(message);
    expect(() => decodeBtf(bytes)).toThrow(XdpgenError);
  });

  test.each([
    ["records beyond the end", patched(goodExt!, 12, 0xffff), /func_info records of .BTF.ext are 65535 bytes/],
    ["records of four bytes", patched(goodExt!, 32, 4), /4 bytes each, not 8/],
    ["more records than there is room for", patched(goodExt!, 40, 0x1000_0000), /section xdp has 268435456 records/],
    ["a section without records", patched(goodExt!, 40, 0), /section xdp has 0 records/],
  ] satisfies [string, Uint8Array, RegExp][])("in .BTF.ext: %s", (_, bytes, message) => {
    expect(() => decodeBtfExt(bytes, good)).toThrow(message);
  });

  test.each([
    ["a reference to no type", { types: [{ kind: "ptr", type: 2 }] }, /type 1 \(ptr\): a reference is 2, not 0 to 1/],
    [
      "a bit field where the struct has none",
      {
        types: [
          {
            kind: "struct",
            name: "s",
            size: 4,
            bitfields: false,
            members: [{ name: "m", type: 0, bitOffset: 0, bitSize: 3 }],
          },
        ],
      },
      /\(struct s\): the bit size of m is 3/,
    ],
    [
      "an enumerator of 33 bits",
      { types: [{ kind: "enum", name: "e", size: 4, signed: true, values: [{ name: "A", value: 2 ** 31 }] }] },
      /A is 2147483648/,
    ],
    [
      "an enumerator of 65 bits",
      { types: [{ kind: "enum64", name: "e", size: 8, signed: true, values: [{ name: "A", value: 2n ** 63n }] }] },
      /does not fit 64 bits/,
    ],
    ["a name with a NUL", { types: [{ kind: "fwd", name: "a\0", union: false }] }, /"a\\u0000"/],
    ["a size below zero", { types: [{ kind: "float", name: "f", size: -4 }] }, /the size is -4/],
  ] satisfies [string, Btf, RegExp][])("to encode %s", (_, btf, message) => {
    expect(() => encodeBtf({ btf })).toThrow(message);
  });

  test("or reads any damaged bytes", () => {
    let read = 0;
    let refused = 0;
    for (const { btf, ext } of [{ btf: good, ext: goodExt! }, OBJECTS[0]![1]]) {
      fc.assert(
        fc.property(damaged(btf), damaged(ext), (types, records) => {
          for (const attempt of [() => formatBtf(decodeBtf(types)), () => decodeBtfExt(records, btf)]) {
            const error = refusal(attempt);
            expect(error?.code ?? "btf-invalid").toBe("btf-invalid");
            if (error) refused++;
            else read++;
          }
        }),
        { numRuns: 300 },
      );
    }
    expect(Math.min(read, refused)).toBeGreaterThan(20);
  });
});

describe("format", () => {
  test("every kind", () => {
    expect(formatBtf(ALL_KINDS)).toBe(`[1] int int: 32 bits in 4 bytes, signed
[2] struct node *
[3] int [5]
[4] struct node { // 40 bytes
    struct node *next; // byte 0
    int low:5; // byte 8
    union [5]; // byte 12
}
[5] union [5] { // 20 bytes
    int many[5]; // byte 0
    double one; // byte 0
}
[6] enum mood { // 4 bytes
    CALM = 1,
    ANGRY = -2,
}
[7] union later: declared only
[8] typedef enum mood mood_t
[9] volatile mood_t
[10] const volatile mood_t
[11] struct node *restrict
[12] global int main(struct node *restrict n, ...)
[13] int (struct node *restrict n, ...)
[14] static const volatile mood_t limit
[15] section .rodata { // 8 bytes
    4: limit, 4 bytes
}
[16] float double: 8 bytes
[17] tag "arg:nonnull" on [12], part 0
[18] struct node __attribute__((btf_type_tag("rcu")))
[19] enum wide { // 8 bytes
    HUGE = 18446744073709551615,
    ONE = 1,
}
[20] enum [20] { // 8 bytes
    LEAST = -9223372036854775808,
}
[21] struct node __attribute__((btf_type_tag("rcu"))) *
[22] tag "whole" on [4]
[23] enum flags { // 4 bytes
    TOP = 4294967295,
}
`);
  });

  test("pointers to arrays and functions have their parentheses, and circles end", () => {
    const types: BtfType[] = [
      { kind: "float", name: "float", size: 4 },
      { kind: "array", type: 1, indexType: 0, length: 3 },
      { kind: "ptr", type: 2 },
      { kind: "func_proto", type: 3, params: [] },
      { kind: "ptr", type: 4 },
      { kind: "ptr", type: 6 },
      { kind: "func_proto", type: 7, params: [{ name: "", type: 7 }] },
    ];
    expect(formatDeclaration({ types }, 3, "rows")).toBe("float (*rows)[3]");
    expect(formatDeclaration({ types }, 5, "get")).toBe("float (*(*get)(void))[3]");
    expect(formatDeclaration({ types }, 6, "p").length).toBeLessThan(1000);
    // A function of itself, eight times over, would be eight to the power of its depth long.
    const params = Array.from({ length: 8 }, () => ({ name: "", type: 1 }));
    expect(formatBtf({ types: [{ kind: "func_proto", type: 0, params }] }).length).toBeLessThan(2000);
  });
});
