/**
 * Declared against live: what a swap would change, as a value. In: the manifest of what runs, if anything does, that of the
 * declared chain, and what becomes of the maps. Out: programs in, out, moved and changed, edges by action, and what no
 * action leads to any more. Pure: `report/preview.ts` asks the machine, the command line prints.
 */
import { type Action, ACTIONS, type Edge, type Linkage } from "../../chain/chain.ts";
import type { Manifest, ManifestProgram } from "../../codegen/index.ts";

export interface Change<T> {
  readonly from: T;
  readonly to: T;
}

/** Where an outcome of a program leads, in the words of chain.yaml. */
export interface EdgeChange extends Change<Edge> {
  readonly outcome: Action | "no-verdict";
}

export interface MapForecast {
  /** Name of the program, declared or going. */
  readonly program: string;
  /** As pinned: a C name, or `section-bss`. */
  readonly name: string;
  /**
   * `held`: no program of the next generation has it, and its pin stays for a generation that is kept. `lost`: the swap
   * removes its pin, and the kernel frees it unless somebody else holds it.
   */
  readonly contents: "kept" | "empty" | "held" | "lost";
  /** Of the map that is there already; not known where somebody removed its pin. */
  readonly id?: number;
}

/** What is not there is as before. */
export interface ProgramChanges {
  /** Which program is behind the slot of linkage `tail`, by id. */
  readonly loaded?: Change<number>;
  /** The hash over object, globals, function and homes of maps. Of the first two the manifest holds no more, so nothing tells which. */
  readonly hash?: Change<string>;
  /** What the chain says of its maps. */
  readonly homes?: Change<NonNullable<ManifestProgram["homes"]>>;
  /** Path as declared; only beside another hash: the same code by another path is the same program. */
  readonly object?: Change<string>;
  readonly function?: Change<string>;
  readonly priority?: Change<number | "none">;
  readonly linkage?: Change<Linkage>;
}

export interface ProgramDifference {
  readonly name: string;
  readonly kind: "in" | "out" | "changed" | "unchanged";
  /** Place in the order, from 1: live and declared. */
  readonly was?: number;
  readonly order?: number;
  /** It changes places with others; that others come or go before it is no move. */
  readonly moved: boolean;
  /** As declared; of a program that goes, as it runs. */
  readonly program: ManifestProgram;
  readonly changes: ProgramChanges;
  readonly edges: readonly EdgeChange[];
  readonly maps: readonly MapForecast[];
}

export interface Difference {
  /** The chain's name, where it changes. */
  readonly chain?: Change<string>;
  readonly end?: Change<Manifest["end"]>;
  readonly counters?: Change<boolean>;
  /** The dispatcher's own instructions differ. With nothing else, another version of xdpgen made what runs. */
  readonly code: boolean;
  /** The declared ones in their order, then those that go. */
  readonly programs: readonly ProgramDifference[];
  /** Declared programs to which no action leads: only code 31 does. Those of which that is true already are left out. */
  readonly unreachable: readonly string[];
  /** Programs that run already, and to which an action leads now. */
  readonly reachable: readonly string[];
}

/**
 * @param live undefined where nothing runs that the next generation could build upon
 * @param replaced loaded programs that take the place of others in their slots, by the program's name
 */
export function difference(
  live: Manifest | undefined,
  declared: Manifest,
  maps: readonly MapForecast[] = [],
  replaced: ReadonlyMap<string, Change<number>> = new Map(),
): Difference {
  const before = live?.programs ?? [];
  const byName = new Map(before.map((program, index) => [program.name, { program, was: index + 1 }]));
  const moved = movedPrograms(before, declared.programs);
  const mapsOf = (name: string): readonly MapForecast[] => maps.filter(({ program }) => program === name);
  const stay = declared.programs.map((program, index): ProgramDifference => {
    const { name } = program;
    const old = byName.get(name);
    const rest = { name, order: index + 1, moved: moved.has(name), program, maps: mapsOf(name) };
    if (!old) return { ...rest, kind: "in", changes: {}, edges: [] };
    const other = replaced.get(name);
    const changes = { ...programChanges(old.program, program), ...(other && { loaded: other }) };
    const edges = edgeChanges(old.program, program);
    const changed = rest.moved || Object.keys(changes).length > 0 || edges.length > 0;
    return { ...rest, kind: changed ? "changed" : "unchanged", was: old.was, changes, edges };
  });
  const names = new Set(declared.programs.map(({ name }) => name));
  const go = [...byName.values()]
    .filter(({ program }) => !names.has(program.name))
    .map(({ program, was }): ProgramDifference => {
      const { name } = program;
      return { name, kind: "out", was, moved: false, program, changes: {}, edges: [], maps: mapsOf(name) };
    });
  const idleBefore = unreached(before);
  const idle = unreached(declared.programs);
  return {
    ...(live && {
      ...changeOf("chain", live.chain, declared.chain),
      ...changeOf("end", live.end, declared.end),
      ...changeOf("counters", live.counters ?? false, declared.counters ?? false),
    }),
    code: live !== undefined && live.code !== declared.code,
    programs: [...stay, ...go],
    unreachable: [...idle].filter((name) => !idleBefore.has(name)),
    reachable: [...idleBefore].filter((name) => names.has(name) && !idle.has(name)),
  };
}

/** Whether the live chain is the declared one. */
export function isNone({ chain, end, counters, code, programs }: Difference): boolean {
  return !chain && !end && !counters && !code && programs.every(({ kind }) => kind === "unchanged");
}

function changeOf<K extends string, T>(key: K, from: T, to: T): { readonly [P in K]?: Change<T> } {
  return (from === to ? {} : { [key]: { from, to } }) as { readonly [P in K]?: Change<T> };
}

function programChanges(from: ManifestProgram, to: ManifestProgram): ProgramChanges {
  // A loaded program has neither path nor function: from it or to it, the change of linkage says all.
  const isSource = from.linkage !== "tail" && to.linkage !== "tail";
  return {
    ...changeOf("hash", from.hash, to.hash),
    ...(isSource && homesChange(from, to)),
    ...(isSource && from.hash !== to.hash && changeOf("object", from.object!, to.object!)),
    ...(isSource && changeOf("function", from.function!, to.function!)),
    ...changeOf("priority", from.priority, to.priority),
    ...changeOf("linkage", from.linkage, to.linkage),
  };
}

function homesChange(from: ManifestProgram, to: ManifestProgram): Pick<ProgramChanges, "homes"> {
  const [before, after] = [from.homes ?? {}, to.homes ?? {}];
  return JSON.stringify(before) === JSON.stringify(after) ? {} : { homes: { from: before, to: after } };
}

function edgeChanges(from: ManifestProgram, to: ManifestProgram): readonly EdgeChange[] {
  return ([...ACTIONS, "no-verdict"] as const)
    .map((outcome) => ({ outcome, from: from.edges[outcome] ?? "return", to: to.edges[outcome] ?? "return" }))
    .filter((edge) => JSON.stringify(edge.from) !== JSON.stringify(edge.to));
}

/** The fewest programs that must change places: those outside of a longest run that both orders share. */
function movedPrograms(from: readonly ManifestProgram[], to: readonly ManifestProgram[]): ReadonlySet<string> {
  const place = new Map(from.map(({ name }, index) => [name, index]));
  const common = to.map(({ name }) => name).filter((name) => place.has(name));
  // best[i]: the longest run of names that rises in the old order and ends with the i-th.
  const best: (readonly string[])[] = [];
  for (const name of common) {
    const earlier = best.filter((run) => place.get(run.at(-1)!)! < place.get(name)!);
    best.push([...longest(earlier), name]);
  }
  const stay = new Set(longest(best));
  return new Set(common.filter((name) => !stay.has(name)));
}

/** The first of the longest. */
function longest(runs: readonly (readonly string[])[]): readonly string[] {
  return runs.reduce((best, run) => (run.length > best.length ? run : best), []);
}

/** Programs to which no action leads from the first one. */
function unreached(programs: readonly ManifestProgram[]): ReadonlySet<string> {
  const reached = new Set(programs.slice(0, 1).map(({ name }) => name));
  // Every edge leads to a later program, so one pass follows all.
  for (const { name, edges } of programs) {
    if (!reached.has(name)) continue;
    for (const action of ACTIONS) {
      const edge = edges[action] ?? "return";
      // As a word of its own `return` is no program; `return drop` and the like are no program's name.
      if (edge !== "return") reached.add(typeof edge === "string" ? edge : edge.to);
    }
  }
  return new Set(programs.map(({ name }) => name).filter((name) => !reached.has(name)));
}
