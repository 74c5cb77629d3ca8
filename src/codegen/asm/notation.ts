/**
 * The words and signs of the text form, each with the fields that it stands for. `format.ts` writes them and
 * the files of `parse/` read them from here alone, so the two cannot disagree.
 *
 * Source: RFC 9669; BPFInstrInfo.td of LLVM 20 for its dialect; print_bpf_insn in kernel/bpf/disasm.c for the kernel's.
 */
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_B,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_DW,
  BPF_END,
  BPF_FETCH,
  BPF_H,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_OR,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  BPF_RSH,
  BPF_SUB,
  BPF_TO_BE,
  BPF_TO_LE,
  BPF_W,
  BPF_XCHG,
  BPF_XOR,
} from "./constants.ts";

/** LLVM's assembler and llvm-objdump, or the kernel's verifier log and bpftool. */
export type Dialect = "llvm" | "kernel";

/** Two-way tables: what the signs mean, and which sign means it. */
const inverse = <Key extends string>(table: Readonly<Record<Key, number>>): ReadonlyMap<number, Key> =>
  new Map(Object.entries<number>(table).map(([sign, value]) => [value, sign as Key]));

/** Set beside an operation when `off` makes a division or remainder signed. */
export const SIGNED = 0x100;

/** The operation of an arithmetic instruction, with `SIGNED` where its `off` is 1. */
export const ARITHMETIC = {
  "+=": BPF_ADD,
  "-=": BPF_SUB,
  "*=": BPF_MUL,
  "/=": BPF_DIV,
  "s/=": BPF_DIV | SIGNED,
  "|=": BPF_OR,
  "&=": BPF_AND,
  "<<=": BPF_LSH,
  ">>=": BPF_RSH,
  "s>>=": BPF_ARSH,
  "%=": BPF_MOD,
  "s%=": BPF_MOD | SIGNED,
  "^=": BPF_XOR,
  "=": BPF_MOV,
} as const;
export const ARITHMETIC_SIGNS = inverse(ARITHMETIC);

/** The operation of a conditional jump. */
export const CONDITIONS = {
  "==": BPF_JEQ,
  "!=": BPF_JNE,
  ">": BPF_JGT,
  ">=": BPF_JGE,
  "<": BPF_JLT,
  "<=": BPF_JLE,
  "&": BPF_JSET,
  "s>": BPF_JSGT,
  "s>=": BPF_JSGE,
  "s<": BPF_JSLT,
  "s<=": BPF_JSLE,
} as const;
export const CONDITION_SIGNS = inverse(CONDITIONS);

/** Byte swaps: the opcode; the width, 16, 32 or 64, follows the word and is the immediate. */
export const SWAPS = {
  le: BPF_ALU | BPF_END | BPF_TO_LE,
  be: BPF_ALU | BPF_END | BPF_TO_BE,
  bswap: BPF_ALU64 | BPF_END,
} as const;
export const SWAP_WORDS = inverse(SWAPS);

/** The size field of a load or store. */
export const SIZES = { u8: BPF_B, u16: BPF_H, u32: BPF_W, u64: BPF_DW } as const;
/** The size field of a load that extends the sign. */
export const SIGNED_SIZES = { s8: BPF_B, s16: BPF_H, s32: BPF_W } as const;
export const SIZE_WORDS = inverse(SIZES);
export const SIGNED_SIZE_WORDS = inverse(SIGNED_SIZES);

/** `off` of a move that extends the sign of the low bits. */
export const SIGN_EXTENSIONS = { s8: 8, s16: 16, s32: 32 } as const;
export const SIGN_EXTENSION_WORDS = inverse(SIGN_EXTENSIONS);

/** What `lock *(u64 *)(r1 + 0) … r2` may do: the immediate of an atomic operation that leaves nothing behind. */
export const LOCKED = { "+=": BPF_ADD, "|=": BPF_OR, "&=": BPF_AND, "^=": BPF_XOR } as const;
export const LOCKED_SIGNS = inverse(LOCKED);

export interface AtomicWord {
  /** The immediate. */
  readonly imm: number;
  readonly size: typeof BPF_W | typeof BPF_DW;
  readonly dialect: Dialect;
  readonly word: string;
}

/** The atomic operations that are written as calls. The exchanges of LLVM's dialect have no cast before the address. */
export const ATOMICS: readonly AtomicWord[] = [
  ...Object.entries({ add: BPF_ADD, or: BPF_OR, and: BPF_AND, xor: BPF_XOR }).flatMap(([name, operation]) =>
    atomic(operation | BPF_FETCH, [`atomic_fetch_${name}`, `atomic_fetch_${name}`], `fetch_${name}`),
  ),
  ...atomic(BPF_XCHG, ["xchg32_32", "xchg_64"], "xchg"),
  ...atomic(BPF_CMPXCHG, ["cmpxchg32_32", "cmpxchg_64"], "cmpxchg"),
];

function atomic(imm: number, [llvm32, llvm64]: readonly [string, string], kernel: string): readonly AtomicWord[] {
  return [
    { imm, size: BPF_W, dialect: "llvm", word: llvm32 },
    { imm, size: BPF_DW, dialect: "llvm", word: llvm64 },
    { imm, size: BPF_W, dialect: "kernel", word: `atomic_${kernel}` },
    { imm, size: BPF_DW, dialect: "kernel", word: `atomic64_${kernel}` },
  ];
}

export interface PseudoLoad {
  /** The source field of the `ld_imm64`. */
  readonly src: number;
  readonly word: string;
  /** Whether the high half always means something, and is written even when it is 0. */
  readonly pair: boolean;
}

/** `ld_imm64` of something else than a number: `r1 = map_value(IMM, IMM_HIGH) ll`. LLVM and the kernel have no words that tell them apart. */
export const PSEUDO_LOADS: readonly PseudoLoad[] = [
  { src: BPF_PSEUDO_MAP_FD, word: "map_fd", pair: false },
  { src: BPF_PSEUDO_MAP_VALUE, word: "map_value", pair: true },
  { src: BPF_PSEUDO_BTF_ID, word: "btf_id", pair: false },
  { src: BPF_PSEUDO_FUNC, word: "func", pair: false },
  { src: BPF_PSEUDO_MAP_IDX, word: "map_idx", pair: false },
  { src: BPF_PSEUDO_MAP_IDX_VALUE, word: "map_idx_value", pair: true },
];

/** The source field of a call that its immediate does not tell: `call kfunc(BTF_ID, OFF)`; `helper` only with a symbol. */
export const CALLS = { helper: 0, kfunc: BPF_PSEUDO_KFUNC_CALL } as const;
export const CALL_WORDS = inverse(CALLS);

/** Words that begin a statement. A register or `*` begins the others. */
export const STATEMENTS = [
  "if",
  "goto",
  "gotol",
  "gotox",
  "may_goto",
  "call",
  "exit",
  "lock",
  "store_release",
  "ld_pseudo",
] as const;

/** Words that begin what stands after `rX =`. */
export const VALUES: readonly string[] = [
  ...Object.keys(SWAPS).flatMap((word) => [16, 32, 64].map((bits) => `${word}${bits}`)),
  ...new Set(ATOMICS.map(({ word }) => word)),
  ...PSEUDO_LOADS.map(({ word }) => word),
  "load_acquire",
  "addr_space_cast",
];

const RESERVED: ReadonlySet<string> = new Set([...VALUES, ...Object.keys(CALLS), "pc", "ll"]);

/** A name from between the quotes of a text: escapes are JSON's, and any other escaped character means itself. */
export function unquoted(inside: string): string {
  if (!inside.includes("\\")) return inside;
  try {
    return JSON.parse(`"${inside}"`) as string;
  } catch {
    return inside.replaceAll(/\\(.)/g, "$1");
  }
}

/** A label or symbol: as it is, or in quotes where it is no plain word or would be read as something else. */
export function quoted(name: string): string {
  const plain = /^[A-Za-z_.$][\w.$]*$/.test(name) && !/^[rw]\d+$/i.test(name) && !RESERVED.has(name);
  return plain ? name : JSON.stringify(name);
}
