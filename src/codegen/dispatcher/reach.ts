/**
 * What of a plan can happen, as far as the programs' code shows: an outcome that never comes needs no compare, and code
 * that nothing leads to must not be there, since the verifier refuses it.
 */
import { ACTIONS, actionCode, NO_VERDICT } from "../../chain/chain.ts";
import type { UnitFunction } from "../link/unit.ts";
import { canReturn, type ExitWays, type ReturnCodes } from "../object/returns.ts";
import { type Outcome, OUTCOMES, type Plan, type PlanNode, type Target } from "../plan/plan.ts";

/** What the lowering must know of the slot of a node. */
export interface SlotCode {
  /** The function to call. */
  readonly symbol: string;
  /** What the function can return. An unbound stub returns 31, so an `freplace` slot can return anything. */
  readonly codes: ReturnCodes;
  /** `inline`: what stands in the dispatcher in place of the call. */
  readonly body?: SlotBody;
}

export interface SlotBody {
  readonly function: UnitFunction;
  /** Bytes of the function's frame. */
  readonly frame: number;
  /** Slots of the frame through which it could see what other programs left there, as offsets from R10. */
  readonly stale: readonly number[];
  /** What the function returns on which way; undefined where nothing may be concluded from it. */
  readonly ways: ExitWays | undefined;
}

/** Whether a program whose return codes are these can end with this outcome. */
export function isPossible(outcome: Outcome, codes: ReturnCodes): boolean {
  switch (outcome) {
    case "no-verdict":
      return canReturn(codes, NO_VERDICT, NO_VERDICT);
    case "other":
      return codes === "any" || codes.some((c) => c >= ACTIONS.length && c !== NO_VERDICT);
    default:
      return canReturn(codes, actionCode(outcome), actionCode(outcome));
  }
}

/** Where a node leads by what its program can return, in the order of `OUTCOMES`; outcomes that share a target name it once. */
export function possibleTargets({ edges }: PlanNode, codes: ReturnCodes): readonly Target[] {
  const targets: Target[] = [];
  for (const outcome of OUTCOMES) {
    const target = edges[outcome];
    if (!targets.includes(target) && (codes === "any" || isPossible(outcome, codes))) targets.push(target);
  }
  return targets;
}

/** Whether nothing that the program can return is changed or goes on: then it needs no dispatcher. */
export function leavesVerdictAlone(node: PlanNode): boolean {
  return possibleTargets(node, node.program.codes).every(
    (target) => target.kind === "return" && target.verdict === "own",
  );
}

/**
 * Slots from which every node can be reached. Where a program can never return what leads to the next, as a program that
 * always drops, the compare stays in, as if anything could be returned.
 */
export function keepReachable(plan: Plan, declared: readonly SlotCode[]): readonly SlotCode[] {
  const slots = [...declared];
  const leadsTo = (from: number, to: number): boolean =>
    possibleTargets(plan.nodes[from]!, slots[from]!.codes).some(
      (target) => target.kind === "node" && target.node === to,
    );
  const into = plan.nodes.map((): number[] => []);
  for (const [from, { edges }] of plan.nodes.entries()) {
    for (const outcome of OUTCOMES) {
      const target = edges[outcome];
      if (target.kind === "node" && into[target.node]!.at(-1) !== from) into[target.node]!.push(from);
    }
  }
  // Edges lead forward: when a node's turn comes, whatever can lead to it is settled.
  for (const [to, froms] of into.entries()) {
    if (froms.length === 0 || froms.some((from) => slots[from]!.codes === "any" || leadsTo(from, to))) continue;
    const last = froms.at(-1)!;
    const { body } = slots[last]!;
    slots[last] = { ...slots[last]!, codes: "any", ...(body && { body: { ...body, ways: undefined } }) };
  }
  return slots;
}
