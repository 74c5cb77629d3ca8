/**
 * Where LLVM and the kernel write the same instruction differently. `format.ts` writes what they have in common, and asks
 * here for the rest.
 *
 * Source: BPFInstPrinter.cpp of LLVM; print_bpf_insn in kernel/bpf/disasm.c of Linux 6.18.
 */
import { BPF_DW } from "./constants.ts";
import { helperName } from "./helpers.ts";
import { ATOMICS, type Dialect } from "./notation.ts";

export interface Style {
  /** What stands before the instruction. */
  prefix(opcode: number): string;
  /** A base register and an offset in bytes, without parentheses. */
  address(register: number, off: number): string;
  /** Where a packet load with a register looks. */
  packet(register: number, imm: number): string;
  /** A known distance in slots, as jumps have it. */
  distance(slots: number): string;
  /** The immediate of a comparison. */
  compared(imm: number): string;
  /** The plain number that `ld_imm64` loads. */
  wide(imm: number, immHigh: number): string;
  helper(number: number): string;
  /** How an atomic operation on 4 bytes or less calls its registers. */
  readonly narrow: "r" | "w";
  /** Whether an exchange casts its address, as the other atomic operations do. */
  readonly castsExchange: boolean;
  /** The word for an atomic operation, by its immediate; the size field tells 4 bytes from 8. */
  atomic(imm: number, size: number): string;
}

export const signed = (value: number): string => (value < 0 ? `${value}` : `+${value}`);
const spaced = (register: number, off: number): string => `r${register} ${off < 0 ? "-" : "+"} ${Math.abs(off)}`;

export const STYLES: Readonly<Record<Dialect, Style>> = {
  llvm: {
    prefix: () => "",
    address: spaced,
    // LLVM knows this load without an immediate only.
    packet: (register, imm) => (imm === 0 ? `r${register}` : spaced(register, imm)),
    distance: signed,
    compared: String,
    wide: (imm, immHigh) => `${immHigh === imm >> 31 ? imm : (BigInt(immHigh) << 32n) | BigInt(imm >>> 0)} ll`,
    helper: String,
    narrow: "w",
    castsExchange: false,
    atomic: atomicWords("llvm"),
  },
  kernel: {
    prefix: (opcode) => `(${opcode.toString(16).padStart(2, "0")}) `,
    address: (register, off) => `r${register} ${signed(off)}`,
    packet: (register, imm) => `r${register} + ${imm}`,
    distance: (slots) => `pc${signed(slots)}`,
    compared: (imm) => `0x${(imm >>> 0).toString(16)}`,
    wide: (imm, immHigh) =>
      `0x${immHigh === 0 ? (imm >>> 0).toString(16) : (immHigh >>> 0).toString(16) + (imm >>> 0).toString(16).padStart(8, "0")}`,
    helper: (number) => `${helperName(number) ?? "unknown"}#${number}`,
    narrow: "r",
    castsExchange: true,
    atomic: atomicWords("kernel"),
  },
};

function atomicWords(dialect: Dialect): (imm: number, size: number) => string {
  const ours = ATOMICS.filter((atomic) => atomic.dialect === dialect);
  const [narrow, wide] = [false, true].map(
    (whole) => new Map(ours.filter(({ size }) => (size === BPF_DW) === whole).map(({ imm, word }) => [imm, word])),
  ) as [Map<number, string>, Map<number, string>];
  return (imm, size) => (size === BPF_DW ? wide : narrow).get(imm)!;
}
