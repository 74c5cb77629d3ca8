/**
 * Arithmetic: `dst = dst OP imm` and `dst = dst OP src` (RFC 9669, section 4.1), in 64 bits or in the low 32, which clears
 * the high 32. A 64-bit operation extends the sign of its 32-bit immediate. Shifts take the low 6 (5) bits of the amount;
 * division by zero gives zero, and a remainder by zero leaves `dst` as it was.
 */
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
  BPF_END,
  BPF_K,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_TO_BE,
  BPF_TO_LE,
  BPF_X,
  BPF_XOR,
} from "./constants.ts";
import type { Instruction, Register } from "./instruction.ts";
import { ADDRESS_SPACE_CAST } from "./opcodes.ts";

type WithImmediate = (dst: Register, imm: number) => Instruction;
type WithRegister = (dst: Register, src: Register) => Instruction;

/** Value of `off` that makes a division or remainder signed. */
const SIGNED = 1;

function withImmediate(operation: number, off = 0): WithImmediate {
  return (dst, imm) => ({ opcode: operation | BPF_K, dst, src: 0, off, imm });
}

function withRegister(operation: number, off = 0): WithRegister {
  return (dst, src) => ({ opcode: operation | BPF_X, dst, src, off, imm: 0 });
}

export const add64Imm = withImmediate(BPF_ALU64 | BPF_ADD);
export const add64Reg = withRegister(BPF_ALU64 | BPF_ADD);
export const add32Imm = withImmediate(BPF_ALU | BPF_ADD);
export const add32Reg = withRegister(BPF_ALU | BPF_ADD);
export const sub64Imm = withImmediate(BPF_ALU64 | BPF_SUB);
export const sub64Reg = withRegister(BPF_ALU64 | BPF_SUB);
export const sub32Imm = withImmediate(BPF_ALU | BPF_SUB);
export const sub32Reg = withRegister(BPF_ALU | BPF_SUB);
export const mul64Imm = withImmediate(BPF_ALU64 | BPF_MUL);
export const mul64Reg = withRegister(BPF_ALU64 | BPF_MUL);
export const mul32Imm = withImmediate(BPF_ALU | BPF_MUL);
export const mul32Reg = withRegister(BPF_ALU | BPF_MUL);
export const div64Imm = withImmediate(BPF_ALU64 | BPF_DIV);
export const div64Reg = withRegister(BPF_ALU64 | BPF_DIV);
export const div32Imm = withImmediate(BPF_ALU | BPF_DIV);
export const div32Reg = withRegister(BPF_ALU | BPF_DIV);
// Signed division and remainder need Linux 6.6.
export const sdiv64Imm = withImmediate(BPF_ALU64 | BPF_DIV, SIGNED);
export const sdiv64Reg = withRegister(BPF_ALU64 | BPF_DIV, SIGNED);
export const sdiv32Imm = withImmediate(BPF_ALU | BPF_DIV, SIGNED);
export const sdiv32Reg = withRegister(BPF_ALU | BPF_DIV, SIGNED);
export const or64Imm = withImmediate(BPF_ALU64 | BPF_OR);
export const or64Reg = withRegister(BPF_ALU64 | BPF_OR);
export const or32Imm = withImmediate(BPF_ALU | BPF_OR);
export const or32Reg = withRegister(BPF_ALU | BPF_OR);
export const and64Imm = withImmediate(BPF_ALU64 | BPF_AND);
export const and64Reg = withRegister(BPF_ALU64 | BPF_AND);
export const and32Imm = withImmediate(BPF_ALU | BPF_AND);
export const and32Reg = withRegister(BPF_ALU | BPF_AND);
export const lsh64Imm = withImmediate(BPF_ALU64 | BPF_LSH);
export const lsh64Reg = withRegister(BPF_ALU64 | BPF_LSH);
export const lsh32Imm = withImmediate(BPF_ALU | BPF_LSH);
export const lsh32Reg = withRegister(BPF_ALU | BPF_LSH);
export const rsh64Imm = withImmediate(BPF_ALU64 | BPF_RSH);
export const rsh64Reg = withRegister(BPF_ALU64 | BPF_RSH);
export const rsh32Imm = withImmediate(BPF_ALU | BPF_RSH);
export const rsh32Reg = withRegister(BPF_ALU | BPF_RSH);
export const mod64Imm = withImmediate(BPF_ALU64 | BPF_MOD);
export const mod64Reg = withRegister(BPF_ALU64 | BPF_MOD);
export const mod32Imm = withImmediate(BPF_ALU | BPF_MOD);
export const mod32Reg = withRegister(BPF_ALU | BPF_MOD);
export const smod64Imm = withImmediate(BPF_ALU64 | BPF_MOD, SIGNED);
export const smod64Reg = withRegister(BPF_ALU64 | BPF_MOD, SIGNED);
export const smod32Imm = withImmediate(BPF_ALU | BPF_MOD, SIGNED);
export const smod32Reg = withRegister(BPF_ALU | BPF_MOD, SIGNED);
export const xor64Imm = withImmediate(BPF_ALU64 | BPF_XOR);
export const xor64Reg = withRegister(BPF_ALU64 | BPF_XOR);
export const xor32Imm = withImmediate(BPF_ALU | BPF_XOR);
export const xor32Reg = withRegister(BPF_ALU | BPF_XOR);
export const mov64Imm = withImmediate(BPF_ALU64 | BPF_MOV);
export const mov64Reg = withRegister(BPF_ALU64 | BPF_MOV);
export const mov32Imm = withImmediate(BPF_ALU | BPF_MOV);
export const mov32Reg = withRegister(BPF_ALU | BPF_MOV);
export const arsh64Imm = withImmediate(BPF_ALU64 | BPF_ARSH);
export const arsh64Reg = withRegister(BPF_ALU64 | BPF_ARSH);
export const arsh32Imm = withImmediate(BPF_ALU | BPF_ARSH);
export const arsh32Reg = withRegister(BPF_ALU | BPF_ARSH);

/** `dst = -dst` */
export const neg64 = (dst: Register): Instruction => withImmediate(BPF_ALU64 | BPF_NEG)(dst, 0);
/** Likewise in 32 bits; the higher ones become zero. */
export const neg32 = (dst: Register): Instruction => withImmediate(BPF_ALU | BPF_NEG)(dst, 0);

/** `dst` = the low `bits` of `src`, their sign extended. Needs Linux 6.6. */
export function movsx64Reg(dst: Register, src: Register, bits: 8 | 16 | 32): Instruction {
  return { ...mov64Reg(dst, src), off: bits };
}

/** Likewise in 32 bits; the higher ones become zero. Needs Linux 6.6. */
export function movsx32Reg(dst: Register, src: Register, bits: 8 | 16): Instruction {
  return { ...mov32Reg(dst, src), off: bits };
}

/**
 * `dst` = the address `src` of one address space, as an address of another: of an arena's, 1, or of the program's own, 0.
 * Needs Linux 6.9.
 */
export function addrSpaceCast(dst: Register, src: Register, to: number, from: number): Instruction {
  return { ...mov64Reg(dst, src), off: ADDRESS_SPACE_CAST, imm: (to << 16) | from };
}

// The low 16, 32 or 64 bits between the host's byte order and little or big endian; higher bits become zero.
export const le16 = (dst: Register): Instruction => swap(BPF_ALU | BPF_TO_LE, dst, 16);
export const le32 = (dst: Register): Instruction => swap(BPF_ALU | BPF_TO_LE, dst, 32);
export const le64 = (dst: Register): Instruction => swap(BPF_ALU | BPF_TO_LE, dst, 64);
export const be16 = (dst: Register): Instruction => swap(BPF_ALU | BPF_TO_BE, dst, 16);
export const be32 = (dst: Register): Instruction => swap(BPF_ALU | BPF_TO_BE, dst, 32);
export const be64 = (dst: Register): Instruction => swap(BPF_ALU | BPF_TO_BE, dst, 64);

// The same, always swapped. Needs Linux 6.6.
export const bswap16 = (dst: Register): Instruction => swap(BPF_ALU64, dst, 16);
export const bswap32 = (dst: Register): Instruction => swap(BPF_ALU64, dst, 32);
export const bswap64 = (dst: Register): Instruction => swap(BPF_ALU64, dst, 64);

function swap(direction: number, dst: Register, bits: 16 | 32 | 64): Instruction {
  return { opcode: direction | BPF_END, dst, src: 0, off: 0, imm: bits };
}
