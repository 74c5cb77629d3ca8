/**
 * Jumps, calls and `exit` (RFC 9669, section 4.3). A target is a label, which `layout` resolves, or a distance: the number
 * of eight-byte slots to go on from the next instruction.
 */
import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_K,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_X,
} from "./constants.ts";
import type { Instruction, Register } from "./instruction.ts";
import { BPF_JCOND, CALL, EXIT, JA, JA_LONG, JA_REGISTER } from "./opcodes.ts";

/** A label, or slots from the next instruction. */
export type Target = string | number;

type IfImmediate = (dst: Register, imm: number, target: Target) => Instruction;
type IfRegister = (dst: Register, src: Register, target: Target) => Instruction;

function jump(opcode: number, dst: Register, src: number, imm: number, target: Target): Instruction {
  return typeof target === "string"
    ? { opcode, dst, src, off: 0, imm, target }
    : { opcode, dst, src, off: target, imm };
}

function ifImmediate(condition: number): IfImmediate {
  return (dst, imm, target) => jump(condition | BPF_K, dst, 0, imm, target);
}

function ifRegister(condition: number): IfRegister {
  return (dst, src, target) => jump(condition | BPF_X, dst, src, 0, target);
}

/** Goes to `target`, within 32767 slots. */
export const ja = (target: Target): Instruction => jump(JA, 0, 0, 0, target);

/** Goes to `target`, however far. Needs Linux 6.6. */
export const jaLong = (target: Target): Instruction => distanceInImmediate(JA_LONG, 0, target);

/** Goes to the address in `dst`, which a map of instruction addresses holds. Needs Linux 6.19. */
export const jaReg = (dst: Register): Instruction => ({ opcode: JA_REGISTER, dst, src: 0, off: 0, imm: 0 });

/** Goes to `target` once a loop has run for too long, which the kernel decides. Needs Linux 6.9. */
export const mayGoto = (target: Target): Instruction => jump(BPF_JMP | BPF_JCOND, 0, 0, 0, target);

// Go to `target` if the comparison of `dst` with the immediate or `src` holds; `jset` if they share a bit. `s`: signed.
// The immediate's sign is extended to 64 bits.
export const jeqImm = ifImmediate(BPF_JMP | BPF_JEQ);
export const jeqReg = ifRegister(BPF_JMP | BPF_JEQ);
export const jneImm = ifImmediate(BPF_JMP | BPF_JNE);
export const jneReg = ifRegister(BPF_JMP | BPF_JNE);
export const jgtImm = ifImmediate(BPF_JMP | BPF_JGT);
export const jgtReg = ifRegister(BPF_JMP | BPF_JGT);
export const jgeImm = ifImmediate(BPF_JMP | BPF_JGE);
export const jgeReg = ifRegister(BPF_JMP | BPF_JGE);
export const jltImm = ifImmediate(BPF_JMP | BPF_JLT);
export const jltReg = ifRegister(BPF_JMP | BPF_JLT);
export const jleImm = ifImmediate(BPF_JMP | BPF_JLE);
export const jleReg = ifRegister(BPF_JMP | BPF_JLE);
export const jsetImm = ifImmediate(BPF_JMP | BPF_JSET);
export const jsetReg = ifRegister(BPF_JMP | BPF_JSET);
export const jsgtImm = ifImmediate(BPF_JMP | BPF_JSGT);
export const jsgtReg = ifRegister(BPF_JMP | BPF_JSGT);
export const jsgeImm = ifImmediate(BPF_JMP | BPF_JSGE);
export const jsgeReg = ifRegister(BPF_JMP | BPF_JSGE);
export const jsltImm = ifImmediate(BPF_JMP | BPF_JSLT);
export const jsltReg = ifRegister(BPF_JMP | BPF_JSLT);
export const jsleImm = ifImmediate(BPF_JMP | BPF_JSLE);
export const jsleReg = ifRegister(BPF_JMP | BPF_JSLE);

// The same for the low 32 bits.
export const jeq32Imm = ifImmediate(BPF_JMP32 | BPF_JEQ);
export const jeq32Reg = ifRegister(BPF_JMP32 | BPF_JEQ);
export const jne32Imm = ifImmediate(BPF_JMP32 | BPF_JNE);
export const jne32Reg = ifRegister(BPF_JMP32 | BPF_JNE);
export const jgt32Imm = ifImmediate(BPF_JMP32 | BPF_JGT);
export const jgt32Reg = ifRegister(BPF_JMP32 | BPF_JGT);
export const jge32Imm = ifImmediate(BPF_JMP32 | BPF_JGE);
export const jge32Reg = ifRegister(BPF_JMP32 | BPF_JGE);
export const jlt32Imm = ifImmediate(BPF_JMP32 | BPF_JLT);
export const jlt32Reg = ifRegister(BPF_JMP32 | BPF_JLT);
export const jle32Imm = ifImmediate(BPF_JMP32 | BPF_JLE);
export const jle32Reg = ifRegister(BPF_JMP32 | BPF_JLE);
export const jset32Imm = ifImmediate(BPF_JMP32 | BPF_JSET);
export const jset32Reg = ifRegister(BPF_JMP32 | BPF_JSET);
export const jsgt32Imm = ifImmediate(BPF_JMP32 | BPF_JSGT);
export const jsgt32Reg = ifRegister(BPF_JMP32 | BPF_JSGT);
export const jsge32Imm = ifImmediate(BPF_JMP32 | BPF_JSGE);
export const jsge32Reg = ifRegister(BPF_JMP32 | BPF_JSGE);
export const jslt32Imm = ifImmediate(BPF_JMP32 | BPF_JSLT);
export const jslt32Reg = ifRegister(BPF_JMP32 | BPF_JSLT);
export const jsle32Imm = ifImmediate(BPF_JMP32 | BPF_JSLE);
export const jsle32Reg = ifRegister(BPF_JMP32 | BPF_JSLE);

/** Calls the kernel's helper with this number (`BPF_FUNC_…`). */
export const callHelper = (id: number): Instruction => ({ opcode: CALL, dst: 0, src: 0, off: 0, imm: id });

/** Calls a function of this program: a label, or slots from the next instruction. */
export const callLocal = (target: Target): Instruction => distanceInImmediate(CALL, BPF_PSEUDO_CALL, target);

/** Calls a function by its ELF symbol. The loader finds it by the relocation, so the distance is -1, as compilers leave it. */
export const callSymbol = (symbol: string): Instruction => ({
  opcode: CALL,
  dst: 0,
  src: BPF_PSEUDO_CALL,
  off: 0,
  imm: -1,
  symbol,
});

/** Calls a kernel function by its BTF id; `off` is the index of the module's BTF in the load's fd array, 0 for vmlinux. */
export const callKernel = (btfId: number, off = 0): Instruction => ({
  opcode: CALL,
  dst: 0,
  src: BPF_PSEUDO_KFUNC_CALL,
  off,
  imm: btfId,
});

/** Returns R0 to the caller: the program's result, or a subprogram's. */
export const exit = (): Instruction => ({ opcode: EXIT, dst: 0, src: 0, off: 0, imm: 0 });

function distanceInImmediate(opcode: number, src: number, target: Target): Instruction {
  return typeof target === "string"
    ? { opcode, dst: 0, src, off: 0, imm: 0, target }
    : { opcode, dst: 0, src, off: 0, imm: target };
}
