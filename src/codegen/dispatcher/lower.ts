/**
 * Plan -> instructions of the dispatcher's main function. `passes.ts` makes the blocks; here they become instructions:
 *
 *     plan, slots --blockPasses--> blocks --decide--> compares --> instructions
 *
 *     main:      r6 = r1                   only when a second program follows
 *                call denylist
 *                if w0 == 2 goto to_ratelimit
 *                if w0 != 31 goto return
 *     to_ratelimit:
 *                r1 = r6
 *                call ratelimit
 *                …
 *     return:    exit
 *
 * This pass knows which block lies behind which: it drops the jumps that fall through, and lets the fewest compares be
 * found that send every return code to its block.
 */
import {
  type Instruction,
  ja,
  jeq32Imm,
  jgt32Imm,
  jle32Imm,
  jne32Imm,
  jset32Imm,
  R0,
  withLabel,
} from "../asm/index.ts";
import { copyOf } from "../asm/instruction.ts";
import { JA } from "../asm/opcodes.ts";
import type { LineInfo } from "../btf/types.ts";
import type { InlinedCode } from "../link/inline.ts";
import { canReturn, type ReturnCodes } from "../object/returns.ts";
import { type Outcome, OUTCOMES, type Plan } from "../plan/plan.ts";
import type { Block } from "./blocks.ts";
import { type Comparison, type Decision, decide } from "./decide.ts";
import type { DispatcherFunction } from "./function.ts";
import { blockPasses } from "./passes.ts";
import type { SlotCode } from "./reach.ts";

export interface LoweredMain {
  /** With labels; not laid out. */
  readonly instructions: readonly Instruction[];
  /** What the instructions from an index on do, to the next line. */
  readonly lines: DispatcherFunction["lines"];
  /** Programs whose own code is in it. */
  readonly inlined: readonly InlinedAt[];
}

/** Where a program's own code lies: its records, by the index of their instruction. */
export interface InlinedAt {
  /** The program's name in the chain. */
  readonly name: string;
  readonly coreRelocations: InlinedCode["coreRelocations"];
}

const JUMP: Record<Comparison, typeof jeq32Imm> = {
  jeq: jeq32Imm,
  jne: jne32Imm,
  jgt: jgt32Imm,
  jle: jle32Imm,
  jset: jset32Imm,
};

/**
 * @param declared one for each node of the plan
 * @param trace whether every program's record is written (trace.ts)
 */
export function lower(plan: Plan, declared: readonly SlotCode[], trace = false): LoweredMain {
  const { blocks } = blockPasses(plan, declared, trace);
  const parts = blocks.map((block, i) => partsOf(block, blocks[i + 1]?.label));
  const jumpedTo = new Set<string>();
  for (const [i, { code, tail }] of parts.entries()) {
    for (const list of [blocks[i]!.body, code, tail])
      for (const { target } of list) if (target !== undefined) jumpedTo.add(target);
  }
  const instructions: Instruction[] = [];
  const lines: { index: number; text: string; source?: LineInfo }[] = [];
  const inlinedAt: InlinedAt[] = [];
  blocks.forEach(({ label, line, body, program }, i) => {
    const { code, tail } = parts[i]!;
    const start = instructions.length;
    const entry = start + body.length;
    lines.push({ index: start, text: line });
    for (const list of [body, code, tail]) for (const instruction of list) instructions.push(instruction);
    // What a verdict is made of is named for readers, even where it is only fallen into.
    const named = jumpedTo.has(label) || label.startsWith("return_");
    if (named) instructions[start] = withLabel(label, instructions[start]!);
    if (!program || "call" in program) return;
    for (const { index, line: source } of program.lines) {
      if (index < code.length) lines.push({ index: entry + index, text: source.text, source });
    }
    const coreRelocations = program.coreRelocations.map((at) => ({ ...at, index: entry + at.index }));
    inlinedAt.push({ name: program.name, coreRelocations });
    if (tail.length > 0) lines.push({ index: entry + code.length, text: line });
  });
  return { instructions, lines: onePerInstruction(lines), inlined: inlinedAt };
}

/** Of several lines at one instruction the first: what the dispatcher says of it goes before what the program does. */
function onePerInstruction<T extends { readonly index: number }>(lines: readonly T[]): readonly T[] {
  return lines.filter(({ index }, i) => lines[i - 1]?.index !== index);
}

/** What follows a block's `body`: the call or the program's own code, and the compares and jumps at the end. */
function partsOf(
  block: Block,
  next: string | undefined,
): { code: readonly Instruction[]; tail: readonly Instruction[] } {
  const tail = [...(block.after ?? []), ...endOf(block, next)];
  const { program } = block;
  if (!program) return { code: [], tail };
  if ("call" in program) return { code: [program.call], tail };
  const { code, behind } = program;
  if (!code.some(({ target }) => target === behind)) return { code: withoutLastJump(code, tail, next), tail };
  // What lies behind the code has a label, or is the next block and has one already.
  const [first, ...rest] = tail;
  if (first) return { code, tail: [withLabel(behind, first), ...rest] };
  return { code: withoutLastJump(renamed(code, behind, next!), tail, next), tail };
}

/** A jump to the next block, at the end of the one before it, is no jump. */
function withoutLastJump(
  code: readonly Instruction[],
  tail: readonly Instruction[],
  next: string | undefined,
): readonly Instruction[] {
  const last = code.at(-1);
  if (tail.length > 0 || !last || last.opcode !== JA || last.target !== next || next === undefined) return code;
  const rest = code.slice(0, -1);
  return last.label === undefined ? rest : renamed(rest, last.label, next);
}

/** The code with its jumps to one label going to another. */
function renamed(code: readonly Instruction[], from: string, to: string): readonly Instruction[] {
  return code.map((instruction) => {
    if (instruction.target !== from) return instruction;
    const copy = copyOf(instruction);
    copy.target = to;
    return copy;
  });
}

/** The compares and jumps at the end of a block, `next` being the label of the block behind it. */
export function endOf({ end }: Block, next: string | undefined): readonly Instruction[] {
  switch (end.kind) {
    case "exit":
      return [];
    case "goto":
      return end.label === next ? [] : [ja(end.label)];
    case "decide": {
      const { tests, otherwise } = decideByShape(end.labels, end.codes, next!);
      const compares = tests.map((test) => JUMP[test.comparison](R0, test.value, test.target));
      return otherwise === next ? compares : [...compares, ja(otherwise)];
    }
  }
}

/** Answers of `decide` by shape, for all chains: there are few, and the search takes longer than the rest of a short chain. */
const decisions = new Map<string, Decision>();
const MAX_DECISIONS = 1000;

/**
 * `decide`, once for each shape. Nodes of a chain differ in the names of their targets and seldom in the shape of their
 * edges, so the search runs over numbered labels and the answer gets its names back.
 *
 * @param labels where each outcome leads, in the order of `OUTCOMES`
 */
function decideByShape(labels: readonly string[], codes: ReturnCodes, next: string): Decision {
  const known = [next];
  // One octal digit for each outcome: beside `next` there are at most seven labels.
  let shape = 0;
  for (const label of labels) {
    const place = known.indexOf(label);
    shape = shape * 8 + (place >= 0 ? place : known.push(label) - 1);
  }
  const key = `${shape} ${codes.toString()}`;
  let decision = decisions.get(key);
  if (!decision) {
    const numbered = Object.fromEntries(OUTCOMES.map((outcome, i) => [outcome, `${known.indexOf(labels[i]!)}`]));
    decision = decide(numbered as Record<Outcome, string>, (first, last) => canReturn(codes, first, last), "0");
    if (decisions.size >= MAX_DECISIONS) decisions.clear();
    decisions.set(key, decision);
  }
  return {
    tests: decision.tests.map(({ comparison, value, target }) => ({
      comparison,
      value,
      target: known[Number(target)]!,
    })),
    otherwise: known[Number(decision.otherwise)]!,
  };
}
