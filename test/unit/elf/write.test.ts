/** Values that no object can hold are refused, whatever they would be cut to. */
import { expect, test } from "vitest";
import { SHT_PROGBITS, writeElf } from "../../../src/codegen/elf/index.ts";
import type { ElfObject, ElfSymbol } from "../../../src/codegen/elf/object.ts";
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

function object(symbol: Partial<ElfSymbol>, offset = 0): ElfObject {
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
    sections: [{ ...section, relocations: [{ offset, type: 10, symbol: 0 }] }],
    symbols: [{ ...SYMBOL, ...symbol }],
  };
}

test.each([
  ["a value of half a byte", object({ value: 0.5 }), /symbol main is 8 bytes at 0.5/],
  ["a value before the section", object({ value: -8 }), /symbol main is 8 bytes at -8/],
  ["a size that is no number", object({ size: Number.NaN }), /symbol main is NaN bytes/],
  ["a size of more than 53 bits", object({ size: 2 ** 60 }), /symbol main is 11529215046068\d+ bytes/],
  ["a relocation between two bytes", object({}, 0.5), /relocation at 0.5 is outside section xdp/],
])("refuses %s", (_, value, message) => {
  const error = refusal(() => void writeElf(value));
  expect(error?.code).toBe("object-invalid");
  expect(error?.message).toMatch(message);
});
