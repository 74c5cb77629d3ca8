/** A plan as text, one line for each program: `denylist (10): pass -> ratelimit, else return`. */
import { ACTIONS, type Action, type Edge } from "../../chain/chain.ts";
import { edgeMeaning } from "../../chain/edge.ts";
import type { Plan, PlanNode, Target } from "./plan.ts";

/** A target in the words of chain.yaml, with `return kept-or-own` and `return kept-or-pass` besides. */
export function edgeOf(plan: Plan, target: Target): Edge {
  if (target.kind === "return") return target.verdict === "own" ? "return" : `return ${target.verdict}`;
  const { name } = plan.nodes[target.node]!.program;
  if (target.keep) return { to: name, keep: "verdict" };
  // As a word of its own `return` is no program.
  return name === "return" ? { to: name } : name;
}

/** `ratelimit`, `ids (verdict kept)`, `return`, `return drop`, `return kept or own`. */
export function formatEdge(edge: Edge): string {
  const meaning = edgeMeaning(edge);
  if (meaning.kind === "enter") return meaning.keep ? `${meaning.name} (verdict kept)` : meaning.name;
  return String(edge).replaceAll("-", " ");
}

/** As `formatEdge` has it. */
export function formatTarget(plan: Plan, target: Target): string {
  if (target.kind === "return") {
    return target.verdict === "own" ? "return" : `return ${target.verdict.replaceAll("-", " ")}`;
  }
  const { name } = plan.nodes[target.node]!.program;
  return target.keep ? `${name} (verdict kept)` : name;
}

const isSame = (a: Target, b: Target): boolean =>
  a === b ||
  (a.kind === "return"
    ? b.kind === "return" && a.verdict === b.verdict
    : b.kind === "node" && a.node === b.node && a.keep === b.keep);

/** The actions of a node by the text of the target that they share, in the order of the actions' codes. */
export function actionsByTarget(plan: Plan, node: PlanNode): ReadonlyMap<string, readonly Action[]> {
  const groups: { readonly target: Target; readonly actions: Action[] }[] = [];
  for (const action of ACTIONS) {
    const target = node.edges[action];
    const group = groups.find((known) => isSame(known.target, target));
    if (group) group.actions.push(action);
    else groups.push({ target, actions: [action] });
  }
  return new Map(groups.map(({ target, actions }) => [formatTarget(plan, target), actions]));
}

/**
 * The edges of one node, those with one target together, "return" last and as "else". The codes that are no action are
 * left out: they are the same for every program.
 */
export function formatEdges(plan: Plan, node: PlanNode): string {
  const byTarget = actionsByTarget(plan, node);
  let text = "";
  for (const [target, actions] of byTarget) {
    if (target !== "return") text += `${actions.join("|")} -> ${target}, `;
  }
  if (text === "") return "return";
  return byTarget.has("return") ? `${text}else return` : text.slice(0, -2);
}

export function formatPlan(plan: Plan): string {
  const lines = plan.nodes.map(
    (node) => `${node.program.name} (${node.program.priority}): ${formatEdges(plan, node)}\n`,
  );
  return lines.join("");
}
