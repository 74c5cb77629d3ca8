/**
 * Atomic operations on memory at `dst + off` (RFC 9669, section 5.3). W: 4 bytes, Dw: 8. A `fetch` leaves the old value in
 * `src`; `cmpxchg` stores `src` if memory equals R0, and leaves the old value in R0.
 */
import {
  BPF_ADD,
  BPF_AND,
  BPF_ATOMIC,
  BPF_B,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_FETCH,
  BPF_H,
  BPF_OR,
  BPF_STX,
  BPF_W,
  BPF_XCHG,
  BPF_XOR,
} from "./constants.ts";
import type { Instruction, Register } from "./instruction.ts";
import { BPF_LOAD_ACQ, BPF_STORE_REL } from "./opcodes.ts";

type Atomic = (dst: Register, off: number, src: Register) => Instruction;

function atomic(size: number, operation: number): Atomic {
  return (dst, off, src) => ({ opcode: BPF_STX | BPF_ATOMIC | size, dst, src, off, imm: operation });
}

function acquire(size: number): (dst: Register, src: Register, off: number) => Instruction {
  return (dst, src, off) => atomic(size, BPF_LOAD_ACQ)(dst, off, src);
}

export const atomicAddW = atomic(BPF_W, BPF_ADD);
export const atomicAddDw = atomic(BPF_DW, BPF_ADD);
export const atomicFetchAddW = atomic(BPF_W, BPF_ADD | BPF_FETCH);
export const atomicFetchAddDw = atomic(BPF_DW, BPF_ADD | BPF_FETCH);
export const atomicOrW = atomic(BPF_W, BPF_OR);
export const atomicOrDw = atomic(BPF_DW, BPF_OR);
export const atomicFetchOrW = atomic(BPF_W, BPF_OR | BPF_FETCH);
export const atomicFetchOrDw = atomic(BPF_DW, BPF_OR | BPF_FETCH);
export const atomicAndW = atomic(BPF_W, BPF_AND);
export const atomicAndDw = atomic(BPF_DW, BPF_AND);
export const atomicFetchAndW = atomic(BPF_W, BPF_AND | BPF_FETCH);
export const atomicFetchAndDw = atomic(BPF_DW, BPF_AND | BPF_FETCH);
export const atomicXorW = atomic(BPF_W, BPF_XOR);
export const atomicXorDw = atomic(BPF_DW, BPF_XOR);
export const atomicFetchXorW = atomic(BPF_W, BPF_XOR | BPF_FETCH);
export const atomicFetchXorDw = atomic(BPF_DW, BPF_XOR | BPF_FETCH);
export const xchgW = atomic(BPF_W, BPF_XCHG);
export const xchgDw = atomic(BPF_DW, BPF_XCHG);
export const cmpxchgW = atomic(BPF_W, BPF_CMPXCHG);
export const cmpxchgDw = atomic(BPF_DW, BPF_CMPXCHG);

// dst = *(src + off), before all later accesses. Needs Linux 6.15.
export const loadAcquireB = acquire(BPF_B);
export const loadAcquireH = acquire(BPF_H);
export const loadAcquireW = acquire(BPF_W);
export const loadAcquireDw = acquire(BPF_DW);

// *(dst + off) = src, after all earlier accesses. Needs Linux 6.15.
export const storeReleaseB = atomic(BPF_B, BPF_STORE_REL);
export const storeReleaseH = atomic(BPF_H, BPF_STORE_REL);
export const storeReleaseW = atomic(BPF_W, BPF_STORE_REL);
export const storeReleaseDw = atomic(BPF_DW, BPF_STORE_REL);
