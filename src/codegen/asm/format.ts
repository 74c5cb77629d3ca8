/**
 * Instructions as text: in the dialect of LLVM's assembler and `llvm-objdump`, `r1 = r6`, `if w0 != 2 goto +3`, or in that
 * of the kernel's verifier log, `(bf) r1 = r6`, `(56) if w0 != 0x2 goto pc+3`. `parse` reads both back.
 *
 * What neither can tell apart is written in words of ours, in both: `call pc+3`, `call kfunc(1234)`, `r1 = map_fd(5) ll`
 * (`notation.ts`). A symbol means something to `call` and `ld_imm64` only, and is not shown elsewhere. No input makes these
 * functions throw, since errors quote them.
 */
import {
  BPF_ABS,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_FETCH,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_NEG,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_ST,
  BPF_X,
  BPF_XCHG,
} from "./constants.ts";
import { type Style, STYLES, signed } from "./dialect.ts";
import { complaint } from "./fields.ts";
import type { Instruction } from "./instruction.ts";
import {
  ARITHMETIC_SIGNS,
  CALL_WORDS,
  CONDITION_SIGNS,
  type Dialect,
  LOCKED_SIGNS,
  PSEUDO_LOADS,
  SIGNED,
  SIGNED_SIZE_WORDS,
  SIGN_EXTENSION_WORDS,
  SIZE_WORDS,
  SWAP_WORDS,
  quoted,
} from "./notation.ts";
import {
  BPF_JCOND,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_STORE_REL,
  CALL,
  EXIT,
  JA,
  JA_LONG,
  JA_REGISTER,
  LD_IMM64,
  classOf,
  isAlu,
  isByteSwap,
  isJump,
  modeOf,
  operationOf,
  slots,
  usesRegister,
} from "./opcodes.ts";

export interface FormatOptions {
  /** Default: `llvm`. */
  readonly dialect?: Dialect;
  /** Start each line with the slot that the instruction begins in. Default: no. */
  readonly slots?: boolean;
}

const PSEUDO_BY_SRC = new Map(PSEUDO_LOADS.map((load) => [load.src, load]));

/**
 * One line per instruction, indented by four spaces unless a slot stands there, labels on lines of their own, comments
 * after `//`; ends with a newline.
 */
export function format(instructions: readonly Instruction[], options: FormatOptions = {}): string {
  const { dialect = "llvm" } = options;
  let slot = 0;
  let text = "";
  for (const instruction of instructions) {
    const { label, comment } = instruction;
    if (label !== undefined) text += `${quoted(label)}:\n`;
    const start = !options.slots ? "    " : dialect === "kernel" ? `${slot}: ` : `${String(slot).padStart(8)}:  `;
    text += start + formatInstruction(instruction, dialect);
    if (comment !== undefined) text += ` // ${oneLine(comment)}`;
    text += "\n";
    slot += slots(instruction);
  }
  return text;
}

/** A comment as one line. */
function oneLine(comment: string): string {
  const lines = comment.split(/[\r\n]+/);
  return lines.length === 1 ? comment : lines.map((line) => line.trim()).join(" ");
}

/** The instruction alone, without label and comment. One that does not exist is shown field by field. */
export function formatInstruction(i: Instruction, dialect: Dialect = "llvm"): string {
  const style = STYLES[dialect];
  if (complaint(i) !== undefined) return (dialect === "kernel" ? internal(i) : undefined) ?? raw(i);
  return style.prefix(i.opcode) + body(i, style);
}

function body(i: Instruction, style: Style): string {
  if (isAlu(i.opcode)) return arithmetic(i);
  if (isJump(i.opcode)) return jump(i, style);
  if (classOf(i.opcode) === BPF_LD) return i.opcode === LD_IMM64 ? wideLoad(i, style) : packetLoad(i, style);
  return modeOf(i.opcode) === BPF_ATOMIC ? atomic(i, style) : memory(i, style);
}

function arithmetic(i: Instruction): string {
  const operation = operationOf(i.opcode);
  const register = classOf(i.opcode) === BPF_ALU64 ? "r" : "w";
  if (isByteSwap(i.opcode)) return `r${i.dst} = ${SWAP_WORDS.get(i.opcode)}${i.imm} r${i.dst}`;
  const dst = `${register}${i.dst}`;
  if (operation === BPF_NEG) return `${dst} = -${dst}`;
  const right = usesRegister(i.opcode) ? `${register}${i.src}` : `${i.imm}`;
  if (operation === BPF_MOV && i.off !== 0) {
    return i.off === 1
      ? `${dst} = addr_space_cast(${right}, ${i.imm >>> 16}, ${i.imm & 0xffff})`
      : `${dst} = (${SIGN_EXTENSION_WORDS.get(i.off)})${right}`;
  }
  return `${dst} ${ARITHMETIC_SIGNS.get(i.off === 1 ? operation | SIGNED : operation)} ${right}`;
}

function jump(i: Instruction, style: Style): string {
  if (i.opcode === EXIT) return "exit";
  if (i.opcode === JA_REGISTER) return `gotox r${i.dst}`;
  if (i.opcode === CALL) return `call ${callee(i, style)}`;
  const target = i.target === undefined ? style.distance(i.opcode === JA_LONG ? i.imm : i.off) : quoted(i.target);
  if (i.opcode === JA) return `goto ${target}`;
  if (i.opcode === JA_LONG) return `gotol ${target}`;
  if (operationOf(i.opcode) === BPF_JCOND) return `may_goto ${target}`;
  const register = classOf(i.opcode) === BPF_JMP32 ? "w" : "r";
  const right = usesRegister(i.opcode) ? `${register}${i.src}` : style.compared(i.imm);
  return `if ${register}${i.dst} ${CONDITION_SIGNS.get(operationOf(i.opcode))} ${right} goto ${target}`;
}

/** The callee of a symbol lies `imm + 1` slots after it: compilers leave -1. The assembler counts in bytes. */
function callee(i: Instruction, style: Style): string {
  if (i.target !== undefined) return quoted(i.target);
  if (i.src === BPF_PSEUDO_CALL) {
    return i.symbol === undefined ? `pc${signed(i.imm)}` : `${quoted(i.symbol)}${addend((i.imm + 1) * 8)}`;
  }
  if (i.src === 0 && i.symbol === undefined) return style.helper(i.imm);
  return `${CALL_WORDS.get(i.src)}(${argument(i)}${i.off === 0 ? "" : `, ${i.off}`})`;
}

function wideLoad(i: Instruction, style: Style): string {
  const dst = `r${i.dst} = `;
  const immHigh = i.immHigh!;
  if (i.target !== undefined)
    return `${dst}${immHigh === 0 ? quoted(i.target) : `func(${quoted(i.target)}, ${immHigh})`} ll`;
  const pseudo = PSEUDO_BY_SRC.get(i.src);
  if (pseudo) {
    const first = i.src === BPF_PSEUDO_FUNC && i.symbol === undefined ? `pc${signed(i.imm)}` : argument(i);
    return `${dst}${pseudo.word}(${first}${pseudo.pair || immHigh !== 0 ? `, ${immHigh}` : ""}) ll`;
  }
  if (i.symbol === undefined) return dst + style.wide(i.imm, immHigh);
  // A small negative addend leaves the high half 0, as LLVM does.
  const offset = immHigh === 0 ? addend(i.imm) : `+${(BigInt(immHigh >>> 0) << 32n) | BigInt(i.imm >>> 0)}`;
  return `${dst}${quoted(i.symbol)}${offset} ll`;
}

function packetLoad(i: Instruction, style: Style): string {
  const at = modeOf(i.opcode) === BPF_ABS ? `${i.imm}` : style.packet(i.src, i.imm);
  return `r0 = *(${SIZE_WORDS.get(i.opcode & BPF_DW)} *)skb[${at}]`;
}

function memory(i: Instruction, style: Style): string {
  const words = modeOf(i.opcode) === BPF_MEMSX ? SIGNED_SIZE_WORDS : SIZE_WORDS;
  const at = `*(${words.get(i.opcode & BPF_DW)} *)(`;
  if (classOf(i.opcode) === BPF_LDX) return `r${i.dst} = ${at}${style.address(i.src, i.off)})`;
  return `${at}${style.address(i.dst, i.off)}) = ${classOf(i.opcode) === BPF_ST ? i.imm : `r${i.src}`}`;
}

function atomic(i: Instruction, style: Style): string {
  const size = i.opcode & BPF_DW;
  const register = size === BPF_DW ? "r" : style.narrow;
  const src = `${register}${i.src}`;
  const cast = `(${SIZE_WORDS.get(size)} *)`;
  if (i.imm === BPF_LOAD_ACQ) return `${register}${i.dst} = load_acquire(${cast}(${style.address(i.src, i.off)}))`;
  const address = style.address(i.dst, i.off);
  if (i.imm === BPF_STORE_REL) return `store_release(${cast}(${address}), ${src})`;
  if (!(i.imm & BPF_FETCH)) return `lock *${cast}(${address}) ${LOCKED_SIGNS.get(i.imm)} ${src}`;
  const exchanges = i.imm === BPF_XCHG || i.imm === BPF_CMPXCHG;
  const at = exchanges && !style.castsExchange ? address : `${cast}(${address})`;
  const word = style.atomic(i.imm, size);
  return i.imm === BPF_CMPXCHG
    ? `${register}0 = ${word}(${at}, ${register}0, ${src})`
    : `${src} = ${word}(${at}, ${src})`;
}

/** What an immediate says in parentheses: a number, or a symbol with the number as its addend. */
function argument(i: Instruction): string {
  return i.symbol === undefined ? `${i.imm}` : `${quoted(i.symbol)}${addend(i.imm)}`;
}

const addend = (value: number): string => (value === 0 ? "" : signed(value));

const MOV_REGISTER = BPF_ALU64 | BPF_MOV | BPF_X;
/** `off` of a move that adds the base of this processor's data (BPF_ADDR_PERCPU in include/linux/filter.h). */
const PER_CPU = -1;
/** A barrier against speculation (BPF_NOSPEC in include/linux/filter.h). */
const NO_SPECULATION = BPF_ST | 0xc0;

/** What only the verifier puts into programs, as the kernel prints it. */
function internal(i: Instruction): string | undefined {
  const prefix = STYLES.kernel.prefix(i.opcode);
  if (i.opcode === MOV_REGISTER && i.off === PER_CPU) return `${prefix}r${i.dst} = &(void __percpu *)(r${i.src})`;
  return i.opcode === NO_SPECULATION ? `${prefix}nospec` : undefined;
}

/** An instruction that does not exist, field by field. */
function raw(i: Instruction): string {
  const high = i.immHigh === undefined ? "" : ` immHigh ${i.immHigh}`;
  return `opcode 0x${i.opcode.toString(16)} dst ${i.dst} src ${i.src} off ${i.off} imm ${i.imm}${high}`;
}
