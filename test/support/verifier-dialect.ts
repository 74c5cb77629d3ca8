/**
 * The claim that the kernel prints an instruction as `format` does and that `parse` reads it back, with its exceptions: what
 * the verifier has already rewritten when it prints, and what kernels before some release do not know.
 */
import { isDeepStrictEqual } from "node:util";
import { complaint } from "../../src/codegen/asm/fields.ts";
import {
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_DIV,
  BPF_END,
  BPF_JCOND,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_MOD,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_IDX,
  BPF_STX,
  CALL,
  LD_IMM64,
  classOf,
  encode,
  formatInstruction,
  type Instruction,
  isAlu,
  isJump,
  modeOf,
  operationOf,
  parse,
} from "../../src/codegen/asm/index.ts";
import { JA_LONG, JA_REGISTER } from "../../src/codegen/asm/opcodes.ts";
import { has, lacking, type DifferenceName } from "./kernel-differences.ts";
import { kernelVariable, type Shown } from "./verifier.ts";

/** What the log shows of an instruction that is not as it was given, and why. */
export function altered(i: Instruction): { readonly line: RegExp; readonly why: string } | undefined {
  if (i.opcode === CALL && i.src === BPF_PSEUDO_KFUNC_CALL) {
    return { line: new RegExp(`^\\(85\\) call \\w+#${i.imm}$`), why: "the function has its name in front of the id" };
  }
  if (i.opcode !== LD_IMM64 || i.src === 0) return undefined;
  if (i.src === BPF_PSEUDO_FUNC) {
    const distance = (i.imm >>> 0).toString(16);
    return { line: new RegExp(`^\\(18\\) r${i.dst} = 0x${distance}$`), why: "a distance is printed as any number is" };
  }
  // Of a per-CPU variable it is an offset, which may be small.
  const digits = i.src === BPF_PSEUDO_BTF_ID ? "{1,16}" : "{8,16}";
  return { line: new RegExp(`^\\(18\\) r${i.dst} = 0x[0-9a-f]${digits}$`), why: "the address is already in its place" };
}

/** Instructions that not every kernel knows; of those that two lines fit, the last says why. */
const NEEDS: readonly (readonly [DifferenceName, is: (i: Instruction) => boolean])[] = [
  ["atomic operations that fetch, or other than +=", (i) => isAtomic(i) && i.imm !== 0],
  ["calls of kernel functions", (i) => i.opcode === CALL && i.src === BPF_PSEUDO_KFUNC_CALL],
  ["function addresses, and helpers that call back", (i) => i.opcode === LD_IMM64 && i.src === BPF_PSEUDO_FUNC],
  ["maps by index", (i) => i.opcode === LD_IMM64 && i.src >= BPF_PSEUDO_MAP_IDX],
  ["signed division and remainder", (i) => isDivision(i) && i.off === 1],
  ["moves that extend the sign", (i) => isAlu(i.opcode) && i.off >= 8],
  ["unconditional byte swaps", (i) => classOf(i.opcode) === BPF_ALU64 && operationOf(i.opcode) === BPF_END],
  ["loads that extend the sign", (i) => classOf(i.opcode) === BPF_LDX && modeOf(i.opcode) === BPF_MEMSX],
  ["long jumps (gotol)", (i) => i.opcode === JA_LONG],
  ["addresses of kernel functions", (i) => i.opcode === LD_IMM64 && i.src === BPF_PSEUDO_BTF_ID && !hasVariables()],
  ["loops that the kernel bounds (may_goto)", (i) => isJump(i.opcode) && operationOf(i.opcode) === BPF_JCOND],
  ["casts between address spaces", (i) => isAlu(i.opcode) && !isDivision(i) && i.off === 1],
  ["jumps by table (gotox)", (i) => i.opcode === JA_REGISTER],
  ["loads with acquire and stores with release order", (i) => isAtomic(i) && i.imm >= BPF_LOAD_ACQ],
];

let variables: boolean | undefined;
const hasVariables = (): boolean => (variables ??= kernelVariable() !== undefined);

const isAtomic = (i: Instruction): boolean => classOf(i.opcode) === BPF_STX && modeOf(i.opcode) === BPF_ATOMIC;
const isDivision = (i: Instruction): boolean =>
  isAlu(i.opcode) && (operationOf(i.opcode) === BPF_DIV || operationOf(i.opcode) === BPF_MOD);

/** Why the running kernel cannot show the instruction, if so. */
export function tooNew(i: Instruction): string | undefined {
  const last = NEEDS.findLast(([, is]) => is(i));
  return last && lacking(last[0]);
}

const RECURSION = "log lines of functions that call themselves";
const HELPERS = "names in the log for all helpers";

/** How the log and our text differ; undefined where they agree. */
export function disagreement({ instruction, line, log }: Shown): string | undefined {
  const ours = formatInstruction(instruction, "kernel");
  // Older verifiers take a call of itself for a loop, before they print anything.
  const itself = instruction.opcode === CALL && instruction.src === BPF_PSEUDO_CALL;
  const unseen = itself && !has(RECURSION);
  if (line === undefined && unseen && /^back-edge from insn (\d+) to \1$/m.test(log)) return undefined;
  // Newer ones know that it never ends, and say so before they print anything (seen on 7.2).
  if (line === undefined && itself && /^recursive call from \(\) to \(\)$/m.test(log)) return undefined;
  // The jump table that a program with `gotox` must have is a map of a sort of its own, which is not made here.
  if (line === undefined && instruction.opcode === JA_REGISTER && /^no jump tables found/m.test(log)) return undefined;
  if (line === undefined) return `the kernel does not print \`${ours}\`, it says: ${log.trim().split("\n").at(-2)}`;
  const exception = altered(instruction);
  if (exception) return exception.line.test(line) ? undefined : `the kernel prints \`${line}\` for \`${ours}\``;
  // A kernel has no name for a helper that is newer.
  const nameless = instruction.opcode === CALL && line === `(85) call unknown#${instruction.imm}` && !has(HELPERS);
  if (line !== ours && !nameless) return `the kernel prints \`${line}\`, we \`${ours}\``;
  const again = parse(line);
  if (isDeepStrictEqual(encode(again), encode([instruction]))) return undefined;
  return `\`${line}\` is read as ${JSON.stringify(again)}, and was ${JSON.stringify(instruction)}`;
}

/** One of each: every opcode, with every value of the other fields that makes it another instruction. */
export function everyForm(): readonly Instruction[] {
  const forms = new Map<string, Instruction>();
  for (const opcode of range(0x100)) {
    const immediates = classOf(opcode) === BPF_STX ? range(0x200) : [0, 16, 32, 64];
    for (const dst of [1, 0] as const)
      for (const src of [2, 0, 1, 3, 4, 5, 6])
        for (const off of [0, 1, 8, 16, 32])
          for (const imm of immediates) {
            const i = { opcode, dst, src, off, imm, ...(opcode === LD_IMM64 ? { immHigh: 0 } : {}) };
            if (complaint(i) === undefined && !forms.has(formOf(i))) forms.set(formOf(i), i);
          }
  }
  return [...forms.values()];
}

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** What tells an instruction from another, other than its operands. */
export function formOf(i: Instruction): string {
  const pseudo = i.opcode === CALL || i.opcode === LD_IMM64 ? i.src : "";
  const off = isAlu(i.opcode) ? i.off : "";
  const swap = isAlu(i.opcode) && operationOf(i.opcode) === BPF_END;
  return [i.opcode, pseudo, off, swap || isAtomic(i) ? i.imm : ""].join(" ");
}
