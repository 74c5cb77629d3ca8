/** Control flow between the instructions of one function, and the calls that it makes. Positions are slots from its start. */
import { BPF_CALL, BPF_EXIT, BPF_FUNC_tail_call, BPF_JA, BPF_JMP, BPF_JMP32 } from "../asm/constants.ts";
import { CALL, type Instruction, JA_REGISTER, slots } from "../asm/index.ts";
import type { CodeInstruction } from "./code.ts";

export interface Successors {
  /** The instruction that comes next, where control can go on. */
  readonly next?: number;
  /** Where a jump leads. */
  readonly jump?: number;
}

/** Undefined for a jump whose target is not in the instruction (`gotox`). A call goes on behind it. */
export function successors({ instruction, offset }: CodeInstruction): Successors | undefined {
  const { opcode, imm, off } = instruction;
  const pc = offset / 8;
  const next = pc + slots(instruction);
  const cls = opcode & 0x07;
  if (cls !== BPF_JMP && cls !== BPF_JMP32) return { next };
  switch (opcode & 0xf0) {
    case BPF_EXIT:
      return {};
    case BPF_CALL:
      return { next };
    case BPF_JA:
      return opcode === JA_REGISTER ? undefined : { jump: pc + 1 + (cls === BPF_JMP32 ? imm : off) };
    default:
      return { next, jump: pc + 1 + off };
  }
}

export function isTailCall({ opcode, src, imm }: Instruction): boolean {
  return opcode === CALL && src === 0 && imm === BPF_FUNC_tail_call;
}

/** Whether control can come back to an instruction. Jumps back alone are no loop: compilers order code as they like. */
export function hasLoop(code: readonly CodeInstruction[]): boolean {
  const at = new Map(code.map((step) => [step.offset / 8, step]));
  const done = new Set<number>();
  // Depth first: an instruction that is met again while what follows it is being walked is in a loop.
  const path = new Set<number>();
  const work: { readonly pc: number; readonly leave: boolean }[] = [{ pc: 0, leave: false }];
  for (let one = work.pop(); one; one = work.pop()) {
    const { pc, leave } = one;
    if (leave) {
      path.delete(pc);
      done.add(pc);
      continue;
    }
    if (path.has(pc)) return true;
    const step = at.get(pc);
    if (done.has(pc) || !step) continue;
    path.add(pc);
    work.push({ pc, leave: true });
    const { next, jump } = successors(step) ?? {};
    for (const to of [next, jump]) if (to !== undefined) work.push({ pc: to, leave: false });
  }
  return false;
}
