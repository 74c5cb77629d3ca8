/**
 * The eBPF assembler. In: instruction values from builders named after the instruction set, with labels where they jump.
 * Out: bytes, and text in LLVM's dialect or the kernel's; and back from both. Instructions are plain values and lists of
 * them are plain arrays: joining code is array concatenation. Nothing here knows of XDP, ELF, BTF or the kernel that runs
 * the code.
 *
 *     encode(layout([mov64Imm(R0, XDP_PASS), jeqImm(R1, 0, "end"), …, withLabel("end", exit())]))
 */
export { type Diagnostic, formatDiagnostics, Mistakes } from "../../diagnostic.ts";
export { type ErrorCode, XdpgenError } from "../../errors.ts";
export * from "./alu.ts";
export * from "./atomic.ts";
export * from "./constants.ts";
export { decode, type DecodeOptions } from "./decode.ts";
export { withComment, withLabel } from "./edit.ts";
export { encode } from "./encode.ts";
export { format, formatInstruction, type FormatOptions } from "./format.ts";
export type { Instruction, Register } from "./instruction.ts";
export * from "./jump.ts";
export { labelTargets, layout, slotOffsets, type LayoutOptions } from "./layout.ts";
export * from "./load-store.ts";
export type { Dialect } from "./notation.ts";
export {
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
  isJump,
  modeOf,
  operationOf,
  sizeOf,
  slots,
  usesRegister,
} from "./opcodes.ts";
export { parse, resolveNames, type ParseOptions } from "./parse.ts";
export type { AsmMistakeCode } from "./parse/mistakes.ts";
export { readStatements, type Statement, type Statements } from "./parse/statements.ts";
export * from "./registers.ts";
