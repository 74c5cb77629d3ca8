/**
 * What is wrong with a graph as a whole: a circle, a program that nothing leads to, `return kept` where nothing can have
 * been kept. Mistakes carry the place in chain.yaml that says it.
 */
import { ACTIONS, type Chain, type Edge } from "../../chain/chain.ts";
import { edgeMeaning } from "../../chain/edge.ts";
import type { Mistake } from "../../chain/mistake.ts";
import type { Outcome, PlanNode, Target } from "./plan.ts";

/**
 * @param nodes in order of declaration
 * @param first the node that sees each packet
 */
export function checkGraph(chain: Chain, nodes: readonly PlanNode[], first: number | undefined): readonly Mistake[] {
  if (first === undefined) {
    const hint = "give the program that sees each packet first a priority, or leave `priority` and `group` out";
    return [
      { code: "unreachable", path: ["programs"], at: "key", message: "no program of the chain runs first", hint },
    ];
  }
  const cycle = findCycle(nodes);
  if (cycle) return [cycleMistake(chain, nodes, cycle)];
  const { reached, kept } = follow(nodes, first);
  return [...unreachable(chain, reached), ...nothingKept(chain, kept, reached)];
}

interface Step {
  readonly from: number;
  readonly outcome: Outcome;
}

/** The steps of one circle, or nothing. */
function findCycle(nodes: readonly PlanNode[]): readonly Step[] | undefined {
  const done = new Set<number>();
  const way: Step[] = [];
  const visit = (from: number): readonly Step[] | undefined => {
    const start = way.findIndex((step) => step.from === from);
    if (start >= 0) return way.slice(start);
    if (done.has(from)) return undefined;
    for (const [outcome, target] of stepsOf(nodes[from]!)) {
      way.push({ from, outcome });
      const cycle = visit(target);
      if (cycle) return cycle;
      way.pop();
    }
    done.add(from);
    return undefined;
  };
  for (const from of nodes.keys()) {
    const cycle = visit(from);
    if (cycle) return cycle;
  }
  return undefined;
}

/** Actions first: the edges that somebody wrote. */
function stepsOf({ edges }: PlanNode): readonly (readonly [Outcome, number])[] {
  return ([...ACTIONS, "no-verdict"] as const).flatMap((outcome) => {
    const target: Target = edges[outcome];
    return target.kind === "node" ? [[outcome, target.node] as const] : [];
  });
}

function cycleMistake(chain: Chain, nodes: readonly PlanNode[], cycle: readonly Step[]): Mistake {
  const name = (index: number): string => nodes[index]!.program.name;
  const steps = cycle.map(({ from, outcome }) => `${name(from)} -${outcome === "no-verdict" ? "31" : outcome}->`);
  // The edge to blame is one that names its target; `next` alone makes no circle.
  const written = cycle.find(({ from, outcome }) => {
    const edge = declaredEdge(chain, from, outcome);
    return edge !== undefined && edgeMeaning(edge.edge).kind === "enter";
  });
  const viaNothing = cycle.some(({ outcome }) => outcome === "no-verdict");
  const hint = viaNothing
    ? '31, "no verdict of mine", always goes on to the next program: `priority: none` takes a program out of the order'
    : "one of these edges has to lead elsewhere";
  const path = written ? declaredEdge(chain, written.from, written.outcome)!.path : (["programs"] as const);
  return {
    code: "cycle",
    path,
    at: "value",
    message: `the chain runs in a circle: ${[...steps, name(cycle[0]!.from)].join(" ")}`,
    hint,
  };
}

/** The edge as chain.yaml has it, and its place there. */
function declaredEdge(
  chain: Chain,
  index: number,
  outcome: Outcome,
): { readonly edge: Edge; readonly path: Mistake["path"] } | undefined {
  const { on } = chain.programs[index]!;
  if (!on || outcome === "no-verdict" || outcome === "other") return undefined;
  const key = on[outcome] === undefined ? "default" : outcome;
  const edge = on[key];
  return edge === undefined ? undefined : { edge, path: ["programs", index, "on", key] };
}

/** Which nodes packets can reach, and on the way to which of them something can have been kept. */
function follow(nodes: readonly PlanNode[], first: number): { reached: Set<number>; kept: Set<number> } {
  const reached = new Set([first]);
  const kept = new Set<number>();
  const work = [first];
  for (let from = work.pop(); from !== undefined; from = work.pop()) {
    for (const target of Object.values(nodes[from]!.edges)) {
      if (target.kind !== "node") continue;
      const keeps = target.keep || kept.has(from);
      if (reached.has(target.node) && (!keeps || kept.has(target.node))) continue;
      reached.add(target.node);
      if (keeps) kept.add(target.node);
      work.push(target.node);
    }
  }
  return { reached, kept };
}

function unreachable(chain: Chain, reached: ReadonlySet<number>): readonly Mistake[] {
  return chain.programs.flatMap((program, index): Mistake[] => {
    if (reached.has(index)) return [];
    const named =
      program.group === undefined
        ? `name \`${program.name}\` in an edge`
        : `name group \`${program.group}\` in an edge`;
    const message = `nothing leads to program \`${program.name}\``;
    return [{ code: "unreachable", path: ["programs", index, "name"], at: "value", message, hint: named }];
  });
}

function nothingKept(chain: Chain, kept: ReadonlySet<number>, reached: ReadonlySet<number>): readonly Mistake[] {
  const asks = (edge: Edge): boolean => {
    const meaning = edgeMeaning(edge);
    return meaning.kind === "return" && meaning.verdict === "kept";
  };
  const mistake = (path: Mistake["path"], to: string): Mistake => {
    const message = `no edge on the way to \`${to}\` keeps a verdict`;
    const hint = `an edge keeps one: \`tx: { to: ${to}, keep: verdict }\``;
    return { code: "nothing-kept", path, at: "value", message, hint };
  };
  const programs = chain.programs.flatMap(({ name, on = {} }, index) => {
    if (kept.has(index) || !reached.has(index)) return [];
    const wrong = Object.entries(on).filter(([, edge]) => asks(edge));
    return wrong.map(([action]) => mistake(["programs", index, "on", action], name));
  });
  const groups = Object.entries(chain.groups ?? {}).flatMap(([name, { end = "return" }]) => {
    const some = chain.programs.some(({ group }, index) => group === name && kept.has(index));
    return asks(end) && !some ? [mistake(["groups", name, "end"], name)] : [];
  });
  return [...programs, ...groups];
}
