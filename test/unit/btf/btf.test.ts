import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Btf, type BtfType, decodeBtf, decodeBtfExt, encodeBtf } from "../../../src/codegen/btf/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { ALL_KINDS, SOME_EXT, anyBtf, anyExt } from "../../support/btf.ts";
import { damaged, refusal } from "../../support/damage.ts";
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

describe("refuses", () => {
  const { btf: good, ext: goodExt } = encodeBtf({ btf: ALL_KINDS, ext: SOME_EXT });
  const patched = (bytes: Uint8Array, at: number, word: number): Uint8Array => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(at, word, true);
    return copy;
  };

  const patchedByte = (bytes: Uint8Array, at: number, byte: number): Uint8Array => {
    const copy = bytes.slice();
    copy[at] = byte;
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
    ["a tag on part -2", patched(good, good.indexOf(0xff, 400), 0xffff_fffe), /type 22 at byte \d+ is on part -2/],
    ["strings that do not end", good.subarray(0, -1), /strings of .BTF are \d+ bytes from byte \d+ on/],
    ["a last string without an end", patchedByte(good, good.length - 1, 65), /do not end with a NUL/],
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

  test("split BTF, and says what it is", () => {
    // As of a module: its strings continue those of vmlinux, and so do its types, of which this one points to number 5.
    const words = [0x0001_eb9f, 24, 0, 12, 12, 4, 0x0010_0000, 0x0200_0000, 5, 0x0062_6100];
    const bytes = new Uint8Array(new Uint32Array(words).buffer);
    bytes.set([0x61, 0x62, 0, 0], 36);
    expect(() => decodeBtf(bytes)).toThrow(/module.*continues the types and strings of vmlinux/);
    expect(() => decodeBtf(bytes)).toThrow(XdpgenError);
    // A module that needs no strings of its own has none.
    const without = bytes.slice(0, 36);
    new DataView(without.buffer).setUint32(20, 0, true);
    expect(() => decodeBtf(without)).toThrow(/module/);
  });

  test("names that overlap until they are more than memory holds", () => {
    // Each of ten thousand types has another end of one long string as its name.
    const count = 10_000;
    const types: BtfType[] = Array.from({ length: count }, () => ({ kind: "fwd", name: "", union: false }));
    const { btf } = encodeBtf({ btf: { types: [...types, { kind: "fwd", name: "x".repeat(count), union: false }] } });
    const view = new DataView(btf.buffer);
    for (let index = 0; index < count; index++) view.setUint32(24 + index * 12, 1 + index, true);
    expect(() => decodeBtf(btf)).toThrow(/string of type \d+ at byte \d+ overlaps others/);
  });

  test("or reads any damaged bytes", () => {
    let read = 0;
    let refused = 0;
    for (const { btf, ext } of [{ btf: good, ext: goodExt! }, OBJECTS[0]![1]]) {
      fc.assert(
        fc.property(damaged(btf), damaged(ext), (types, records) => {
          for (const attempt of [() => decodeBtf(types), () => decodeBtfExt(records, btf)]) {
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
