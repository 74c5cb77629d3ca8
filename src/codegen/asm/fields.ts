/**
 * Which instructions exist: for each opcode, what its fields may hold. One rule for both directions, so that whatever
 * encodes decodes to the same value, and nothing decodes that the text form could not show.
 *
 * Source: RFC 9669, sections 4 and 5; check_alu_op, check_ld_imm and do_check in kernel/bpf/verifier.c, which refuse
 * reserved fields that are not zero.
 */
import {
  BPF_ABS,
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IND,
  BPF_JA,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MOD,
  BPF_MOV,
  BPF_NEG,
  BPF_OR,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_ST,
  BPF_STX,
  BPF_X,
  BPF_XCHG,
  BPF_XOR,
} from "./constants.ts";
import type { Instruction } from "./instruction.ts";
import {
  ADDRESS_SPACE_CAST,
  BPF_JCOND,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_STORE_REL,
  CALL,
  LD_IMM64,
  classOf,
  isAlu,
  isJump,
  modeOf,
  operationOf,
  sizeOf,
  usesRegister,
} from "./opcodes.ts";

/** What a field may hold, its width aside. */
type Values = "any" | readonly number[];

interface Rule {
  readonly dst: Values;
  readonly src: Values;
  readonly off: Values;
  readonly imm: Values;
}

const ZERO: Values = [0];
/** Every field is reserved. Rules say what differs. */
const RESERVED: Rule = { dst: ZERO, src: ZERO, off: ZERO, imm: ZERO };

/** Why this is not an instruction, or undefined if it is one. Ranges of fields are checked first. */
export function complaint({ opcode, dst, src, off, imm, immHigh }: Instruction): string | undefined {
  return (
    range("opcode", opcode, 0, 0xff) ??
    range("dst", dst, 0, 10) ??
    range("src", src, 0, 10) ??
    range("off", off, -0x8000, 0x7fff) ??
    range("imm", imm, -0x8000_0000, 0x7fff_ffff) ??
    secondSlot(opcode, immHigh) ??
    meaningless(opcode, dst, src, off, imm)
  );
}

function range(name: string, value: number, min: number, max: number): string | undefined {
  if (Number.isInteger(value) && value >= min && value <= max) return undefined;
  return `${name} is ${value}, not ${min} to ${max}`;
}

function secondSlot(opcode: number, immHigh: number | undefined): string | undefined {
  if (immHigh === undefined) return opcode === LD_IMM64 ? "ld_imm64 needs immHigh" : undefined;
  if (opcode !== LD_IMM64) return "only ld_imm64 has immHigh";
  return range("immHigh", immHigh, -0x8000_0000, 0x7fff_ffff);
}

function meaningless(opcode: number, dst: number, src: number, off: number, imm: number): string | undefined {
  const rule = ruleOf(opcode, src, off);
  if (opcode === CALL_REGISTER) return "opcode 0x8d, callx, calls through a register, which no kernel takes";
  if (rule === undefined) return `opcode ${hex(opcode)} is not in the instruction set`;
  return (
    unlisted("dst", dst, rule.dst, opcode) ??
    unlisted("src", src, rule.src, opcode) ??
    unlisted("off", off, rule.off, opcode) ??
    unlisted("imm", imm, rule.imm, opcode)
  );
}

function unlisted(name: string, value: number, values: Values, opcode: number): string | undefined {
  if (values === "any" || (values === ZERO ? value === 0 : values.includes(value))) return undefined;
  if (values === ZERO) return `${name} is ${value} and must be 0 for opcode ${hex(opcode)}`;
  if (values === ATOMIC || values === ATOMIC_ORDERED) {
    return `${name} ${value} is no atomic operation on memory of ${8 * sizeOf(opcode)} bits`;
  }
  return `${name} is ${value}, not ${values.join(" or ")}`;
}

const hex = (opcode: number): string => `0x${opcode.toString(16).padStart(2, "0")}`;

/** Atomic operations of any size, and those of 4 and 8 bytes. */
const ATOMIC_ORDERED: Values = [BPF_LOAD_ACQ, BPF_STORE_REL];
const ATOMIC: Values = [
  ...[BPF_ADD, BPF_OR, BPF_AND, BPF_XOR].flatMap((operation) => [operation, operation | BPF_FETCH]),
  BPF_XCHG,
  BPF_CMPXCHG,
  ...ATOMIC_ORDERED,
];

const MOV64_REGISTER = BPF_ALU64 | BPF_MOV | BPF_X;
const CAST: Rule = { ...RESERVED, dst: "any", src: "any", off: [ADDRESS_SPACE_CAST], imm: "any" };
const WIDE_LOADS: Values = Array.from({ length: BPF_PSEUDO_MAP_IDX_VALUE + 1 }, (_, pseudo) => pseudo);
const KERNEL_CALL: Rule = { ...RESERVED, src: [BPF_PSEUDO_KFUNC_CALL], off: "any", imm: "any" };

/** Two instructions free a field by what is in another; all else is said by the opcode. */
function ruleOf(opcode: number, src: number, off: number): Rule | undefined {
  if (opcode === MOV64_REGISTER && off === ADDRESS_SPACE_CAST) return CAST;
  if (opcode === CALL && src === BPF_PSEUDO_KFUNC_CALL) return KERNEL_CALL;
  return RULES[opcode];
}

/** What LLVM makes of a call through a function pointer; RFC 9669 has no such instruction. */
const CALL_REGISTER = CALL | BPF_X;

const RULES: readonly (Rule | undefined)[] = Array.from({ length: 0x100 }, (_, opcode) => {
  if (isAlu(opcode)) return arithmetic(opcode);
  if (isJump(opcode)) return jump(opcode);
  return classOf(opcode) === BPF_LD ? wideOrPacket(opcode) : memory(opcode);
});

function arithmetic(opcode: number): Rule | undefined {
  const operation = operationOf(opcode);
  const wide = classOf(opcode) === BPF_ALU64;
  const register = usesRegister(opcode);
  if (operation === BPF_END) return wide && register ? undefined : { ...RESERVED, dst: "any", imm: [16, 32, 64] };
  if (operation === BPF_NEG) return register ? undefined : { ...RESERVED, dst: "any" };
  if (operation > BPF_END) return undefined;
  const signExtends = wide ? [0, 8, 16, 32] : [0, 8, 16];
  const signedExists = operation === BPF_DIV || operation === BPF_MOD;
  const off = operation === BPF_MOV && register ? signExtends : signedExists ? [0, 1] : ZERO;
  return register ? { dst: "any", src: "any", off, imm: ZERO } : { dst: "any", src: ZERO, off, imm: "any" };
}

function jump(opcode: number): Rule | undefined {
  const operation = operationOf(opcode);
  const narrow = classOf(opcode) !== BPF_JMP;
  const register = usesRegister(opcode);
  switch (operation) {
    case BPF_JA:
      if (register) return narrow ? undefined : { ...RESERVED, dst: "any" };
      return { ...RESERVED, [narrow ? "imm" : "off"]: "any" };
    case BPF_CALL:
      return narrow || register
        ? undefined
        : { ...RESERVED, src: [0, BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL], imm: "any" };
    case BPF_EXIT:
      return narrow || register ? undefined : RESERVED;
    case BPF_JCOND:
      return narrow || register ? undefined : { ...RESERVED, off: "any" };
    default:
      if (operation > BPF_JCOND) return undefined;
      return { dst: "any", off: "any", ...(register ? { src: "any", imm: ZERO } : { src: ZERO, imm: "any" }) };
  }
}

function wideOrPacket(opcode: number): Rule | undefined {
  const mode = modeOf(opcode);
  if (opcode === LD_IMM64) return { ...RESERVED, dst: "any", src: WIDE_LOADS, imm: "any" };
  if (sizeOf(opcode) === 8) return undefined;
  if (mode === BPF_ABS) return { ...RESERVED, imm: "any" };
  return mode === BPF_IND ? { ...RESERVED, src: "any", imm: "any" } : undefined;
}

function memory(opcode: number): Rule | undefined {
  const mode = modeOf(opcode);
  const kind = classOf(opcode);
  const size = sizeOf(opcode);
  const register: Rule = { dst: "any", src: "any", off: "any", imm: ZERO };
  if (mode === BPF_MEM) return kind === BPF_ST ? { ...register, src: ZERO, imm: "any" } : register;
  if (kind === BPF_LDX && mode === BPF_MEMSX && size !== 8) return register;
  if (kind === BPF_STX && mode === BPF_ATOMIC) return { ...register, imm: size < 4 ? ATOMIC_ORDERED : ATOMIC };
  return undefined;
}
