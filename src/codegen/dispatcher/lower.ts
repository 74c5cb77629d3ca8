/**
 * Plan -> instructions of the dispatcher's main function.
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
 * Nodes lie in the order of the plan, so that the `next` edge falls through; the blocks that return an action of the
 * chain's own follow, and `return` is last.
 */
import { ACTIONS, type Action, actionCode, NO_VERDICT } from "../../chain/chain.ts";
import {
  callSymbol,
  exit,
  type Instruction,
  ja,
  jeq32Imm,
  jgt32Imm,
  jle32Imm,
  jne32Imm,
  jset32Imm,
  mov64Imm,
  mov64Reg,
  R0,
  R1,
  R6,
  withLabel,
} from "../asm/index.ts";
import { identifier } from "../link/names.ts";
import { canReturn, type ReturnCodes } from "../object/returns.ts";
import { formatEdges } from "../plan/format.ts";
import { type Outcome, OUTCOMES, type Plan, type PlanNode, type Target } from "../plan/plan.ts";
import { type Comparison, type Decision, decide } from "./decide.ts";
import type { DispatcherFunction } from "./function.ts";

/** What the lowering must know of the slot of a node. */
export interface SlotCode {
  /** The function to call. */
  readonly symbol: string;
  /** What the function can return. An unbound stub returns 31, so an `freplace` slot can return anything. */
  readonly codes: ReturnCodes;
}

export interface LoweredMain {
  /** With labels; not laid out. */
  readonly instructions: readonly Instruction[];
  /** What each node does, at the index where its block begins, in the order of the plan; then the returns. */
  readonly lines: DispatcherFunction["lines"];
}

const JUMP: Record<Comparison, typeof jeq32Imm> = {
  jeq: jeq32Imm,
  jne: jne32Imm,
  jgt: jgt32Imm,
  jle: jle32Imm,
  jset: jset32Imm,
};

/** @param declared one for each node of the plan */
export function lower(plan: Plan, declared: readonly SlotCode[]): LoweredMain {
  const slots = keepReachable(plan, declared);
  const verdicts = constantVerdicts(plan, slots);
  const labels = plan.nodes.map(nodeLabel);

  const blocks = plan.nodes.map((node, index) => {
    const next = labels[index + 1] ?? returnLabel(verdicts[0] ?? "own");
    const labelOf = (outcome: Outcome): string => targetLabel(node.edges[outcome], labels);
    return { node, next, decision: decideByShape(labelOf, slots[index]!.codes, next) };
  });
  const entered = new Set<string>();
  for (const { decision, next } of blocks) {
    for (const test of decision.tests) entered.add(test.target);
    if (decision.otherwise !== next) entered.add(decision.otherwise);
  }

  const instructions: Instruction[] = [];
  const lines: { index: number; text: string }[] = [];
  const several = plan.nodes.length > 1;
  for (const [index, { node, next, decision }] of blocks.entries()) {
    const start = instructions.length;
    const text = `${node.program.name}: ${formatEdges(plan, node)}`;
    lines.push({ index: start, text });
    if (index > 0) instructions.push(mov64Reg(R1, R6));
    else if (several) instructions.push(mov64Reg(R6, R1));
    instructions.push({ comment: text, ...callSymbol(slots[index]!.symbol) });
    for (const test of decision.tests) instructions.push(JUMP[test.comparison](R0, test.value, test.target));
    if (decision.otherwise !== next) instructions.push(ja(decision.otherwise));
    if (entered.has(labels[index]!)) instructions[start] = { label: labels[index]!, ...instructions[start]! };
  }
  verdicts.forEach((verdict, i) => {
    lines.push({ index: instructions.length, text: `return ${verdict}` });
    instructions.push(withLabel(returnLabel(verdict), mov64Imm(R0, actionCode(verdict))));
    if (i + 1 < verdicts.length) instructions.push(exit());
  });
  lines.push({ index: instructions.length, text: "return" });
  instructions.push(entered.has(returnLabel("own")) ? withLabel(returnLabel("own"), exit()) : exit());
  return { instructions, lines };
}

/** Whether nothing that the program can return is changed or goes on: then it needs no dispatcher. */
export function leavesVerdictAlone({ program, edges }: PlanNode): boolean {
  return OUTCOMES.every((outcome) => {
    const target = edges[outcome];
    return !outcomePossible(outcome, program.codes) || (target.kind === "return" && target.verdict === "own");
  });
}

/**
 * The verifier refuses code that nothing can reach. Where a program can never return what leads to the next, as a program
 * that always drops, the compare stays in, as if anything could be returned.
 */
function keepReachable(plan: Plan, declared: readonly SlotCode[]): readonly SlotCode[] {
  const slots = [...declared];
  const leadsTo = (from: number, to: number, codes: ReturnCodes): boolean =>
    OUTCOMES.some((outcome) => {
      const target = plan.nodes[from]!.edges[outcome];
      return target.kind === "node" && target.node === to && outcomePossible(outcome, codes);
    });
  const into = plan.nodes.map((): number[] => []);
  for (const [from, { edges }] of plan.nodes.entries()) {
    for (const outcome of OUTCOMES) {
      const target = edges[outcome];
      if (target.kind === "node" && into[target.node]!.at(-1) !== from) into[target.node]!.push(from);
    }
  }
  // Edges lead forward: when a node's turn comes, whatever can lead to it is settled.
  for (const [to, froms] of into.entries()) {
    if (froms.length === 0 || froms.some((from) => leadsTo(from, to, slots[from]!.codes))) continue;
    const last = froms.at(-1)!;
    slots[last] = { ...slots[last]!, codes: "any" };
  }
  return slots;
}

/** Labels have a prefix each, so that a program may be called `return`. */
function nodeLabel(node: PlanNode): string {
  return `to_${identifier(node.program.name)}`;
}

function returnLabel(verdict: "own" | Action): string {
  return verdict === "own" ? "return" : `return_${verdict}`;
}

function targetLabel(target: Target, nodeLabels: readonly string[]): string {
  switch (target.kind) {
    case "node":
      return nodeLabels[target.node]!;
    case "return":
      return returnLabel(target.verdict);
  }
}

/** The actions that some edge returns in place of the program's own, those of the last node first. */
function constantVerdicts(plan: Plan, slots: readonly SlotCode[]): readonly Action[] {
  const found = new Set<Action>();
  for (let i = plan.nodes.length - 1; i >= 0; i--) {
    for (const outcome of OUTCOMES) {
      const target = plan.nodes[i]!.edges[outcome];
      if (target.kind !== "return" || target.verdict === "own") continue;
      if (outcomePossible(outcome, slots[i]!.codes)) found.add(target.verdict);
    }
  }
  return [...found];
}

function outcomePossible(outcome: Outcome, codes: ReturnCodes): boolean {
  switch (outcome) {
    case "no-verdict":
      return canReturn(codes, NO_VERDICT, NO_VERDICT);
    case "other":
      return codes === "any" || codes.some((c) => c >= ACTIONS.length && c !== NO_VERDICT);
    default:
      return canReturn(codes, actionCode(outcome), actionCode(outcome));
  }
}

/** Answers of `decide` by shape, for all chains: there are few, and the search takes longer than the rest of a short chain. */
const decisions = new Map<string, Decision>();
const MAX_DECISIONS = 1000;

/**
 * `decide`, once for each shape. Nodes of a chain differ in the names of their targets and seldom in the shape of their
 * edges, so the search runs over numbered labels and the answer gets its names back.
 */
function decideByShape(labelOf: (outcome: Outcome) => string, codes: ReturnCodes, next: string): Decision {
  const labels = [next];
  // One octal digit for each outcome: beside `next` there are at most seven labels.
  let shape = 0;
  for (const outcome of OUTCOMES) {
    const label = labelOf(outcome);
    const known = labels.indexOf(label);
    shape = shape * 8 + (known >= 0 ? known : labels.push(label) - 1);
  }
  const key = `${shape} ${codes.toString()}`;
  let decision = decisions.get(key);
  if (!decision) {
    const numbered = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, `${labels.indexOf(labelOf(outcome))}`]));
    decision = decide(numbered as Record<Outcome, string>, (first, last) => canReturn(codes, first, last), "0");
    if (decisions.size >= MAX_DECISIONS) decisions.clear();
    decisions.set(key, decision);
  }
  return {
    tests: decision.tests.map((t) => ({ ...t, target: labels[Number(t.target)]! })),
    otherwise: labels[Number(decision.otherwise)]!,
  };
}
