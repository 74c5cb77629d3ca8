/** Bytes to instructions: the inverse of `encode`. Any bytes decode or are refused with their offset. */
import { XdpgenError } from "../../errors.ts";
import { complaint } from "./fields.ts";
import type { Instruction, Register } from "./instruction.ts";
import { LD_IMM64, slots } from "./opcodes.ts";

/**
 * @param bytes whole slots of eight bytes, such as a code section of an object
 * @throws XdpgenError `asm-invalid` with the byte offset: truncated, unknown opcode, reserved field in use
 */
export function decode(bytes: Uint8Array): Instruction[] {
  if (bytes.length % 8 !== 0) fail(bytes.length - (bytes.length % 8), `${bytes.length} bytes are not whole slots of 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const instructions: Instruction[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const instruction = decodeOne(view, offset);
    const problem = complaint(instruction);
    if (problem !== undefined) fail(offset, problem);
    instructions.push(instruction);
    offset += slots(instruction) * 8;
  }
  return instructions;
}

function decodeOne(view: DataView, offset: number): Instruction {
  const opcode = view.getUint8(offset);
  const registers = view.getUint8(offset + 1);
  const instruction = {
    opcode,
    // `complaint` refuses 11 to 15.
    dst: (registers & 0x0f) as Register,
    src: registers >> 4,
    off: view.getInt16(offset + 2, true),
    imm: view.getInt32(offset + 4, true),
  };
  if (opcode !== LD_IMM64) return instruction;
  if (offset + 16 > view.byteLength) fail(offset, "ld_imm64 lacks its second slot");
  if (view.getUint32(offset + 8, true) !== 0) fail(offset + 8, "the second slot of ld_imm64 has an opcode of its own");
  return { ...instruction, immHigh: view.getInt32(offset + 12, true) };
}

function fail(offset: number, problem: string): never {
  throw new XdpgenError("asm-invalid", `cannot decode instructions at byte ${offset}: ${problem}`);
}
