/**
 * Kept verdicts: what is known of them at each node before anything runs. An edge that keeps for nobody keeps no longer,
 * `return kept` of one known action is `return ACTION`, and what is left is what needs a register at run time. Where
 * nobody keeps, a plan comes out as it went in.
 */
import type { Action } from "../../chain/chain.ts";
import type { Outcome, PlanNode, Target } from "./plan.ts";

/** What can have been kept when a packet arrives at a node: each action, or nothing. */
type Kept = ReadonlySet<Action | "nothing">;

/** @param nodes every edge leads forward; `kept` wherever a user wrote it, `kept-or-pass` wherever 31 leaves a line */
export function resolveKept(nodes: readonly PlanNode[]): readonly PlanNode[] {
  const states = arrivals(nodes);
  const known = nodes.map((node, index) => mapTargets(node, (target) => settle(target, states[index]!)));
  return dropUnused(known);
}

function arrivals(nodes: readonly PlanNode[]): readonly Kept[] {
  const states = nodes.map(() => new Set<Action | "nothing">());
  states[0]!.add("nothing");
  nodes.forEach((node, from) => {
    for (const [outcome, target] of Object.entries(node.edges) as [Outcome, Target][]) {
      if (target.kind !== "node") continue;
      const brings = target.keep ? [outcome as Action] : states[from]!;
      for (const kept of brings) states[target.node]!.add(kept);
    }
  });
  return states;
}

function settle(target: Target, kept: Kept): Target {
  if (target.kind !== "return") return target;
  const { verdict } = target;
  if (verdict !== "kept" && verdict !== "kept-or-pass") return target;
  const [only] = kept;
  const otherwise = verdict === "kept" ? "own" : "pass";
  if (kept.size === 1) return { kind: "return", verdict: only === "nothing" ? otherwise : only! };
  return { kind: "return", verdict: kept.has("nothing") ? `kept-or-${otherwise}` : "kept" };
}

/** Takes `keep` off the edges behind which nobody asks. */
function dropUnused(nodes: readonly PlanNode[]): readonly PlanNode[] {
  const asks = nodes.map(() => false);
  for (const [index, node] of [...nodes.entries()].toReversed()) {
    asks[index] = Object.values(node.edges).some((target) =>
      target.kind === "node" ? !target.keep && asks[target.node]! : target.verdict.startsWith("kept"),
    );
  }
  return nodes.map((node) =>
    mapTargets(node, (target) =>
      target.kind === "node" && target.keep && !asks[target.node]! ? { ...target, keep: false } : target,
    ),
  );
}

function mapTargets(node: PlanNode, change: (target: Target) => Target): PlanNode {
  const entries = (Object.entries(node.edges) as [Outcome, Target][]).map(([outcome, t]) => [outcome, change(t)]);
  return { program: node.program, edges: Object.fromEntries(entries) as Record<Outcome, Target> };
}
