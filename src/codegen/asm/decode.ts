/** Bytes to instructions: the inverse of `encode`. Any bytes decode or are refused with their offset. */
import { XdpgenError } from "../../errors.ts";
import { complaint } from "./fields.ts";
import type { Instruction, Register } from "./instruction.ts";
import { LD_IMM64 } from "./opcodes.ts";

export interface DecodeOptions {
  /**
   * Keep what the instruction set does not know: opcodes, reserved fields in use, registers 11 to 15. The code of a live
   * program is such, where the kernel has rewritten it. What is kept can be shown, and `encode` refuses it. Default: no.
   */
  readonly lenient?: boolean;
}

/**
 * @param bytes whole slots of eight bytes, such as a code section of an object
 * @throws XdpgenError `asm-invalid` with the byte offset: truncated, a second slot of `ld_imm64` that is none, and unless
 *   `lenient` an unknown opcode or a reserved field in use
 */
export function decode(bytes: Uint8Array, { lenient = false }: DecodeOptions = {}): Instruction[] {
  if (bytes.length % 8 !== 0) fail(bytes.length - (bytes.length % 8), `${bytes.length} bytes are not whole slots of 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const instructions: Instruction[] = [];
  for (let offset = 0; offset < bytes.length; offset += 8) {
    const instruction = decodeOne(view, offset);
    const problem = lenient ? undefined : complaint(instruction);
    if (problem !== undefined) fail(offset, problem);
    instructions.push(instruction);
    if (instruction.opcode === LD_IMM64) offset += 8;
  }
  return instructions;
}

function decodeOne(view: DataView, offset: number): Instruction {
  const opcode = view.getUint8(offset);
  const registers = view.getUint8(offset + 1);
  // `complaint` refuses 11 to 15.
  const dst = (registers & 0x0f) as Register;
  const src = registers >> 4;
  const off = view.getInt16(offset + 2, true);
  const imm = view.getInt32(offset + 4, true);
  if (opcode !== LD_IMM64) return { opcode, dst, src, off, imm };
  if (offset + 16 > view.byteLength) fail(offset, "ld_imm64 lacks its second slot");
  if (view.getUint32(offset + 8, true) !== 0) fail(offset + 8, "the second slot of ld_imm64 has an opcode of its own");
  return { opcode, dst, src, off, imm, immHigh: view.getInt32(offset + 12, true) };
}

function fail(offset: number, problem: string): never {
  throw new XdpgenError("asm-invalid", `cannot decode instructions at byte ${offset}: ${problem}`);
}
