/** Values that no object can hold are refused, whatever they would be cut to. */
import { expect, test } from "vitest";
import { SHT_PROGBITS, writeElf } from "../../../src/codegen/elf/index.ts";
import type { ElfObject, ElfSection, ElfSymbol } from "../../../src/codegen/elf/object.ts";
import { refusal } from "../../support/damage.ts";

const SYMBOL: ElfSymbol = {
  name: "main",
  value: 0,
  size: 8,
  type: "func",
  binding: "global",
  visibility: "default",
  section: 0,
};

function object(symbol: Partial<ElfSymbol>, offset = 0, type = 10, more: Partial<ElfSection> = {}): ElfObject {
  const section = {
    name: "xdp",
    type: SHT_PROGBITS,
    flags: 6,
    data: new Uint8Array(8),
    size: 8,
    align: 8,
    entrySize: 0,
  };
  return {
    sections: [{ ...section, relocations: [{ offset, type, symbol: 0 }], ...more }],
    symbols: [{ ...SYMBOL, ...symbol }],
  };
}

test.each([
  ["a value of half a byte", object({ value: 0.5 }), /symbol main is 8 bytes at 0.5/],
  ["a value before the section", object({ value: -8 }), /symbol main is 8 bytes at -8/],
  ["a size that is no number", object({ size: Number.NaN }), /symbol main is NaN bytes/],
  ["a size of more than 53 bits", object({ size: 2 ** 60 }), /symbol main is 11529215046068\d+ bytes/],
  ["a relocation between two bytes", object({}, 0.5), /relocation at 0.5 is outside section xdp/],
  ["a relocation of a type of 33 bits", object({}, 0, 2 ** 32), /relocation of section xdp has type 4294967296/],
  ["a section of such a type", object({}, 0, 10, { type: 2 ** 32 }), /section xdp has type 4294967296/],
  ["flags that are negative", object({}, 0, 10, { flags: -1 }), /section xdp has flags -1/],
  ["entries of half a byte", object({}, 0, 10, { entrySize: 0.5 }), /entries of 0.5 bytes/],
])("refuses %s", (_, value, message) => {
  const error = refusal(() => void writeElf(value));
  expect(error?.code).toBe("object-invalid");
  expect(error?.message).toMatch(message);
});
