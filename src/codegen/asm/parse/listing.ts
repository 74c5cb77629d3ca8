/**
 * The bytes and opcodes that listings print beside instructions. In: text and an offset. Out: the bytes; and of an
 * instruction and its bytes, what both mean together.
 */
import { BPF_DW, BPF_IND, BPF_LD } from "../constants.ts";
import { complaint } from "../fields.ts";
import type { Instruction } from "../instruction.ts";
import { CALL, LD_IMM64 } from "../opcodes.ts";
import { type Extent, Refusal } from "./mistakes.ts";
import { code, isDigit } from "./scanner.ts";

const SPACE = code(" ");
const OPEN = code("(");
const CLOSE = code(")");

/** Eight or sixteen bytes at an offset, as llvm-objdump and `bpftool prog dump xlated opcodes` print them. */
export function bytesAt(text: string, start: number): Uint8Array | undefined {
  const bytes: number[] = [];
  for (let at = start; bytes.length < 16; at += 3) {
    const value = byteAt(text, at);
    const behind = text.charCodeAt(at + 2);
    if (value < 0 || behind > SPACE) break;
    bytes.push(value);
    if (behind !== SPACE) break;
  }
  if (bytes.length < 8) return undefined;
  return Uint8Array.from(bytes.slice(0, bytes.length === 16 ? 16 : 8));
}

/** The value of `(b7)`, or -1. */
export function opcodeAt(text: string, at: number): number {
  const bracketed = text.charCodeAt(at) === OPEN && text.charCodeAt(at + 3) === CLOSE;
  return bracketed ? byteAt(text, at + 1) : -1;
}

/** The value of two hexadecimal digits, or -1. */
function byteAt(text: string, at: number): number {
  if (!isHexDigit(text.charCodeAt(at)) || !isHexDigit(text.charCodeAt(at + 1))) return -1;
  return Number.parseInt(text.slice(at, at + 2), 16);
}

export function isHexDigit(character: number): boolean {
  return isDigit(character) || (character >= 0x61 && character <= 0x66) || (character >= 0x41 && character <= 0x46);
}

/**
 * The instruction that text and bytes mean together, where the text does not tell all (`hidden`).
 * @throws Refusal when they mean different ones
 */
export function agreeing(i: Instruction, bytes: Uint8Array, place: Extent): Instruction {
  const b = fields(bytes);
  const merged = { ...i, ...hidden(i, b) };
  const named = i.target !== undefined;
  const same =
    b.opcode === i.opcode &&
    b.dst === i.dst &&
    b.src === merged.src &&
    (named || b.off === merged.off) &&
    (named || b.imm === merged.imm) &&
    (named || b.immHigh === undefined || b.immHigh === merged.immHigh);
  if (same && complaint(merged) === undefined) return merged;
  const hint = "one of them was changed, or the disassembler did not know the instruction";
  throw new Refusal("opcode-mismatch", "the bytes and the text are different instructions", place, hint);
}

/** Fields that llvm-objdump does not show: whose number a call has, what `ld_pseudo` loads, where `skb[r1]` begins. */
function hidden(i: Instruction, b: Instruction): Partial<Instruction> {
  if (i.opcode === CALL) return { src: b.src, off: b.off };
  if (i.opcode === LD_IMM64)
    return b.src === 0 || b.immHigh === undefined ? { src: b.src } : { src: b.src, immHigh: b.immHigh };
  return (i.opcode & ~BPF_DW) === (BPF_LD | BPF_IND) ? { imm: b.imm } : {};
}

export function fields(bytes: Uint8Array): Instruction {
  const view = new DataView(bytes.buffer);
  const registers = view.getUint8(1);
  return {
    opcode: view.getUint8(0),
    dst: (registers & 0x0f) as Instruction["dst"],
    src: registers >> 4,
    off: view.getInt16(2, true),
    imm: view.getInt32(4, true),
    ...(bytes.length === 16 && { immHigh: view.getInt32(12, true) }),
  };
}
