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
  BPF_XCHG,
  BPF_XOR,
} from "./constants.ts";
import type { Instruction } from "./instruction.ts";
import {
  BPF_JCOND,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_STORE_REL,
  LD_IMM64,
  classOf,
  isAlu,
  isJump,
  modeOf,
  operationOf,
  sizeOf,
  usesRegister,
} from "./opcodes.ts";

const ATOMIC_OPERATIONS: ReadonlySet<number> = new Set([
  ...[BPF_ADD, BPF_OR, BPF_AND, BPF_XOR].flatMap((operation) => [operation, operation | BPF_FETCH]),
  BPF_XCHG,
  BPF_CMPXCHG,
]);

/** `off` of a 64-bit move between address spaces; `imm` holds the two spaces (bpf.h, 6.9). */
const ADDRESS_SPACE_CAST = 1;

type Field = "dst" | "src" | "off" | "imm";

/** Why this is not an instruction, or undefined if it is one. Ranges of fields are checked first. */
export function complaint(i: Instruction): string | undefined {
  return outOfRange(i) ?? meaningless(i);
}

function outOfRange(i: Instruction): string | undefined {
  const check = (name: string, value: number, min: number, max: number): string | undefined =>
    Number.isInteger(value) && value >= min && value <= max ? undefined : `${name} is ${value}, not ${min} to ${max}`;
  return (
    check("opcode", i.opcode, 0, 0xff) ??
    check("dst", i.dst, 0, 10) ??
    check("src", i.src, 0, 10) ??
    check("off", i.off, -0x8000, 0x7fff) ??
    check("imm", i.imm, -0x8000_0000, 0x7fff_ffff) ??
    (i.immHigh === undefined ? undefined : check("immHigh", i.immHigh, -0x8000_0000, 0x7fff_ffff))
  );
}

function meaningless(i: Instruction): string | undefined {
  if ((i.opcode === LD_IMM64) !== (i.immHigh !== undefined)) {
    return i.immHigh === undefined ? "ld_imm64 needs immHigh" : "only ld_imm64 has immHigh";
  }
  if (isAlu(i.opcode)) return arithmetic(i);
  if (isJump(i.opcode)) return jump(i);
  return classOf(i.opcode) === BPF_LD ? wideOrPacket(i) : memory(i);
}

function arithmetic(i: Instruction): string | undefined {
  const operation = operationOf(i.opcode);
  const wide = classOf(i.opcode) === BPF_ALU64;
  if (operation === BPF_END) {
    if (wide && usesRegister(i.opcode)) return unknown(i);
    return allowed(i, "imm", [16, 32, 64]) ?? zero(i, "src", "off");
  }
  if (operation === BPF_NEG) return usesRegister(i.opcode) ? unknown(i) : zero(i, "src", "off", "imm");
  if (operation > BPF_END) return unknown(i);
  if (operation === BPF_MOV && usesRegister(i.opcode)) {
    if (wide && i.off === ADDRESS_SPACE_CAST) return undefined;
    return allowed(i, "off", wide ? [0, 8, 16, 32] : [0, 8, 16]) ?? zero(i, "imm");
  }
  const signedExists = operation === BPF_DIV || operation === BPF_MOD;
  return allowed(i, "off", signedExists ? [0, 1] : [0]) ?? zero(i, usesRegister(i.opcode) ? "imm" : "src");
}

function jump(i: Instruction): string | undefined {
  const operation = operationOf(i.opcode);
  const narrow = classOf(i.opcode) !== BPF_JMP;
  if (operation === BPF_JA) {
    return usesRegister(i.opcode) ? unknown(i) : zero(i, "dst", "src", narrow ? "off" : "imm");
  }
  if (operation === BPF_CALL || operation === BPF_EXIT) {
    if (narrow || usesRegister(i.opcode)) return unknown(i);
    if (operation === BPF_EXIT) return zero(i, "dst", "src", "off", "imm");
    const reserved = allowed(i, "src", [0, BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL]) ?? zero(i, "dst");
    return i.src === BPF_PSEUDO_KFUNC_CALL ? reserved : (reserved ?? zero(i, "off"));
  }
  if (operation === BPF_JCOND) {
    return narrow || usesRegister(i.opcode) ? unknown(i) : zero(i, "dst", "src", "imm");
  }
  return operation > BPF_JCOND ? unknown(i) : zero(i, usesRegister(i.opcode) ? "imm" : "src");
}

function wideOrPacket(i: Instruction): string | undefined {
  if (i.opcode === LD_IMM64) {
    return i.src > BPF_PSEUDO_MAP_IDX_VALUE ? `src is ${i.src}, not 0 to ${BPF_PSEUDO_MAP_IDX_VALUE}` : zero(i, "off");
  }
  const mode = modeOf(i.opcode);
  if ((mode !== BPF_ABS && mode !== BPF_IND) || sizeOf(i.opcode) === 8) return unknown(i);
  return mode === BPF_ABS ? zero(i, "dst", "src", "off") : zero(i, "dst", "off");
}

function memory(i: Instruction): string | undefined {
  const mode = modeOf(i.opcode);
  const loads = classOf(i.opcode) === BPF_LDX;
  const immediate = classOf(i.opcode) === BPF_ST;
  if (mode === BPF_MEM) return zero(i, immediate ? "src" : "imm");
  if (loads && mode === BPF_MEMSX && sizeOf(i.opcode) !== 8) return zero(i, "imm");
  if (loads || immediate || mode !== BPF_ATOMIC) return unknown(i);
  if (i.imm === BPF_LOAD_ACQ || i.imm === BPF_STORE_REL) return undefined;
  if (sizeOf(i.opcode) < 4) return unknown(i);
  return ATOMIC_OPERATIONS.has(i.imm) ? undefined : `imm ${i.imm} is no atomic operation`;
}

function unknown(i: Instruction): string {
  return `opcode 0x${i.opcode.toString(16).padStart(2, "0")} is not in the instruction set`;
}

function zero(i: Instruction, ...fields: readonly Field[]): string | undefined {
  const field = fields.find((name) => i[name] !== 0);
  return field && `${field} is ${i[field]} and must be 0 for opcode 0x${i.opcode.toString(16).padStart(2, "0")}`;
}

function allowed(i: Instruction, field: Field, values: readonly number[]): string | undefined {
  return values.includes(i[field]) ? undefined : `${field} is ${i[field]}, not ${values.join(" or ")}`;
}
