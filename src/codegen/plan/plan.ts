/**
 * The plan: the control-flow graph that a chain means. Nodes are programs, edges are chosen by what a program returns.
 * A linear chain is one shape of it.
 */
import { type Action, ACTIONS } from "../../chain/chain.ts";
import type { ResolvedProgram } from "../object/program.ts";

/** What a program can return, as far as control flow is concerned: an action, "no verdict of mine" (31), any other code. */
export type Outcome = Action | "no-verdict" | "other";

export const OUTCOMES: readonly Outcome[] = [...ACTIONS, "no-verdict", "other"];

/** Where an edge leads. `own` is the code that the program just returned. */
export type Target =
  | { readonly kind: "node"; /** Index in `Plan.nodes`. */ readonly node: number }
  | { readonly kind: "return"; readonly verdict: "own" | Action };

export interface PlanNode {
  readonly program: ResolvedProgram;
  readonly edges: Readonly<Record<Outcome, Target>>;
}

export interface Plan {
  readonly chain: string;
  readonly end: "verdict" | Action;
  /** In the order in which they run; node 0 is the entry. */
  readonly nodes: readonly PlanNode[];
}
