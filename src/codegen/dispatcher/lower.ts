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
  withComment,
  withLabel,
} from "../asm/index.ts";
import { identifier } from "../link/names.ts";
import { canReturn, type ReturnCodes } from "../object/returns.ts";
import { formatEdges } from "../plan/format.ts";
import type { Outcome, Plan, PlanNode, Target } from "../plan/plan.ts";
import { type Comparison, type Decision, decide } from "./decide.ts";

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
  /** Index of the first instruction of each node, in the order of the plan. */
  readonly starts: readonly number[];
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
  const afterLast = verdicts[0] ?? "own";
  const decideOnce = cachedDecide();

  const blocks = plan.nodes.map((node, index) => {
    const next = index + 1 < plan.nodes.length ? nodeLabel(plan.nodes[index + 1]!) : returnLabel(afterLast);
    const decision = decideOnce(labelEdges(plan, node), slots[index]!.codes, next);
    return { node, index, next, decision, call: slots[index]!.symbol };
  });
  const entered = new Set(
    blocks.flatMap(({ decision: d, next }) => [
      ...d.tests.map((t) => t.target),
      ...(d.otherwise === next ? [] : [d.otherwise]),
    ]),
  );

  const instructions: Instruction[] = [];
  const starts: number[] = [];
  const several = plan.nodes.length > 1;
  for (const { node, index, next, decision, call } of blocks) {
    const block: Instruction[] = [];
    if (index > 0) block.push(mov64Reg(R1, R6));
    else if (several) block.push(mov64Reg(R6, R1));
    block.push(withComment(`${node.program.name}: ${formatEdges(plan, node)}`, callSymbol(call)));
    for (const test of decision.tests) block.push(JUMP[test.comparison](R0, test.value, test.target));
    if (decision.otherwise !== next) block.push(ja(decision.otherwise));
    if (entered.has(nodeLabel(node))) block[0] = withLabel(nodeLabel(node), block[0]!);
    starts.push(instructions.length);
    instructions.push(...block);
  }
  verdicts.forEach((verdict, i) => {
    instructions.push(withLabel(returnLabel(verdict), mov64Imm(R0, actionCode(verdict))));
    if (i + 1 < verdicts.length) instructions.push(exit());
  });
  instructions.push(entered.has(returnLabel("own")) ? withLabel(returnLabel("own"), exit()) : exit());
  return { instructions, starts };
}

/** Whether nothing that the program can return is changed or goes on: then it needs no dispatcher. */
export function leavesVerdictAlone({ program, edges }: PlanNode): boolean {
  return (Object.entries(edges) as [Outcome, Target][]).every(
    ([outcome, target]) =>
      !outcomePossible(outcome, program.codes) || (target.kind === "return" && target.verdict === "own"),
  );
}

/**
 * The verifier refuses code that nothing can reach. Where a program can never return what leads to the next, as a program
 * that always drops, the compare stays in, as if anything could be returned.
 */
function keepReachable(plan: Plan, declared: readonly SlotCode[]): readonly SlotCode[] {
  const slots = [...declared];
  const leadsTo = (from: number, to: number, codes: ReturnCodes): boolean =>
    (Object.entries(plan.nodes[from]!.edges) as [Outcome, Target][]).some(
      ([outcome, target]) => target.kind === "node" && target.node === to && outcomePossible(outcome, codes),
    );
  // Edges lead forward: when a node's turn comes, whatever can lead to it is settled.
  for (let to = 1; to < plan.nodes.length; to++) {
    const before = [...slots.keys()].slice(0, to);
    if (before.some((from) => leadsTo(from, to, slots[from]!.codes))) continue;
    const from = before.findLast((index) => leadsTo(index, to, "any"));
    if (from !== undefined) slots[from] = { ...slots[from]!, codes: "any" };
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

function targetLabel(plan: Plan, target: Target): string {
  switch (target.kind) {
    case "node":
      return nodeLabel(plan.nodes[target.node]!);
    case "return":
      return returnLabel(target.verdict);
  }
}

function labelEdges(plan: Plan, node: PlanNode): Record<Outcome, string> {
  const labels = Object.entries(node.edges).map(([outcome, target]) => [outcome, targetLabel(plan, target)]);
  return Object.fromEntries(labels) as Record<Outcome, string>;
}

/** The actions that some edge returns in place of the program's own, those of the last node first. */
function constantVerdicts(plan: Plan, slots: readonly SlotCode[]): readonly Action[] {
  const found = new Set<Action>();
  plan.nodes.toReversed().forEach((node, i) => {
    const { codes } = slots[plan.nodes.length - 1 - i]!;
    for (const [outcome, target] of Object.entries(node.edges) as [Outcome, Target][]) {
      if (target.kind === "return" && target.verdict !== "own" && outcomePossible(outcome, codes)) {
        found.add(target.verdict);
      }
    }
  });
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

/**
 * `decide`, once for each shape. Nodes of a chain differ in the names of their targets and seldom in the shape of their
 * edges, so the search runs over numbered labels and the answer gets its names back.
 */
function cachedDecide(): (edges: Readonly<Record<Outcome, string>>, codes: ReturnCodes, next: string) => Decision {
  const cache = new Map<string, Decision>();
  return (edges, codes, next) => {
    const labels = [...new Set([next, ...Object.values(edges)])];
    const numbered = Object.fromEntries(Object.entries(edges).map(([o, l]) => [o, `${labels.indexOf(l)}`]));
    const key = JSON.stringify([numbered, codes]);
    let decision = cache.get(key);
    if (!decision) {
      decision = decide(numbered as Record<Outcome, string>, (first, last) => canReturn(codes, first, last), "0");
      cache.set(key, decision);
    }
    return {
      tests: decision.tests.map((t) => ({ ...t, target: labels[Number(t.target)]! })),
      otherwise: labels[Number(decision.otherwise)]!,
    };
  };
}
