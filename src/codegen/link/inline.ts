/**
 * A program's main function as part of another function. In: its laid-out code, and what is known of the ways to its
 * `exit`s. Out: the same code with labels, which ends behind its last instruction where the program would have exited.
 *
 *     r0 = 2                    goto to_next              what a way to an exit returns is known, so it leads to where
 *     if r1 > r2 goto out       if r1 > r2 goto to_next   that code leads, and nothing compares it
 *     …                         …
 *     r0 = *(u32 *)(r1 + 0)     r0 = *(u32 *)(r1 + 0)     what is not known goes on behind the code, to be compared
 *     out: exit
 *
 * Registers and the stack are the program's own while it runs: what the function around it needs afterwards lies below
 * the program's frame (`object/frame.ts`).
 */
import { BPF_ALU, BPF_ALU64, BPF_K, BPF_MOV } from "../asm/constants.ts";
import { EXIT, type Instruction, ja, labelTargets, R0, slotOffsets } from "../asm/index.ts";
import { copyOf } from "../asm/instruction.ts";
import { distanceField, JA, JA_LONG, JA_REGISTER } from "../asm/opcodes.ts";
import type { CoreRelocation, LineInfo } from "../btf/types.ts";
import type { ExitWays, ReturnCodes } from "../object/returns.ts";
import { unionOfValues } from "../object/values.ts";
import type { UnitFunction } from "./unit.ts";

/** Where a code that a program returns leads. */
export interface Destination {
  readonly label: string;
  /** Whether the code itself is needed there, in R0. */
  readonly readsCode: boolean;
  /** Whether nothing stands there but an `exit`. */
  readonly exits: boolean;
}

export interface InlineOptions {
  /** Put before each label of the code. */
  readonly prefix: string;
  /** The label behind the code. */
  readonly behind: string;
  /** What the function can return. */
  readonly codes: ReturnCodes;
  /** How control comes to its exits; without it every exit leads behind the code. */
  readonly ways?: ExitWays | undefined;
  /** Where all of some codes lead, if they lead to one place. */
  readonly destination: (codes: readonly number[]) => Destination | undefined;
}

export interface InlinedCode {
  readonly code: readonly Instruction[];
  /** What R0 can be where control comes to the end of the code; empty where it never does. */
  readonly codes: ReturnCodes;
  /** The function's records, by the index of their instruction in `code`. */
  readonly lines: readonly { readonly index: number; readonly line: LineInfo }[];
  readonly coreRelocations: readonly { readonly index: number; readonly relocation: CoreRelocation }[];
}

/** Where a jump of the code leads: an instruction of it, by its index, or a label of the function around it. */
type Goal = number | string;

interface Step {
  readonly instruction: Instruction;
  readonly goal?: Goal;
  /** Where the instruction before it goes on to, instead of to this one. */
  readonly ahead?: string;
  readonly dropped?: true;
}

export function inlined(f: UnitFunction, options: InlineOptions): InlinedCode {
  const offsets = slotOffsets(f.code);
  const steps = stepsOf(f.code);
  const codes = leadExits(steps, offsets, options);
  return emit(f, steps, offsets, options, codes);
}

/** Leads every way to an exit to where its codes lead. Gives the codes that are left to be compared. */
function leadExits(
  steps: Step[],
  offsets: readonly number[],
  { behind, codes, ways, destination }: InlineOptions,
): ReturnCodes {
  let compared: ReturnCodes = ways ? [] : codes;
  /** Undefined for a way that the program cannot take: it leads to an `exit`, as it does. */
  const lead = (way: ReturnCodes | undefined): Destination | undefined => {
    if (ways && way === undefined) return undefined;
    const to = way === undefined || way === "any" ? undefined : destination(way);
    if (to) return to;
    if (ways) compared = unionOfValues(compared, way!);
    return { label: behind, readsCode: true, exits: false };
  };
  const isExit = (index: number): boolean => steps[index]!.instruction.opcode === EXIT;
  const exits = steps.flatMap((_, index) => (isExit(index) ? [index] : []));

  for (const [index, step] of steps.entries()) {
    if (typeof step.goal !== "number" || !isExit(step.goal)) continue;
    const to = lead(ways?.jumps.get(offsets[index]!));
    if (!to) continue;
    steps[index] = { ...step, goal: to.label };
    if (!to.readsCode && step.instruction.opcode === JA) dropDeadCode(steps, index);
  }
  const entered = new Set(steps.map(({ goal }) => goal));
  for (const index of exits) {
    const falls = index === 0 || goesOn(steps[index - 1]!.instruction);
    const to = falls ? lead(ways?.falls.get(offsets[index]!)) : undefined;
    const step = steps[index]!;
    if (!falls && !entered.has(index)) steps[index] = { ...step, dropped: true };
    if (!to || to.exits) continue;
    steps[index] = entered.has(index) ? { ...step, ahead: to.label } : { instruction: ja(to.label), goal: to.label };
    if (!to.readsCode) dropDeadCode(steps, index);
  }
  return compared;
}

function stepsOf(code: readonly Instruction[]): Step[] {
  const labelled = labelTargets(code);
  const indexes = new Map(labelled.flatMap(({ label }, index) => (label === undefined ? [] : [[label, index]])));
  return labelled.map(({ target }, index) => ({
    instruction: code[index]!,
    ...(target !== undefined && { goal: indexes.get(target)! }),
  }));
}

/** Whether control can go from an instruction to the one behind it. */
function goesOn({ opcode }: Instruction): boolean {
  return opcode !== EXIT && opcode !== JA && opcode !== JA_LONG && opcode !== JA_REGISTER;
}

/** The code that is put into R0 in front of a jump to where nobody reads it. */
function dropDeadCode(steps: Step[], jump: number): void {
  const before = steps[jump - 1];
  if (before && isConstantCode(before.instruction)) steps[jump - 1] = { ...before, dropped: true };
}

function isConstantCode({ opcode, dst }: Instruction): boolean {
  return (opcode === (BPF_ALU64 | BPF_MOV | BPF_K) || opcode === (BPF_ALU | BPF_MOV | BPF_K)) && dst === R0;
}

/** The steps that are left, with labels. */
function emit(
  f: UnitFunction,
  steps: readonly Step[],
  offsets: readonly number[],
  { prefix, behind }: InlineOptions,
  codes: ReturnCodes,
): InlinedCode {
  const left: Step[] = [];
  /** Of each instruction of the function its index in `left`: of one that is gone, that of the one behind it. */
  const place = steps.map((step) => {
    if (step.ahead !== undefined) left.push({ instruction: ja(step.ahead), goal: step.ahead });
    return step.dropped ? left.length : left.push(step) - 1;
  });
  // The last jump to what is behind goes there by itself.
  if (left.at(-1)?.goal === behind && left.at(-1)!.instruction.opcode === JA) left.pop();
  const slotOf = new Map(place.map((at, index) => [at, offsets[index]!]));
  const labelAt = (at: number): string => (at < left.length ? `${prefix}${slotOf.get(at)}` : behind);
  const entered = new Set(left.map(({ goal }) => (typeof goal === "number" ? place[goal] : undefined)));
  const code = left.map(({ instruction, goal }, at): Instruction => {
    if (goal === undefined && !entered.has(at)) return instruction;
    const copy = copyOf(instruction);
    if (goal !== undefined) {
      copy.target = typeof goal === "number" ? labelAt(place[goal]!) : goal;
      copy[distanceField(instruction)!] = 0;
    }
    if (entered.has(at)) copy.label = labelAt(at);
    return copy;
  });
  const indexes = new Map(offsets.slice(0, -1).map((slot, index) => [8 * slot, index]));
  const indexIn = (offset: number): number | undefined => {
    const index = indexes.get(offset);
    return index === undefined || steps[index]!.dropped ? undefined : place[index];
  };
  return {
    code,
    codes,
    lines: f.lines.flatMap((line) => {
      const index = indexIn(line.offset);
      return index === undefined || index >= code.length ? [] : [{ index, line }];
    }),
    coreRelocations: f.coreRelocations.flatMap((relocation) => {
      const index = indexIn(relocation.offset);
      return index === undefined ? [] : [{ index, relocation }];
    }),
  };
}
