/**
 * Instructions to bytes, little endian (RFC 9669, section 3).
 *
 *     | opcode:8 | src:4 dst:4 | off:16 | imm:32 |        the second slot of ld_imm64:  | 0:32 | high half of imm:32 |
 */
import { XdpgenError } from "../../errors.ts";
import { complaint } from "./fields.ts";
import { formatInstruction } from "./format.ts";
import type { Instruction } from "./instruction.ts";
import { LD_IMM64, slots } from "./opcodes.ts";

/**
 * Eight bytes per slot.
 * @throws XdpgenError `asm-invalid`, naming the instruction: a target that `layout` has not resolved, a field out of its
 *   range, an opcode that does not exist, a reserved field in use
 */
export function encode(instructions: readonly Instruction[]): Uint8Array {
  let size = 0;
  for (const instruction of instructions) size += 8 * slots(instruction);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (let index = 0; index < instructions.length; index++) {
    const i = instructions[index]!;
    if (i.target !== undefined) fail(index, i, `its target ${i.target} is a label: call layout() first`);
    const problem = complaint(i);
    if (problem !== undefined) fail(index, i, problem);
    const { opcode } = i;
    view.setUint8(at, opcode);
    view.setUint8(at + 1, (i.src << 4) | i.dst);
    view.setInt16(at + 2, i.off, true);
    view.setInt32(at + 4, i.imm, true);
    at += 8;
    if (opcode !== LD_IMM64) continue;
    view.setInt32(at + 4, i.immHigh!, true);
    at += 8;
  }
  return bytes;
}

function fail(index: number, instruction: Instruction, problem: string): never {
  throw new XdpgenError(
    "asm-invalid",
    `cannot encode instruction ${index}, \`${formatInstruction(instruction)}\`: ${problem}`,
  );
}
