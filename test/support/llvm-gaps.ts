/**
 * What an LLVM cannot say or read: the exceptions of every comparison with it, each with the versions it is true of.
 * Only 14 and 23 were at hand when this was written; what 14 lacks and 23 has is taken to come with 20, from which on
 * test/support/llvm-tools.ts calls an LLVM complete.
 */
import {
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CMPXCHG,
  BPF_END,
  BPF_FETCH,
  BPF_IND,
  BPF_JCOND,
  BPF_JSET,
  BPF_LD,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_MOD,
  BPF_PSEUDO_MAP_VALUE,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_XCHG,
  CALL,
  type Instruction,
  LD_IMM64,
  classOf,
  formatInstruction,
  isAlu,
  isJump,
  modeOf,
  operationOf,
} from "../../src/codegen/asm/index.ts";
import { JA_LONG, JA_REGISTER } from "../../src/codegen/asm/opcodes.ts";

interface Gap {
  /** The first version without the gap; no version is without it if there is none. */
  readonly before?: number;
  /** Whether only the assembler has the gap, or only the disassembler. */
  readonly only?: "reading" | "printing";
  readonly what: string;
  readonly concerns: (i: Instruction) => boolean;
}

const isAtomic = (i: Instruction): boolean => classOf(i.opcode) === BPF_STX && modeOf(i.opcode) === BPF_ATOMIC;
const isOrdered = (i: Instruction): boolean => isAtomic(i) && (i.imm === BPF_LOAD_ACQ || i.imm === BPF_STORE_REL);
const fetches = (i: Instruction): boolean =>
  isAtomic(i) && [BPF_FETCH, BPF_XCHG, BPF_CMPXCHG].some((bits) => (i.imm & bits) === bits);

const GAPS: readonly Gap[] = [
  { before: 20, what: "version 4's signed arithmetic and moves", concerns: (i) => isAlu(i.opcode) && i.off !== 0 },
  { before: 20, what: "bswap", concerns: (i) => i.opcode === (BPF_ALU64 | BPF_END) },
  { before: 20, what: "remainders", concerns: (i) => isAlu(i.opcode) && operationOf(i.opcode) === BPF_MOD },
  { before: 20, what: "gotol", concerns: (i) => i.opcode === JA_LONG },
  { before: 20, what: "jset", concerns: (i) => isJump(i.opcode) && operationOf(i.opcode) === BPF_JSET },
  { before: 20, what: "may_goto", concerns: (i) => isJump(i.opcode) && operationOf(i.opcode) === BPF_JCOND },
  {
    before: 20,
    what: "loads that extend the sign",
    concerns: (i) => !isAlu(i.opcode) && modeOf(i.opcode) === BPF_MEMSX && !isJump(i.opcode),
  },
  { before: 20, what: "stores of an immediate", concerns: (i) => classOf(i.opcode) === BPF_ST },
  { before: 20, what: "gotox", concerns: (i) => i.opcode === JA_REGISTER },
  { before: 20, what: "load_acquire and store_release", concerns: isOrdered },
  { before: 20, only: "reading", what: "the fetching atomics that it prints", concerns: fetches },
  {
    before: 20,
    only: "printing",
    what: "a map value of descriptor 0, a `lea` to it, at which it crashes",
    concerns: (i) => i.opcode === LD_IMM64 && i.src === BPF_PSEUDO_MAP_VALUE && i.imm === 0,
  },
  {
    only: "reading",
    what: "a gotol by a number of more than 16 bits; with a label it has 32",
    concerns: (i) => i.opcode === JA_LONG && i.target === undefined && (i.imm < -0x8000 || i.imm > 0x7fff),
  },
  {
    only: "reading",
    what: "what it has no words for, see llvmText",
    concerns: (i) => llvmText(i) !== formatInstruction(i),
  },
];

/** Why this LLVM cannot read or print the instruction; undefined if it can. */
export function gap(i: Instruction, version: number, doing: "reading" | "printing"): string | undefined {
  return GAPS.find(({ before = Infinity, only = doing, concerns }) => version < before && only === doing && concerns(i))
    ?.what;
}

/**
 * The instruction as LLVM shows it, which is our text but for what LLVM has no words for: it leaves out whom a call means,
 * the offset of an indirect packet load, and the upper half of a pseudo `ld_imm64`.
 */
export function llvmText(i: Instruction): string {
  if (i.target === undefined && i.symbol === undefined) {
    if (i.opcode === CALL) return formatInstruction({ ...i, src: 0, off: 0 });
    if (i.opcode === LD_IMM64 && i.src !== 0) return `ld_pseudo r${i.dst}, ${i.src}, ${i.imm}`;
  }
  const indirect = classOf(i.opcode) === BPF_LD && modeOf(i.opcode) === BPF_IND;
  return formatInstruction(indirect ? { ...i, imm: 0 } : i);
}

/** What LLVM has and xdpgen has not, by LLVM's text. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/^callx /, "a call through a register: no kernel takes it"],
  [/^ld_pseudo r\d+, (?!(0x)?[1-6],)/, "a pseudo source beyond the kernel's six: LLVM takes any number there"],
];

/** Why a line of llvm-objdump may be no instruction to us; undefined if it must be one. */
export function onlyLlvm(text: string): string | undefined {
  return FOREIGN.find(([pattern]) => pattern.test(text.replaceAll("\t", " ")))?.[1];
}
