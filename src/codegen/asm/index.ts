/**
 * The eBPF assembler. In: instruction values from builders named after the instruction set, with labels where they jump.
 * Out: bytes, and text in LLVM's dialect; and back from bytes. Instructions are plain values and lists of them are plain
 * arrays: joining code is array concatenation. Nothing here knows of XDP, ELF, BTF or the kernel that runs the code.
 *
 *     encode(layout([mov64Imm(R0, XDP_PASS), jeqImm(R1, 0, "end"), …, withLabel("end", exit())]))
 */
export * from "./alu.ts";
export * from "./atomic.ts";
export * from "./constants.ts";
export { decode } from "./decode.ts";
export { withComment, withLabel } from "./edit.ts";
export { encode } from "./encode.ts";
export { format, formatInstruction, type FormatOptions } from "./format.ts";
export type { Instruction, Register } from "./instruction.ts";
export * from "./jump.ts";
export { labelTargets, layout, slotOffsets } from "./layout.ts";
export * from "./load-store.ts";
export {
  BPF_JCOND,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_STORE_REL,
  CALL,
  EXIT,
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
export * from "./registers.ts";
