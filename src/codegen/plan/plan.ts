/**
 * The plan: the control-flow graph that a chain means. Nodes are programs; edges are chosen by what a program returned.
 * No instruction, no linkage and no slot is decided here.
 *
 *     Chain --order--> lines --build--> graph --check--> sound graph --keep--> Plan
 *
 * `order.ts` puts the programs of each group in a row, `build.ts` gives each an edge for every outcome, `check.ts` finds
 * what makes no sense in the whole (a circle, a program that nothing leads to), and `keep.ts` finds where a kept verdict
 * is needed at run time. `format.ts` and `dot.ts` print any of it.
 */
import { type Action, ACTIONS, NO_VERDICT } from "../../chain/chain.ts";
import type { ResolvedProgram } from "../object/program.ts";

/** What a program can return: an action, 31 ("no verdict of mine"), or any other code. */
export type Outcome = Action | "no-verdict" | "other";

export const OUTCOMES: readonly Outcome[] = [...ACTIONS, "no-verdict", "other"];

/** @param code what a program returned: 32 bits, unsigned */
export function outcomeOf(code: number): Outcome {
  return ACTIONS[code] ?? (code === NO_VERDICT ? "no-verdict" : "other");
}

export type Target =
  /** Run this node next; `keep`: and remember the action that led there. */
  | { readonly kind: "node"; readonly node: number; readonly keep: boolean }
  /**
   * End with this verdict. `own`: the code that the program returned. `kept`: the action that an edge kept on the way.
   * Where something was kept on some ways only, `kept-or-own` and `kept-or-pass` say what stands on the others.
   */
  | { readonly kind: "return"; readonly verdict: "own" | "kept" | "kept-or-own" | "kept-or-pass" | Action };

export interface PlanNode {
  readonly program: ResolvedProgram;
  readonly edges: Readonly<Record<Outcome, Target>>;
}

export interface Plan {
  /** The chain's name. */
  readonly chain: string;
  /** What running off the end returns. */
  readonly end: "verdict" | Action;
  /** Whether what each program returns is counted. */
  readonly counters: boolean;
  /** Sorted so that every edge leads forward; the first node sees each packet. At least one. */
  readonly nodes: readonly PlanNode[];
}
