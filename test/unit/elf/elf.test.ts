import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ElfObject,
  SHF_COMPRESSED,
  SHF_GROUP,
  SHF_LINK_ORDER,
  SHT_NOBITS,
  readElf,
  writeElf,
} from "../../../src/codegen/elf/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { damaged, refusal } from "../../support/damage.ts";
import { assembleObject, withFile } from "../../support/llvm.ts";
import { MANY_FEATURES, SMALL_OBJECT, compile, inFileOrder, section, symbol } from "../../support/objects.ts";

const SMALL = SMALL_OBJECT;
const code = SMALL.sections[0]!.data;

describe("read and write", () => {
  test("are each other's inverse, but for the order of symbols", () => {
    expect(readElf(writeElf(SMALL))).toEqual(inFileOrder(SMALL));
    expect(readElf(writeElf({ sections: [], symbols: [] }))).toEqual({ sections: [], symbols: [] });
  });

  test("the same values give the same bytes", () => {
    expect(writeElf(structuredClone(SMALL))).toEqual(writeElf(SMALL));
  });

  test("DWARF that clang compressed keeps its relocations, which count bytes from before", () => {
    const object = readElf(compile(MANY_FEATURES, "-gz"));
    const info = object.sections.find((s) => s.name === ".debug_info")!;
    expect(info.flags & SHF_COMPRESSED).not.toBe(0);
    expect(
      Math.max(...object.sections.map((s) => Math.max(0, ...s.relocations.map((r) => r.offset)) - s.size)),
    ).toBeGreaterThan(0);
    expect(readElf(writeElf(object))).toEqual(object);
  });

  test("a flag that would name another section is dropped, and no other", () => {
    const flags = 2 ** 40 + SHF_GROUP + SHF_LINK_ORDER + 2;
    const bytes = writeElf({ sections: [section("a", code, { flags })], symbols: [] });
    expect(readElf(bytes).sections[0]!.flags).toBe(2 ** 40 + 2);
  });

  test("a section without bytes may be aligned to more than the file has", () => {
    const bss = section(".bss", new Uint8Array(), { type: SHT_NOBITS, size: 8, align: 0x1_0000 });
    expect(readElf(writeElf({ sections: [bss], symbols: [] })).sections).toEqual([bss]);
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
    // Every compiler marks a relocation section so, and libbpf's linker joins no two that differ in it.
    expect(text).toMatch(/\[ 4\] \.relxdp\s+REL\s.*000020 10\s+I\s+5\s+1\s+8/);
    expect(text).toMatch(/0000000000000000\s+\w+ R_BPF_64_64\s+0000000000000008 counts/);
    expect(text).toMatch(/0000000000000010\s+\w+ R_BPF_64_32\s+0000000000000000 helper/);
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
    ["an odd alignment", patched(header(1, 0x30), 3), /alignment of section 1, at byte \d+, is 3, not a power of two/],
    [
      "an alignment of 2^52 and 1",
      patched(header(1, 0x30), 1, 0, 0, 0, 0, 0, 0x10),
      /4503599627370497, more than a page/,
    ],
    ["more zeros than a map holds", patched(header(2, 0x24), 1), /size of section 2, at byte \d+, is 4294967360/],
    ["sections counted elsewhere", patched(0x3c, 0, 0), /null section, at byte \d+: only objects of less than 65280/],
    ["section names in section 65535", patched(0x3e, 0xff, 0xff), /counts its 7 sections in the null section/],
    ["a section on another", patched(header(3, 0x18), 64), /section 1 and section 3 share bytes from byte 64 on/],
    ["a section on the file header", patched(header(3, 0x18), 62), /the ELF header and section 3 share bytes/],
    [
      "a section on the table",
      patched(header(3, 0x18), table & 0xff, table >> 8),
      /the section header table and section 3 share bytes/,
    ],
    ["relocations of no section", patched(header(4, 0x2c), 9), /section 4 patches section 9, which is not there/],
    ["relocations of the null section", patched(header(4, 0x2c), 0), /section 4 patches section 0/],
    ["a symbol's section elsewhere", patched(offsetOf(5) + 24 + 6, 0xff, 0xff), /section of symbol 1 .*16-bit/],
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

  test("objects of big endian and of 32 bits, as clang makes them", () => {
    expect(() => readElf(compile(MANY_FEATURES, "-target", "bpfeb"))).toThrow(/byte order at byte 5 is 2.*bpfel/);
    const host = ["-target", "i386", "-mcpu=i686", "-g0", "-Wno-unknown-attributes"];
    expect(() => readElf(compile(MANY_FEATURES, ...host))).toThrow(
      /class at byte 4 is 1, not 2: BPF objects are 64-bit/,
    );
  });

  test("an object of as many sections as the format can hold", () => {
    const sections = Array.from({ length: 65_280 }, (_, index) => `.section s${index}`);
    expect(() => readElf(assembleObject(sections.join("\n")))).toThrow(
      expect.objectContaining({ code: "object-unsupported", message: expect.stringMatching(/its 6528\d sections/) }),
    );
  });

  test("names that lie on each other: a small file could ask for any amount of work", () => {
    const names = Array.from({ length: 1000 }, (_, index) => symbol(`n${index}`));
    const bytes = writeElf({ sections: [section("a", new TextEncoder().encode("x".repeat(60_000)))], symbols: names });
    const file = new DataView(bytes.buffer);
    const headers = Number(file.getBigUint64(0x28, true));
    const [a, symtab, strtab] = [1, 2, 3].map((index) => headers + index * 64);
    // The names become the end of section `a`, and each symbol's a suffix of it.
    const moved = (from: number, field: number, value: number): void =>
      file.setBigUint64(from + field, BigInt(value), true);
    const start = Number(file.getBigUint64(a! + 0x18, true));
    bytes[start + 59_999] = 0;
    moved(strtab!, 0x18, start);
    moved(strtab!, 0x20, 60_000);
    moved(a!, 0x20, 0);
    const entries = Number(file.getBigUint64(symtab! + 0x18, true));
    const nameAll = (step: number): void =>
      names.forEach((_, index) => file.setUint32(entries + (index + 1) * 24, 59_000 - index * step, true));
    nameAll(0);
    expect(readElf(bytes).symbols).toHaveLength(1000);
    nameAll(50);
    expect(() => readElf(bytes)).toThrow(/names in a table of 60000 bytes have more than \d+ characters/);
  });

  test("or reads any damaged object", () => {
    let refused = 0;
    let read = 0;
    for (const bytes of [good, compile(MANY_FEATURES)]) {
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
