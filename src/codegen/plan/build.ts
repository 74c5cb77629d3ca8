/**
 * Chain -> plan: order the programs, then give each of them one edge for every outcome.
 *
 * Order is a pure function of the declaration: by priority, ties in order of declaration. Proceed-on is sugar: its
 * actions lead to the next program, and the others end the chain with the program's own verdict.
 */
import { ACTIONS, type Action, type Chain } from "../../chain/chain.ts";
import type { ResolvedProgram } from "../object/program.ts";
import type { Outcome, Plan, PlanNode, Target } from "./plan.ts";

const OWN: Target = { kind: "return", verdict: "own" };
const PASS: Target = { kind: "return", verdict: "pass" };

/** Plan of a chain whose programs are resolved, in order of declaration. */
export function buildPlan(chain: Chain, programs: readonly ResolvedProgram[]): Plan {
  const ordered = programs.toSorted((a, b) => a.priority - b.priority);
  const end: Target = chain.end === "verdict" ? OWN : { kind: "return", verdict: chain.end };
  const nodes = ordered.map((program, index): PlanNode => {
    const last = index === ordered.length - 1;
    const next: Target = last ? end : { kind: "node", node: index + 1 };
    const edges = Object.fromEntries(
      ACTIONS.map((action): [Action, Target] => [action, program.proceedOn.includes(action) ? next : OWN]),
    ) as Record<Outcome, Target>;
    // "No verdict of mine" off the end leaves nobody's verdict to return: it counts as PASS.
    edges["no-verdict"] = last && chain.end === "verdict" ? PASS : next;
    edges.other = OWN;
    return { program, edges };
  });
  return { chain: chain.name, end: chain.end, nodes };
}
