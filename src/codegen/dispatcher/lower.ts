/**
 * Plan -> instructions of the dispatcher's main function, by passes that each have a text form:
 *
 *     plan --keepReachable--> slots --blocksOf--> blocks --decide--> compares --> instructions
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
import { canReturn, type ReturnCodes } from "../object/returns.ts";
import { type Outcome, OUTCOMES, type Plan } from "../plan/plan.ts";
import { type Block, blocksOf } from "./blocks.ts";
import { type Comparison, type Decision, decide } from "./decide.ts";
import { traced } from "./trace.ts";
import { keepReachable, type SlotCode } from "./reach.ts";

export interface LoweredMain {
  /** With labels; not laid out. */
  readonly instructions: readonly Instruction[];
  /** What the instructions from an index on do, to the next line. */
  readonly lines: readonly { readonly index: number; readonly text: string }[];
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
  const untraced = blocksOf(plan, keepReachable(plan, declared));
  const blocks = trace ? traced(untraced) : untraced;
  const ends = blocks.map((block, i) => endOf(block, blocks[i + 1]?.label));
  const jumpedTo = new Set<string>();
  for (const parts of [blocks.map(({ body }) => body), ends]) {
    for (const part of parts) for (const { target } of part) if (target !== undefined) jumpedTo.add(target);
  }
  const instructions: Instruction[] = [];
  const lines: { index: number; text: string }[] = [];
  blocks.forEach(({ label, line, body }, i) => {
    const start = instructions.length;
    lines.push({ index: start, text: line });
    for (const instruction of body) instructions.push(instruction);
    for (const instruction of ends[i]!) instructions.push(instruction);
    // What a verdict is made of is named for readers, even where it is only fallen into.
    const named = jumpedTo.has(label) || label.startsWith("return_");
    if (named) instructions[start] = withLabel(label, instructions[start]!);
  });
  return { instructions, lines };
}

/** The compares and jumps at the end of a block, `next` being the label of the block behind it. */
function endOf({ end }: Block, next: string | undefined): readonly Instruction[] {
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
