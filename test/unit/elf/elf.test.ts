import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encode, exit, ldSymbol, mov64Imm, R0, R1, callSymbol } from "../../../src/codegen/asm/index.ts";
import {
  type ElfObject,
  type ElfSection,
  type ElfSymbol,
  R_BPF_64_32,
  R_BPF_64_64,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_PROGBITS,
  readElf,
  writeElf,
} from "../../../src/codegen/elf/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { damaged, refusal } from "../../support/damage.ts";
import { withFile } from "../../support/llvm.ts";
import { MANY_FEATURES, compile, distributionObjects } from "../../support/objects.ts";

/** The object with symbols in the order of a file, and relocations following them. */
function inFileOrder(object: ElfObject): ElfObject {
  const symbols = object.symbols.toSorted((a, b) => Number(a.binding !== "local") - Number(b.binding !== "local"));
  const relocations = (section: ElfSection): ElfSection["relocations"] =>
    section.relocations.map((r) => ({ ...r, symbol: symbols.indexOf(object.symbols[r.symbol]!) }));
  return { symbols, sections: object.sections.map((section) => ({ ...section, relocations: relocations(section) })) };
}

const section = (name: string, data: Uint8Array, more: Partial<ElfSection> = {}): ElfSection => ({
  name,
  type: SHT_PROGBITS,
  flags: SHF_ALLOC,
  data,
  size: data.length,
  align: 8,
  entrySize: 0,
  relocations: [],
  ...more,
});
const symbol = (name: string, more: Partial<ElfSymbol> = {}): ElfSymbol => ({
  name,
  value: 0,
  size: 0,
  type: "notype",
  binding: "global",
  visibility: "default",
  section: "undefined",
  ...more,
});

const code = encode([ldSymbol(R1, "counts"), callSymbol("helper"), mov64Imm(R0, 2), exit()]);
/** A global before a local symbol: the file must have them the other way round. */
const SMALL: ElfObject = {
  sections: [
    section("xdp", code, {
      flags: SHF_ALLOC | SHF_EXECINSTR,
      relocations: [
        { offset: 0, type: R_BPF_64_64, symbol: 1 },
        { offset: 16, type: R_BPF_64_32, symbol: 2 },
      ],
    }),
    section(".bss", new Uint8Array(), { type: SHT_NOBITS, flags: SHF_ALLOC | SHF_WRITE, size: 64, align: 32 }),
    section("license", new TextEncoder().encode("GPL\0"), { align: 1 }),
  ],
  symbols: [
    symbol("main", { type: "func", section: 0, size: code.length }),
    symbol("counts", { type: "object", section: 1, value: 8, size: 8, binding: "local" }),
    symbol("helper", { binding: "weak", visibility: "hidden" }),
    symbol("", { type: "section", section: 0, binding: "local" }),
  ],
};

const OBJECTS: [string, Uint8Array][] = [
  ["clang, many features", compile(MANY_FEATURES)],
  ["clang, -mcpu=v1", compile(MANY_FEATURES, "-mcpu=v1")],
  ["clang, sections per function", compile(MANY_FEATURES, "-ffunction-sections", "-fdata-sections")],
  ...distributionObjects(),
];

describe("read and write", () => {
  test("are each other's inverse, but for the order of symbols", () => {
    expect(readElf(writeElf(SMALL))).toEqual(inFileOrder(SMALL));
    expect(readElf(writeElf({ sections: [], symbols: [] }))).toEqual({ sections: [], symbols: [] });
  });

  test("the same values give the same bytes", () => {
    expect(writeElf(structuredClone(SMALL))).toEqual(writeElf(SMALL));
  });

  test.each(OBJECTS)("%s", (_, bytes) => {
    const object = readElf(bytes);
    expect(object.sections.length).toBeGreaterThan(3);
    expect(object.symbols.length).toBeGreaterThan(2);
    expect(readElf(writeElf(object))).toEqual(object);
  });

  test("section data are views of the bytes that were read", () => {
    const bytes = writeElf(SMALL);
    const [xdp] = readElf(bytes).sections;
    xdp!.data[0] = 0;
    expect(readElf(bytes).sections[0]!.data[0]).toBe(0);
  });

  test("reads a view into a larger buffer", () => {
    const bytes = writeElf(SMALL);
    const larger = new Uint8Array(bytes.length + 10);
    larger.set(bytes, 5);
    expect(readElf(larger.subarray(5, 5 + bytes.length))).toEqual(readElf(bytes));
  });
});

describe("llvm-readelf", () => {
  const readelf = (bytes: Uint8Array, ...options: string[]): string =>
    withFile(bytes, (path) => {
      // Warnings about a damaged file go to stderr; they are part of the answer.
      return execFileSync("sh", ["-c", 'llvm-readelf "$@" 2>&1', "sh", ...options, path], { encoding: "utf8" });
    });
  const lines = (text: string): string[] => text.split("\n").map((line) => line.trim().replaceAll(/\s+/g, " "));

  test("shows what was written", () => {
    const text = readelf(writeElf(SMALL), "-a", "--elf-output-style=GNU");
    expect(text).not.toMatch(/warning|error/i);
    expect(text).toMatch(/Machine:\s+EM_BPF/);
    const shown = lines(text);
    expect(shown).toContain("1: 0000000000000008 8 OBJECT LOCAL DEFAULT 2 counts");
    expect(shown).toContain("3: 0000000000000000 40 FUNC GLOBAL DEFAULT 1 main");
    expect(shown).toContain("4: 0000000000000000 0 NOTYPE WEAK HIDDEN UND helper");
    expect(text).toMatch(/\[ 2\] \.bss\s+NOBITS\s.*000040 00\s+WA\s+0\s+0 32/);
    // Names in section 6, the first symbol that is not local is number 3.
    expect(text).toMatch(/\[ 5\] \.symtab\s+SYMTAB\s.* 18\s+6\s+3\s+8/);
    expect(text).toMatch(/0000000000000000\s+\w+ R_BPF_64_64\s+0000000000000008 counts/);
    expect(text).toMatch(/0000000000000010\s+\w+ R_BPF_64_32\s+0000000000000000 helper/);
  });

  test.each(OBJECTS)("sees the same symbols and relocations in what we wrote: %s", (_, bytes) => {
    // Numbers of sections and offsets in the file may differ; names, values and bytes may not.
    const compared = (input: Uint8Array): string[] =>
      lines(readelf(input, "-s", "-r"))
        .map((line) => line.replace(/^(\d+: .*(?:DEFAULT|HIDDEN)) \d+ /, "$1 "))
        .map((line) =>
          line.replace(/^Relocation section .*? at offset \w+/, "").replace(/^Symbol table .* contains/, ""),
        )
        .map((line) => line.replace(/^(\w{16}) \w{16} R_/, "$1 R_"))
        .toSorted();
    const ours = compared(writeElf(readElf(bytes)));
    expect(ours.length).toBeGreaterThan(10);
    expect(ours).toEqual(compared(bytes));
  });
});

describe("readElf refuses", () => {
  const good = writeElf(SMALL);
  const view = new DataView(good.buffer);
  const table = Number(view.getBigUint64(0x28, true));
  const patched = (at: number, ...values: number[]): Uint8Array => {
    const copy = good.slice();
    copy.set(values, at);
    return copy;
  };
  /** A field of the header of a section: 1 xdp, 2 .bss, 3 license, 4 .relxdp, 5 .symtab, 6 .strtab. */
  const header = (index: number, field: number): number => table + index * 64 + field;
  const offsetOf = (index: number): number => Number(view.getBigUint64(header(index, 0x18), true));

  test.each([
    ["nothing", new Uint8Array(), /not an ELF file: it begins with nothing/],
    ["text", new TextEncoder().encode("#include <linux/bpf.h>"), /begins with 23 69 6e 63, not 7f 45 4c 46/],
    ["a cut header", good.slice(0, 63), /the ELF header is 64 bytes.*the file has 63 bytes/],
    ["32-bit objects", patched(4, 1), /class at byte 4 is 1, not 2/],
    ["big endian", patched(5, 2), /byte order at byte 5 is 2, not 1.*bpfel/],
    ["another machine", patched(0x12, 62), /machine at byte 18 is 62, not 247/],
    ["an executable", patched(0x10, 2), /file type at byte 16 is 2, not 1.*-c/],
    ["no sections", patched(0x28, 0, 0, 0, 0, 0, 0, 0, 0), /no sections/],
    ["a cut table", good.slice(0, -1), /section header table is 448 bytes from byte \d+ on.*truncated/],
    ["a table at no place", patched(0x2c, 1), /section header table.*truncated/],
    ["an impossible offset", patched(0x2f, 0x80), /offset at byte 40 is \d+: the object is damaged/],
    ["a section beyond the end", patched(header(1, 0x22), 1), /section 1 is 65576 bytes from byte 64 on/],
    ["an odd alignment", patched(header(1, 0x30), 3), /alignment at byte \d+ is 3, not a power of two/],
    ["a name beyond the names", patched(header(1, 2), 1), /name of section 1/],
    ["names in no string table", patched(0x3e, 1), /section names should be in section 1, which is of type 1/],
    ["symbol entries of another size", patched(header(5, 0x38), 16), /entries of 16, not of 24/],
    ["relocations with addends", patched(header(4, 4), 4), /section 4 has relocations with addends/],
    ["relocations to no symbol table", patched(header(4, 0x28), 6), /uses symbols of section 6/],
    ["a relocation of no symbol", patched(offsetOf(4) + 12, 5), /is to symbol 5 of 5/],
    ["a relocation of the null symbol", patched(offsetOf(4) + 12, 0), /is to symbol 0 of 5/],
    ["a relocation beyond the section", patched(offsetOf(4), 32), /patches 16 bytes at 32 of section 1, which has 40/],
    ["a symbol in no section", patched(offsetOf(5) + 24 + 6, 99), /symbol 1 .*counts, is in section 99/],
    ["a symbol in a table", patched(offsetOf(5) + 24 + 6, 5), /is in section 5, which is a table/],
    ["a thread-local symbol", patched(offsetOf(5) + 24 + 4, 6), /type of symbol 1 .*counts, is 6/],
    ["an unknown binding", patched(offsetOf(5) + 24 + 4, 0xa0), /binding of symbol 1 .*counts, is 10/],
  ] satisfies [string, Uint8Array, RegExp][])("%s", (_, bytes, message) => {
    expect(() => readElf(bytes)).toThrow(message);
    expect(() => readElf(bytes)).toThrow(XdpgenError);
  });

  test("relocation tables that lie on each other: a small file could ask for any amount of work", () => {
    const many = Array.from({ length: 1000 }, () => ({ offset: 0, type: R_BPF_64_64, symbol: 0 }));
    const sections = Array.from({ length: 20 }, (_, index) =>
      section(`s${index}`, code, { relocations: index === 0 ? many : many.slice(0, 1) }),
    );
    const bytes = writeElf({ sections, symbols: [symbol("counts")] });
    const file = new DataView(bytes.buffer);
    const headers = Number(file.getBigUint64(0x28, true));
    const [first, ...others] = sections.map((_, index) => headers + (21 + index) * 64);
    expect(readElf(bytes).sections[0]!.relocations).toHaveLength(1000);
    for (const other of others) {
      for (const field of [0x18, 0x20]) file.setBigUint64(other + field, file.getBigUint64(first! + field, true), true);
    }
    expect(() => readElf(bytes)).toThrow(/section 22 shares its bytes/);
  });

  test("or reads any damaged object", () => {
    let refused = 0;
    let read = 0;
    for (const bytes of [good, OBJECTS[0]![1]]) {
      fc.assert(
        fc.property(damaged(bytes), (input) => {
          const error = refusal(() => {
            const object = readElf(input);
            read++;
            expect(readElf(writeElf(object)).sections).toHaveLength(object.sections.length);
          });
          expect(error?.code ?? "object-invalid").toMatch(/^object-/);
          refused += error ? 1 : 0;
        }),
        { numRuns: 400 },
      );
    }
    expect(Math.min(refused, read)).toBeGreaterThan(20);
  });
});

test.each([
  ["a relocation of no symbol", { ...SMALL, symbols: SMALL.symbols.slice(0, 2) }, /section xdp is to symbol 2/],
  ["a symbol in no section", { ...SMALL, sections: SMALL.sections.slice(0, 1) }, /symbol counts is in section 1/],
  [
    "a size that is not the data's",
    { sections: [section("a", code, { size: 1 })], symbols: [] },
    /section a has 40 bytes/,
  ],
  ["an alignment of 12", { sections: [section("a", code, { align: 12 })], symbols: [] }, /aligned to 12/],
  ["a name with a NUL", { sections: [section("a\0b", code)], symbols: [] }, /"a\\u0000b"/],
] satisfies [string, ElfObject, RegExp][])("writeElf refuses %s", (_, object, message) => {
  expect(() => writeElf(object)).toThrow(message);
});
