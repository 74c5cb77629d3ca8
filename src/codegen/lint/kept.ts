/** The rule about verdicts that an edge keeps: something behind it must ask for one. */
import { ACTIONS, type Chain, type Edge } from "../../chain/chain.ts";
import { edgeMeaning } from "../../chain/edge.ts";
import { isPossible } from "../dispatcher/reach.ts";
import { declaredGraph } from "../plan/build.ts";
import { OUTCOMES, type PlanNode, type Target } from "../plan/plan.ts";
import type { Fact } from "./facts.ts";
import type { Warning } from "./warning.ts";

/** A plan keeps no more than it must, so this looks at the graph as it is declared. */
export function keptWarnings(chain: Chain, facts: readonly Fact[]): readonly Warning[] {
  const byPlace = facts.toSorted((a, b) => a.declared - b.declared);
  const nodes = declaredGraph(
    chain,
    byPlace.map(({ node }) => node.program),
  );
  const asks = asking(nodes, byPlace);
  const idle = (target: Target): boolean => target.kind === "return" || !asks(target.node);
  const programs = byPlace.flatMap(({ declared, codes, program: { name, on = {} } }) =>
    Object.entries(on).flatMap(([key, edge]): Warning[] => {
      const taken = ACTIONS.filter((action) => (key === "default" ? on[action] === undefined : action === key));
      const [action] = taken.filter((a) => isPossible(a, codes));
      if (!keeps(edge) || action === undefined || !idle(nodes[declared]!.edges[action])) return [];
      return [warning(["programs", declared, "on", key], `\`${key}\` of program \`${name}\``)];
    }),
  );
  const groups = Object.entries(chain.groups ?? {}).flatMap(([name, { end = "return" }]): Warning[] => {
    const target = keeps(end) ? behindGroup(chain, name, nodes) : undefined;
    return target && idle(target) ? [warning(["groups", name, "end"], `the end of group \`${name}\``)] : [];
  });
  return [...programs, ...groups];
}

function keeps(edge: Edge): boolean {
  const meaning = edgeMeaning(edge);
  return meaning.kind !== "return" && meaning.keep;
}

/** Where a group leads whose end names somebody: 31 takes the one member there that is the last. */
function behindGroup(chain: Chain, name: string, nodes: readonly PlanNode[]): Target | undefined {
  const inGroup = (index: number): boolean => chain.programs[index]!.group === name;
  const left = nodes.flatMap(({ edges }, index) => (inGroup(index) ? [edges["no-verdict"]] : []));
  return left.find((target) => target.kind === "node" && !inGroup(target.node));
}

/** Whether a verdict that was kept when a packet arrives at a node can come out. */
function asking(nodes: readonly PlanNode[], facts: readonly Fact[]): (node: number) => boolean {
  const known = new Map<number, boolean>();
  const asks = (node: number): boolean => {
    const earlier = known.get(node);
    if (earlier !== undefined) return earlier;
    const targets = OUTCOMES.filter((o) => isPossible(o, facts[node]!.codes)).map((o) => nodes[node]!.edges[o]);
    const found = targets.some((target) =>
      target.kind === "node" ? !target.keep && asks(target.node) : target.verdict.startsWith("kept"),
    );
    known.set(node, found);
    return found;
  };
  return asks;
}

function warning(path: Warning["path"], what: string): Warning {
  const message = `${what} keeps a verdict that nobody asks for`;
  return {
    code: "kept-for-nobody",
    path,
    at: "value",
    message,
    hint: "leave `keep` out, or let a program behind `return kept`",
  };
}
