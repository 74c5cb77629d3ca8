/**
 * Instructions as text, in the dialect of LLVM's BPF assembler and of `llvm-objdump`: `r1 = r6`, `if w0 != 2 goto +3`.
 *
 * What LLVM has no word for is shown in its nearest form with a comment that says the rest: a map's file descriptor, a
 * local call whose distance is known. No input makes these functions throw, since errors quote them.
 */
import {
  BPF_ABS,
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_ATOMIC,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_DW,
  BPF_FETCH,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_LD,
  BPF_LDX,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  BPF_RSH,
  BPF_ST,
  BPF_SUB,
  BPF_TO_BE,
  BPF_XCHG,
  BPF_XOR,
} from "./constants.ts";
import { complaint } from "./fields.ts";
import type { Instruction } from "./instruction.ts";
import {
  BPF_JCOND,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_STORE_REL,
  CALL,
  EXIT,
  JA,
  JA_LONG,
  LD_IMM64,
  classOf,
  isAlu,
  isByteSwap,
  isJump,
  modeOf,
  operationOf,
  sizeOf,
  slots,
  usesRegister,
} from "./opcodes.ts";

const ALU_SYMBOLS: Readonly<Record<number, string>> = {
  [BPF_ADD]: "+=",
  [BPF_SUB]: "-=",
  [BPF_MUL]: "*=",
  [BPF_DIV]: "/=",
  [BPF_OR]: "|=",
  [BPF_AND]: "&=",
  [BPF_LSH]: "<<=",
  [BPF_RSH]: ">>=",
  [BPF_MOD]: "%=",
  [BPF_XOR]: "^=",
  [BPF_MOV]: "=",
  [BPF_ARSH]: "s>>=",
};

const CONDITIONS: Readonly<Record<number, string>> = {
  [BPF_JEQ]: "==",
  [BPF_JNE]: "!=",
  [BPF_JGT]: ">",
  [BPF_JGE]: ">=",
  [BPF_JLT]: "<",
  [BPF_JLE]: "<=",
  [BPF_JSET]: "&",
  [BPF_JSGT]: "s>",
  [BPF_JSGE]: "s>=",
  [BPF_JSLT]: "s<",
  [BPF_JSLE]: "s<=",
};

const FETCHES: Readonly<Record<number, string>> = {
  [BPF_ADD]: "add",
  [BPF_OR]: "or",
  [BPF_AND]: "and",
  [BPF_XOR]: "xor",
};

/** What an `ld_imm64` with this source field loads. */
const PSEUDO_LOADS: Readonly<Record<number, string>> = {
  [BPF_PSEUDO_MAP_FD]: "map fd",
  [BPF_PSEUDO_MAP_VALUE]: "value of map fd",
  [BPF_PSEUDO_BTF_ID]: "BTF id",
  [BPF_PSEUDO_FUNC]: "function",
  [BPF_PSEUDO_MAP_IDX]: "map index",
  [BPF_PSEUDO_MAP_IDX_VALUE]: "value of map index",
};

export interface FormatOptions {
  /** Start each line with the slot that the instruction begins in. Default: no. */
  readonly slots?: boolean;
}

/** One line per instruction, indented by four spaces, labels on lines of their own, comments after `//`; ends with a newline. */
export function format(instructions: readonly Instruction[], options: FormatOptions = {}): string {
  let slot = 0;
  let text = "";
  for (const instruction of instructions) {
    if (instruction.label !== undefined) text += `${name(instruction.label)}:\n`;
    const comments = [note(instruction), instruction.comment].filter((part) => part !== undefined);
    const body = formatInstruction(instruction) + (comments.length > 0 ? ` // ${comments.join("; ")}` : "");
    text += `${options.slots ? String(slot).padStart(8) + ":  " : "    "}${body.replaceAll(/\s*\n\s*/g, " ")}\n`;
    slot += slots(instruction);
  }
  return text;
}

/** The instruction alone, without label and comment. */
export function formatInstruction(i: Instruction): string {
  if (complaint(i) !== undefined) return raw(i);
  if (isAlu(i.opcode)) return arithmetic(i);
  if (isJump(i.opcode)) return jump(i);
  if (classOf(i.opcode) === BPF_LD) return i.opcode === LD_IMM64 ? wideLoad(i) : packetLoad(i);
  return modeOf(i.opcode) === BPF_ATOMIC ? atomic(i) : memory(i);
}

function arithmetic(i: Instruction): string {
  const operation = operationOf(i.opcode);
  const wide = classOf(i.opcode) === BPF_ALU64;
  const register = wide ? "r" : "w";
  const dst = `${register}${i.dst}`;
  if (isByteSwap(i.opcode)) {
    const swap = wide ? "bswap" : i.opcode & BPF_TO_BE ? "be" : "le";
    return `r${i.dst} = ${swap}${i.imm} r${i.dst}`;
  }
  if (operation === BPF_NEG) return `${dst} = -${dst}`;
  const right = usesRegister(i.opcode) ? `${register}${i.src}` : `${i.imm}`;
  if (operation === BPF_MOV && i.off !== 0) {
    return i.off === 1
      ? `${dst} = addr_space_cast(${right}, ${i.imm >>> 16}, ${i.imm & 0xffff})`
      : `${dst} = (s${i.off})${right}`;
  }
  return `${dst} ${i.off === 1 ? "s" : ""}${ALU_SYMBOLS[operation]} ${right}`;
}

function jump(i: Instruction): string {
  const operation = operationOf(i.opcode);
  if (i.opcode === EXIT) return "exit";
  if (i.opcode === CALL) return `call ${name(i.symbol ?? i.target ?? String(i.imm))}`;
  const target = i.target === undefined ? signed(i.opcode === JA_LONG ? i.imm : i.off) : name(i.target);
  if (i.opcode === JA) return `goto ${target}`;
  if (i.opcode === JA_LONG) return `gotol ${target}`;
  if (operation === BPF_JCOND) return `may_goto ${target}`;
  const register = classOf(i.opcode) === BPF_JMP32 ? "w" : "r";
  const right = usesRegister(i.opcode) ? `${register}${i.src}` : `${i.imm}`;
  return `if ${register}${i.dst} ${CONDITIONS[operation]} ${right} goto ${target}`;
}

function wideLoad(i: Instruction): string {
  if (i.symbol !== undefined) return `r${i.dst} = ${name(i.symbol)}${i.imm === 0 ? "" : signed(i.imm)} ll`;
  if (i.target !== undefined) return `r${i.dst} = ${name(i.target)} ll`;
  return `r${i.dst} = ${(BigInt(i.immHigh!) << 32n) | BigInt(i.imm >>> 0)} ll`;
}

function packetLoad(i: Instruction): string {
  const at = modeOf(i.opcode) === BPF_ABS ? `${i.imm}` : i.imm === 0 ? `r${i.src}` : `r${i.src}${signed(i.imm)}`;
  return `r0 = *(u${sizeOf(i.opcode) * 8} *)skb[${at}]`;
}

function memory(i: Instruction): string {
  const type = `${modeOf(i.opcode) === BPF_MEMSX ? "s" : "u"}${sizeOf(i.opcode) * 8} *`;
  if (classOf(i.opcode) === BPF_LDX) return `r${i.dst} = *(${type})(${address(i.src, i.off)})`;
  return `*(${type})(${address(i.dst, i.off)}) = ${classOf(i.opcode) === BPF_ST ? i.imm : `r${i.src}`}`;
}

function atomic(i: Instruction): string {
  const bits = sizeOf(i.opcode) * 8;
  const register = (i.opcode & 0x18) === BPF_DW ? "r" : "w";
  const src = `${register}${i.src}`;
  const at = address(i.dst, i.off);
  if (i.imm === BPF_LOAD_ACQ) return `${register}${i.dst} = load_acquire((u${bits} *)(${address(i.src, i.off)}))`;
  if (i.imm === BPF_STORE_REL) return `store_release((u${bits} *)(${at}), ${src})`;
  const suffix = bits === 32 ? "32_32" : "_64";
  if (i.imm === BPF_XCHG) return `${src} = xchg${suffix}(${at}, ${src})`;
  if (i.imm === BPF_CMPXCHG) return `${register}0 = cmpxchg${suffix}(${at}, ${register}0, ${src})`;
  if (i.imm & BPF_FETCH) return `${src} = atomic_fetch_${FETCHES[i.imm & ~BPF_FETCH]}((u${bits} *)(${at}), ${src})`;
  return `lock *(u${bits} *)(${at}) ${ALU_SYMBOLS[i.imm]} ${src}`;
}

/** What the text alone would not tell from another instruction. */
function note(i: Instruction): string | undefined {
  if (i.symbol !== undefined || i.target !== undefined) return undefined;
  if (i.opcode === CALL && i.src === BPF_PSEUDO_CALL) return "local";
  if (i.opcode === CALL && i.src === BPF_PSEUDO_KFUNC_CALL) return "kernel function";
  return i.opcode === LD_IMM64 ? PSEUDO_LOADS[i.src] : undefined;
}

/** A label or symbol, quoted where LLVM's lexer wants it. */
function name(text: string): string {
  return /^(?:[A-Za-z_.$][\w.$@]*|-?\d+)$/.test(text) ? text : JSON.stringify(text);
}

const signed = (value: number): string => (value < 0 ? `${value}` : `+${value}`);
const address = (register: number, off: number): string => `r${register} ${off < 0 ? "-" : "+"} ${Math.abs(off)}`;

/** An instruction that does not exist, field by field. */
function raw(i: Instruction): string {
  const high = i.immHigh === undefined ? "" : ` immHigh ${i.immHigh}`;
  return `opcode 0x${i.opcode.toString(16)} dst ${i.dst} src ${i.src} off ${i.off} imm ${i.imm}${high}`;
}
