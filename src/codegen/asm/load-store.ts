/**
 * Loads and stores (RFC 9669, section 5), and the 64-bit immediates that stand for values, maps and functions. Offsets
 * are in bytes, signed 16 bit, from the base register. B, H, W, DW: 1, 2, 4, 8 bytes.
 */
import { XdpgenError } from "../../errors.ts";
import {
  BPF_ABS,
  BPF_B,
  BPF_DW,
  BPF_H,
  BPF_IND,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  BPF_ST,
  BPF_STX,
  BPF_W,
} from "./constants.ts";
import type { Instruction, Register } from "./instruction.ts";
import { BPF_MEMSX, LD_IMM64 } from "./opcodes.ts";

type Load = (dst: Register, src: Register, off: number) => Instruction;
type StoreRegister = (dst: Register, off: number, src: Register) => Instruction;
type StoreImmediate = (dst: Register, off: number, imm: number) => Instruction;

const load =
  (opcode: number): Load =>
  (dst, src, off) => ({ opcode: BPF_LDX | opcode, dst, src, off, imm: 0 });
const storeRegister =
  (size: number): StoreRegister =>
  (dst, off, src) => ({ opcode: BPF_STX | BPF_MEM | size, dst, src, off, imm: 0 });
const storeImmediate =
  (size: number): StoreImmediate =>
  (dst, off, imm) => ({ opcode: BPF_ST | BPF_MEM | size, dst, src: 0, off, imm });

// dst = *(src + off), the higher bits zero
export const ldxB = load(BPF_MEM | BPF_B);
export const ldxH = load(BPF_MEM | BPF_H);
export const ldxW = load(BPF_MEM | BPF_W);
export const ldxDw = load(BPF_MEM | BPF_DW);

// dst = *(src + off), the sign extended to 64 bits. Needs Linux 6.6.
export const ldxsB = load(BPF_MEMSX | BPF_B);
export const ldxsH = load(BPF_MEMSX | BPF_H);
export const ldxsW = load(BPF_MEMSX | BPF_W);

// *(dst + off) = src
export const stxB = storeRegister(BPF_B);
export const stxH = storeRegister(BPF_H);
export const stxW = storeRegister(BPF_W);
export const stxDw = storeRegister(BPF_DW);

// *(dst + off) = imm; eight bytes take the immediate's sign
export const stB = storeImmediate(BPF_B);
export const stH = storeImmediate(BPF_H);
export const stW = storeImmediate(BPF_W);
export const stDw = storeImmediate(BPF_DW);

// The classic packet loads of socket filters: R0 = the packet's bytes at imm (+ src), in network order. Not for XDP.
const packet = (opcode: number, src: number, imm: number): Instruction => ({ opcode, dst: 0, src, off: 0, imm });
export const ldAbsB = (imm: number): Instruction => packet(BPF_LD | BPF_ABS | BPF_B, 0, imm);
export const ldAbsH = (imm: number): Instruction => packet(BPF_LD | BPF_ABS | BPF_H, 0, imm);
export const ldAbsW = (imm: number): Instruction => packet(BPF_LD | BPF_ABS | BPF_W, 0, imm);
export const ldIndB = (src: Register, imm: number): Instruction => packet(BPF_LD | BPF_IND | BPF_B, src, imm);
export const ldIndH = (src: Register, imm: number): Instruction => packet(BPF_LD | BPF_IND | BPF_H, src, imm);
export const ldIndW = (src: Register, imm: number): Instruction => packet(BPF_LD | BPF_IND | BPF_W, src, imm);

/**
 * dst = a 64-bit value, signed or unsigned.
 * @throws XdpgenError `asm-invalid` when the value is no integer of 64 bits
 */
export function ldImm64(dst: Register, value: bigint | number): Instruction {
  if (typeof value === "number" && !Number.isSafeInteger(value)) refuse(value, "pass a bigint");
  const wide = BigInt(value);
  if (wide < -(2n ** 63n) || wide >= 2n ** 64n) refuse(value, "it does not fit 64 bits");
  return wideLoad(dst, 0, Number(BigInt.asIntN(32, wide)), Number(BigInt.asIntN(32, wide >> 32n)));
}

/** dst = the map behind a file descriptor. */
export const ldMapFd = (dst: Register, fd: number): Instruction => wideLoad(dst, BPF_PSEUDO_MAP_FD, fd, 0);

/** dst = the address of byte `offset` of the one value of an array map. */
export function ldMapValue(dst: Register, fd: number, offset: number): Instruction {
  return wideLoad(dst, BPF_PSEUDO_MAP_VALUE, fd, offset);
}

/** dst = the map at an index of the load's array of map descriptors. */
export const ldMapIndex = (dst: Register, index: number): Instruction => wideLoad(dst, BPF_PSEUDO_MAP_IDX, index, 0);

/** dst = the address of byte `offset` of the one value of the array map at an index of that array. */
export function ldMapIndexValue(dst: Register, index: number, offset: number): Instruction {
  return wideLoad(dst, BPF_PSEUDO_MAP_IDX_VALUE, index, offset);
}

/** dst = the address of a variable of the kernel, by its BTF id; `btfFd` is the descriptor of a module's BTF, 0 for vmlinux. */
export function ldBtfId(dst: Register, btfId: number, btfFd = 0): Instruction {
  return wideLoad(dst, BPF_PSEUDO_BTF_ID, btfId, btfFd);
}

/** dst = the address of a function of this program, for helpers that call back. */
export function ldFunction(dst: Register, target: string | number): Instruction {
  return typeof target === "string"
    ? { opcode: LD_IMM64, dst, src: BPF_PSEUDO_FUNC, off: 0, imm: 0, immHigh: 0, target }
    : wideLoad(dst, BPF_PSEUDO_FUNC, target, 0);
}

/** dst = what an ELF symbol names, a map or `addend` bytes into a section of variables; the loader fills it in (`R_BPF_64_64`). */
export function ldSymbol(dst: Register, symbol: string, addend = 0): Instruction {
  return { opcode: LD_IMM64, dst, src: 0, off: 0, imm: addend, immHigh: 0, symbol };
}

function wideLoad(dst: Register, src: number, imm: number, immHigh: number): Instruction {
  return { opcode: LD_IMM64, dst, src, off: 0, imm, immHigh };
}

function refuse(value: bigint | number, why: string): never {
  throw new XdpgenError("asm-invalid", `cannot load ${value} as a 64-bit immediate: ${why}`);
}
