/**
 * Which of the interfaces that get a chain together come to run one dispatcher, and how. Pure: a swap and its preview both ask.
 *
 * Programs that share a dispatcher share its maps. So interfaces run one dispatcher where they share their maps already or
 * have none to lose: contents are never given up for it, and never mixed.
 */

export interface Candidate {
  /** What its programs hold, in words that are the same for two interfaces only where that is the same; undefined for nothing. */
  readonly held: string | undefined;
  /** The chain that it runs. */
  readonly chain: string | undefined;
  /** Of what its pins belong to; 0 for nothing. */
  readonly generation: number;
  /** Of that and of what is kept beside it. */
  readonly highest: number;
  /** It has what the next generation can take over. */
  readonly inherits: boolean;
  /** It runs already what all are to run. */
  readonly settled: boolean;
  /** It runs it but for one loaded program, and nobody but those that get the chain too runs or keeps its dispatcher. */
  readonly inPlace: boolean;
}

/**
 * Interfaces that hold the same are a group, and so are all that hold nothing. Those join the ones that run the chain already,
 * where these are one group.
 *
 * @param chain the name of the one that all get
 */
export function groupsOf<T extends Candidate>(candidates: readonly T[], chain: string): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const candidate of candidates) {
    if (candidate.held === undefined) continue;
    groups.set(candidate.held, [...(groups.get(candidate.held) ?? []), candidate]);
  }
  const fresh = candidates.filter(({ held }) => held === undefined);
  const running = [...groups.values()].filter((group) => group.some((one) => one.chain === chain));
  if (fresh.length > 0 && running.length === 1) running[0]!.push(...fresh);
  else if (fresh.length > 0) groups.set("", fresh);
  return [...groups.values()];
}

/** What a group does. `change` are those that do not run already what all are to run; the others stay as they are. */
export type Course<T> =
  /** Their dispatchers run on with another loaded program. */
  | { readonly kind: "replace"; readonly change: readonly T[] }
  /** They get the dispatcher of `first`, which runs it already. */
  | { readonly kind: "join"; readonly change: readonly T[]; readonly first: T; readonly generation: number }
  /** They get one more, built upon what `first` has. */
  | { readonly kind: "build"; readonly change: readonly T[]; readonly first: T; readonly generation: number };

/** Undefined where nothing changes. */
export function courseOf<T extends Candidate>(group: readonly T[]): Course<T> | undefined {
  const change = group.filter(({ settled }) => !settled);
  if (change.length === 0) return undefined;
  if (change.every(({ inPlace }) => inPlace)) return { kind: "replace", change };
  // An interface's generation never goes back, and no two that it has are the same.
  const highest = Math.max(...change.map((one) => one.highest));
  const joined = group.find(({ settled, generation }) => settled && generation > highest);
  if (joined) return { kind: "join", change, first: joined, generation: joined.generation };
  const first = change.find(({ inherits }) => inherits) ?? change[0]!;
  return { kind: "build", change, first, generation: Math.max(...group.map((one) => one.highest)) + 1 };
}
