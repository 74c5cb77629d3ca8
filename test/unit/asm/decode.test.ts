/** Lenient decoding: what the instruction set does not know is kept, byte for byte, as a live program's code has it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decode,
  encode,
  exit,
  format,
  type Instruction,
  LD_IMM64,
  mov64Imm,
  R0,
} from "../../../src/codegen/asm/index.ts";

const slot = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** The bytes of an instruction by hand, whatever it is. */
function bytesOf({ opcode, dst, src, off, imm, immHigh }: Instruction): number[] {
  const bytes = new DataView(new ArrayBuffer(immHigh === undefined ? 8 : 16));
  bytes.setUint8(0, opcode);
  bytes.setUint8(1, dst + 16 * src);
  bytes.setInt16(2, off, true);
  bytes.setInt32(4, imm, true);
  if (immHigh !== undefined) bytes.setInt32(12, immHigh, true);
  return [...new Uint8Array(bytes.buffer)];
}

test.each([
  // The kernel's own: a speculation barrier, a tail call, a load that may fault, the verifier's register 11.
  ["nospec", slot(0xc2, 0, 0, 0, 0, 0, 0, 0), { opcode: 0xc2, dst: 0, src: 0, off: 0, imm: 0 }],
  ["tail call", slot(0xf5, 0, 0, 0, 0, 0, 0, 0), { opcode: 0xf5, dst: 0, src: 0, off: 0, imm: 0 }],
  ["probed load", slot(0x39, 0x21, 0xf8, 0xff, 1, 0, 0, 0), { opcode: 0x39, dst: 1, src: 2, off: -8, imm: 1 }],
  ["register 11", slot(0xbf, 0x1b, 0, 0, 0, 0, 0, 0), { opcode: 0xbf, dst: 11, src: 1, off: 0, imm: 0 }],
  ["an exit with an immediate", slot(0x95, 0, 0, 0, 7, 0, 0, 0), { ...exit(), imm: 7 }],
])("keeps %s, which is refused otherwise", (_, bytes, expected) => {
  expect(decode(bytes, { lenient: true })).toEqual([expected]);
  expect(() => decode(bytes)).toThrow(/cannot decode instructions at byte 0/);
  expect(() => encode(decode(bytes, { lenient: true }))).toThrow(/cannot encode instruction 0/);
  expect(format(decode(bytes, { lenient: true }))).not.toBe("");
});

test("loses no bit of any slots", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 })), (slots) => {
      // The second slot of an ld_imm64 is not one of its own.
      const bytes = Uint8Array.from(
        slots.flatMap((s) => (s[0] === LD_IMM64 ? [...s, 0, 0, 0, 0, ...s.subarray(4)] : [...s])),
      );
      expect(decode(bytes, { lenient: true }).flatMap(bytesOf)).toEqual([...bytes]);
    }),
  );
});

test("is the same as strict decoding where all is known", () => {
  const bytes = encode([mov64Imm(R0, -1), exit()]);
  expect(decode(bytes, { lenient: true })).toEqual(decode(bytes));
});

test.each([
  ["half a slot", slot(0x95, 0, 0, 0), /byte 0: 4 bytes/],
  ["half of ld_imm64", slot(0x18, 0, 0, 0, 0, 0, 0, 0), /byte 0: ld_imm64 lacks/],
  ["another instruction in its second slot", slot(0x18, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0), /byte 8/],
])("refuses %s all the same", (_, bytes, message) => {
  expect(() => decode(bytes, { lenient: true })).toThrow(message);
});
