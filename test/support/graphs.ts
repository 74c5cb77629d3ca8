/**
 * Random chains of any shape that a chain.yaml can have: edges of every form, groups, programs without a place in the
 * order. Sound by construction: programs have ranks, and edges lead to a higher rank.
 */
import fc from "fast-check";
import { ACTIONS, type Action, type Chain, type Edge, type Group, type Program } from "../../src/chain/index.ts";
import { chainOf } from "./chains.ts";
import { boundedObject, verdictObject } from "./verdict-program.ts";

export interface GraphProgram {
  readonly name: string;
  /** Its place among the programs: edges lead to a higher one. */
  readonly rank: number;
  readonly declared: Pick<Program, "priority" | "on" | "proceedOn" | "group">;
}

export interface Graph {
  readonly end: Chain["end"];
  readonly groups: Readonly<Record<string, Group>>;
  /** In order of declaration. */
  readonly programs: readonly GraphProgram[];
}

/** The chain itself, one of two groups, or no order at all. */
type Line = "main" | "g0" | "g1" | "none";

const end = fc.constantFrom("verdict" as const, ...ACTIONS);
const returns = fc.constantFrom<Edge>("return", "return", ...ACTIONS.map((action): Edge => `return ${action}`));

/** Graphs of 1 to `most` programs. One record is one program, so that they shrink to few programs with plain edges. */
export function graphs(most: number): fc.Arbitrary<Graph> {
  return fc
    .record({
      end,
      groupEnds: fc.array(edgeSeed, { minLength: 2, maxLength: 2 }),
      // Without a size fast-check would hardly ever go beyond ten.
      seeds: fc.array(programSeed, { minLength: 1, maxLength: most, size: "max" }),
    })
    .map(build);
}

const edgeSeed = fc.record({ form: fc.integer({ min: 0, max: 9 }), pick: fc.nat(63), keep: fc.boolean(), returns });
type EdgeSeed = { readonly form: number; readonly pick: number; readonly keep: boolean; readonly returns: Edge };
const programSeed = fc.record({
  line: fc.constantFrom<Line>("main", "main", "main", "none", "g0", "g1"),
  gap: fc.integer({ min: 0, max: 2 }),
  /** Where it is declared among the others. */
  place: fc.nat(1000),
  on: fc.option(fc.subarray([...ACTIONS, "default"] as const)),
  edges: fc.array(edgeSeed, { minLength: 6, maxLength: 6 }),
  proceedOn: fc.option(fc.subarray([...ACTIONS], { minLength: 1 })),
});
type ProgramSeed = {
  readonly line: Line;
  readonly gap: number;
  readonly place: number;
  readonly on: readonly (Action | "default")[] | null;
  readonly edges: readonly EdgeSeed[];
  readonly proceedOn: readonly Action[] | null;
};

interface Seed {
  readonly end: Chain["end"];
  readonly seeds: readonly ProgramSeed[];
  readonly groupEnds: readonly EdgeSeed[];
}

function build(seed: Seed): Graph {
  const lines = seed.seeds.map(({ line }, rank): Line => (rank === 0 ? "main" : line));
  const ranks = [...seed.seeds.keys()];
  const firstOf = (line: Line): number => lines.indexOf(line);
  const name = (rank: number): string => `p${rank}`;
  /** What a program of this rank can enter: later programs, and groups that begin later. */
  const enterable = (rank: number): readonly string[] => [
    ...ranks.filter((r) => r > rank).map(name),
    ...(["g0", "g1"] as const).filter((g) => firstOf(g) > rank),
  ];
  const edgeOf = (e: EdgeSeed, rank: number, hasNext: boolean): Edge => {
    const targets = enterable(rank);
    if (e.form < 3 && hasNext) return e.keep ? { to: "next", keep: "verdict" } : "next";
    if (e.form < 6 && targets.length > 0) {
      const to = targets[e.pick % targets.length]!;
      return e.keep ? { to, keep: "verdict" } : to;
    }
    return e.form === 9 ? "return kept" : e.returns;
  };
  const groups: Record<string, Group> = {};
  (["g0", "g1"] as const).forEach((g, i) => {
    if (lines.includes(g)) groups[g] = { end: edgeOf(seed.groupEnds[i]!, lines.lastIndexOf(g), false) };
  });
  const on = ranks.map((rank): Program["on"] => {
    const { on: keys, edges } = seed.seeds[rank]!;
    const hasNext = lines[rank] !== "none";
    if (keys === null && hasNext) return undefined;
    // With all five actions named there is nothing left for `default`.
    const named = (keys ?? []).filter((key) => key !== "default" || keys!.length <= ACTIONS.length);
    const list = named.map((key, i) => [key, edgeOf(edges[i]!, rank, hasNext)] as const);
    return Object.fromEntries(list.length > 0 ? list : [["default", edgeOf(edges[0]!, rank, hasNext)]]);
  });
  enterAll(lines, on, enterable);
  const declared = withoutIdleKept(ranks, lines, on, groups);
  let priority = 0;
  const programs = ranks.map((rank): GraphProgram => {
    priority += seed.seeds[rank]!.gap;
    // Equal priorities run in order of declaration, so ranks of one line get rising ones unless they are declared so.
    return {
      name: name(rank),
      rank,
      declared: {
        priority: lines[rank] === "none" ? "none" : priority++,
        ...(lines[rank]!.startsWith("g") && { group: lines[rank]! }),
        ...(declared[rank] && { on: declared[rank] }),
        ...(!declared[rank] && seed.seeds[rank]!.proceedOn && { proceedOn: seed.seeds[rank]!.proceedOn }),
      },
    };
  });
  const order = ranks.toSorted((a, b) => seed.seeds[a]!.place - seed.seeds[b]!.place);
  return { end: seed.end, groups, programs: order.map((rank) => programs[rank]!) };
}

/** The first program of each line that no edge leads to gets one: from the program before it in rank, on TX. */
function enterAll(lines: readonly Line[], on: Program["on"][], enterable: (rank: number) => readonly string[]): void {
  const heads = lines.flatMap((line, rank) =>
    line === "none" || (line !== "main" && lines.indexOf(line) === rank) ? [rank] : [],
  );
  for (const head of heads) {
    const names = [`p${head}`, ...(lines[head] === "none" ? [] : [lines[head]!])];
    const entered = on.some((edges) =>
      Object.values(edges ?? {}).some((edge) => names.includes(typeof edge === "object" ? edge.to : edge)),
    );
    if (entered) continue;
    // Whoever comes before is reached itself by then.
    const from = head - 1;
    const to = enterable(from).includes(names.at(-1)!) ? names.at(-1)! : names[0]!;
    const { default: rest, ...named } = on[from] ?? { pass: lines[from] === "none" ? "return" : "next" };
    const edges = { ...named, tx: to };
    const allNamed = Object.keys(edges).length === ACTIONS.length;
    on[from] = rest === undefined || allNamed ? edges : { ...edges, default: rest };
  }
}

/** `return kept` where nothing can have been kept is an error: there it becomes `return`. */
function withoutIdleKept(
  ranks: readonly number[],
  lines: readonly Line[],
  on: readonly Program["on"][],
  groups: Record<string, Group>,
): readonly Program["on"][] {
  const kept = new Set<number>();
  /** @param keeping whether an edge before this one keeps; `never` for 31, which is nothing to keep */
  const enter = (edge: Edge, from: number, keeping: boolean | "never" = false): void => {
    const keep = keeping !== "never" && (keeping || (typeof edge === "object" && edge.keep !== undefined));
    const to = typeof edge === "object" ? edge.to : edge;
    if (to.startsWith("return")) return;
    const line = lines[from]!;
    const next = ranks.find((rank) => rank > from && lines[rank] === line && line !== "none");
    if (to === "next" && next === undefined) {
      if (line.startsWith("g")) enter(groups[line]!.end!, from, keeping === "never" ? "never" : keep);
      return;
    }
    const rank = to === "next" ? next! : to.startsWith("p") ? Number(to.slice(1)) : lines.indexOf(to as Line);
    if (keep || kept.has(from)) kept.add(rank);
  };
  for (const rank of ranks) {
    if (lines[rank] !== "none") enter("next", rank, "never");
    const proceeds = on[rank] === undefined ? ["next"] : Object.values(on[rank]);
    for (const edge of proceeds) enter(edge, rank);
  }
  for (const [name, group] of Object.entries(groups)) {
    const members = ranks.filter((rank) => lines[rank] === name);
    if (group.end === "return kept" && !members.some((rank) => kept.has(rank))) groups[name] = { end: "return" };
  }
  return on.map((edges, rank) =>
    edges && !kept.has(rank)
      ? Object.fromEntries(Object.entries(edges).map(([k, e]) => [k, e === "return kept" ? "return" : e]))
      : edges,
  );
}

/** The chain of a graph, each program returning what the packet says: any code, or only those given for its rank. */
export function chainOfGraph(graph: Graph, codes: (rank: number) => readonly number[] | undefined): Chain {
  const programs = graph.programs.map(({ name, rank, declared }): Program => {
    const only = codes(rank);
    const bytes = only ? boundedObject(rank, only) : verdictObject(rank);
    return { name, object: `${name}.bpf.o`, bytes, ...declared };
  });
  return chainOf(programs, { end: graph.end, groups: graph.groups });
}
