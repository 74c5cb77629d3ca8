/**
 * Chain -> plan: put the programs in order, give each an edge for every outcome, and refuse a graph that makes no sense.
 *
 * Proceed-on is sugar: its actions lead to the next program, and the others end the chain with the program's own verdict.
 * "No verdict of mine" goes on to the next program whatever the edges say: that is what the stub of a program that is
 * gone returns, and a packet must fare as if the program were not there.
 */
import { ACTIONS, type Action, type Chain, type Edge } from "../../chain/chain.ts";
import { edgeMeaning } from "../../chain/edge.ts";
import { refuseChain } from "../../chain/parse.ts";
import type { ResolvedProgram } from "../object/program.ts";
import { checkGraph } from "./check.ts";
import { resolveKept } from "./keep.ts";
import { type Orders, orderPrograms } from "./order.ts";
import type { Outcome, Plan, PlanNode, Target } from "./plan.ts";

const OWN: Target = { kind: "return", verdict: "own" };

/**
 * Plan of a chain whose programs are resolved, in order of declaration.
 * @throws XdpgenError `chain-invalid` with every circle, unreachable program, contradiction and useless `return kept`
 */
export function buildPlan(chain: Chain, programs: readonly ResolvedProgram[]): Plan {
  const orders = ordersOf(chain, programs);
  const nodes = graphOf(chain, programs, orders);
  const mistakes = [...orders.mistakes, ...checkGraph(chain, nodes, orders.main[0])];
  if (mistakes.length > 0) refuseChain(chain, mistakes);
  const { name, end, counters = false } = chain;
  return { chain: name, end, counters, nodes: resolveKept(sortForward(nodes, orders)) };
}

function ordersOf(chain: Chain, programs: readonly ResolvedProgram[]): Orders {
  return orderPrograms(
    chain,
    programs.map(({ priority }) => priority),
  );
}

/**
 * The graph of a chain that has a plan, as it is declared: nodes in order of declaration, and every edge keeps that says so.
 * @param programs in order of declaration
 */
export function declaredGraph(chain: Chain, programs: readonly ResolvedProgram[]): readonly PlanNode[] {
  return graphOf(chain, programs, ordersOf(chain, programs));
}

/** Nodes in order of declaration, their targets too; `kept` wherever it is declared. */
function graphOf(chain: Chain, programs: readonly ResolvedProgram[], orders: Orders): readonly PlanNode[] {
  const end: Edge = chain.end === "verdict" ? "return" : `return ${chain.end}`;
  const entry = new Map([
    ...[...orders.groups].map(([name, order]): [string, number] => [name, order[0]!]),
    ...programs.map(({ name }, index): [string, number] => [name, index]),
  ]);
  const nodes: PlanNode[] = [];
  const line = (order: readonly number[], behind: Edge): void => {
    order.forEach((index, place) => {
      const next = order[place + 1];
      nodes[index] = nodeOf(chain, programs[index]!, index, next, behind, entry);
    });
  };
  line(orders.main, end);
  for (const [name, order] of orders.groups) line(order, chain.groups![name]!.end ?? "return");
  for (const index of orders.placeless) line([index], "return");
  return nodes;
}

/** @param behind where the line that the program is in leads at its end, if the program is the last: `next` is undefined */
function nodeOf(
  chain: Chain,
  program: ResolvedProgram,
  index: number,
  next: number | undefined,
  behind: Edge,
  entry: ReadonlyMap<string, number>,
): PlanNode {
  const targetOf = (edge: Edge): Target => {
    const meaning = edgeMeaning(edge);
    switch (meaning.kind) {
      case "return":
        return meaning.verdict === "own" ? OWN : { kind: "return", verdict: meaning.verdict };
      case "enter":
        return { kind: "node", node: entry.get(meaning.name)!, keep: meaning.keep };
      case "next": {
        if (next !== undefined) return { kind: "node", node: next, keep: meaning.keep };
        const target = targetOf(behind);
        return target.kind === "node" && meaning.keep ? { ...target, keep: true } : target;
      }
    }
  };
  const { on } = chain.programs[index]!;
  const edgeFor = (action: Action): Edge => {
    if (on) return on[action] ?? on.default ?? "return";
    return program.proceedOn.includes(action) ? "next" : "return";
  };
  const edges = Object.fromEntries(ACTIONS.map((action) => [action, targetOf(edgeFor(action))])) as Record<
    Outcome,
    Target
  >;
  edges["no-verdict"] = withoutVerdict(targetOf("next"));
  edges.other = OWN;
  return { program, edges };
}

/** Where code 31 goes along an edge: it is no action to keep, and nobody's verdict to return. */
function withoutVerdict(target: Target): Target {
  if (target.kind === "node") return { ...target, keep: false };
  return target.verdict === "own" || target.verdict === "kept" ? { kind: "return", verdict: "kept-or-pass" } : target;
}

/**
 * The nodes, sorted so that every edge leads forward. The programs of a line stay together where that is possible: then
 * `next` falls through.
 */
function sortForward(nodes: readonly PlanNode[], orders: Orders): readonly PlanNode[] {
  const lines = [orders.main, ...orders.groups.values(), ...orders.placeless.map((index) => [index])].filter(
    (line) => line.length > 0,
  );
  const before = nodes.map(() => new Set<number>());
  nodes.forEach((node, from) => {
    for (const target of Object.values(node.edges)) if (target.kind === "node") before[target.node]!.add(from);
  });
  const placed = new Map<number, number>();
  const sorted: number[] = [];
  const ready = (index: number): boolean => !placed.has(index) && [...before[index]!].every((from) => placed.has(from));
  const place = (index: number): void => {
    placed.set(index, sorted.length);
    sorted.push(index);
  };
  while (sorted.length < nodes.length) {
    for (const line of lines) {
      // A line is followed as far as nothing outside of it has to come first.
      for (const index of line) if (ready(index)) place(index);
    }
  }
  const moved = (target: Target): Target =>
    target.kind === "node" ? { ...target, node: placed.get(target.node)! } : target;
  return sorted.map((index): PlanNode => {
    const { program, edges } = nodes[index]!;
    const entries = (Object.entries(edges) as [Outcome, Target][]).map(([outcome, target]) => [outcome, moved(target)]);
    return { program, edges: Object.fromEntries(entries) as Record<Outcome, Target> };
  });
}
