/**
 * The opcode byte, taken apart, and what RFC 9669 or later kernels define that the headers of Linux 6.1 lack.
 *
 *     arithmetic, jumps    | operation:4 | X or K:1 | class:3 |
 *     loads, stores        | mode:3      | size:2   | class:3 |
 */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_B,
  BPF_CALL,
  BPF_DW,
  BPF_END,
  BPF_EXIT,
  BPF_H,
  BPF_IMM,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_W,
  BPF_X,
} from "./constants.ts";
import type { Instruction } from "./instruction.ts";

/** Mode of a load that extends the sign (RFC 9669, section 5.2). */
export const BPF_MEMSX = 0x80;
/** `may_goto`: a jump that the kernel takes when a loop has run for long enough (include/uapi/linux/bpf.h, 6.9). */
export const BPF_JCOND = 0xe0;
/** `off` of a 64-bit move between address spaces; `imm` holds the two, `to` above `from` (bpf.h, BPF_ADDR_SPACE_CAST, 6.9). */
export const ADDRESS_SPACE_CAST = 1;
/** Immediates of an atomic load with acquire and an atomic store with release order (bpf.h, 6.15). */
export const BPF_LOAD_ACQ = 0x100;
export const BPF_STORE_REL = 0x110;

/** Opcode of the only instruction that takes two slots. */
export const LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW;
export const CALL = BPF_JMP | BPF_CALL;
export const EXIT = BPF_JMP | BPF_EXIT;
export const JA = BPF_JMP | BPF_JA;
/** `gotox`: the address is in `dst` (kernel/bpf/verifier.c, check_indirect_jump; 6.19). */
export const JA_REGISTER = BPF_JMP | BPF_JA | BPF_X;
/** `gotol`: the distance is in `imm`. */
export const JA_LONG = BPF_JMP32 | BPF_JA;

/** `BPF_LD` to `BPF_ALU64`. */
export const classOf = (opcode: number): number => opcode & 0x07;
/** Of arithmetic and jumps: `BPF_ADD`, `BPF_JEQ`, … */
export const operationOf = (opcode: number): number => opcode & 0xf0;
/** Of loads and stores: `BPF_MEM`, `BPF_ATOMIC`, … */
export const modeOf = (opcode: number): number => opcode & 0xe0;
/** Of arithmetic and jumps: whether the second operand is `src`, and not the immediate. */
export const usesRegister = (opcode: number): boolean => (opcode & 0x08) !== 0;

/** Of loads and stores: the width in bytes. */
export function sizeOf(opcode: number): 1 | 2 | 4 | 8 {
  switch (opcode & 0x18) {
    case BPF_B:
      return 1;
    case BPF_H:
      return 2;
    case BPF_W:
      return 4;
    default:
      return 8;
  }
}

/** Arithmetic, moves and byte swaps, in 32 or 64 bits. */
export const isAlu = (opcode: number): boolean => classOf(opcode) === BPF_ALU || classOf(opcode) === BPF_ALU64;
/** Jumps, calls and `exit`. */
export const isJump = (opcode: number): boolean => classOf(opcode) === BPF_JMP || classOf(opcode) === BPF_JMP32;
export const isByteSwap = (opcode: number): boolean => isAlu(opcode) && operationOf(opcode) === BPF_END;

/** Eight-byte slots that an instruction takes in a program: 2 for `ld_imm64`, else 1. */
export function slots(instruction: Instruction): 1 | 2 {
  return instruction.opcode === LD_IMM64 ? 2 : 1;
}

/** The field in which an instruction has its distance, in slots from the next one; undefined where it leads nowhere. */
export function distanceField({ opcode, src }: Instruction): "off" | "imm" | undefined {
  if (opcode === LD_IMM64) return src === BPF_PSEUDO_FUNC ? "imm" : undefined;
  if (opcode === CALL) return src === BPF_PSEUDO_CALL ? "imm" : undefined;
  if (!isJump(opcode) || opcode === EXIT || opcode === JA_REGISTER) return undefined;
  return opcode === JA_LONG ? "imm" : "off";
}
