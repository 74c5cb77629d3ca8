/**
 * Names in a linked object. A name that only one program uses stays as it is; one that several use, or that the
 * dispatcher has taken, is told apart by the program's name in front: `counters` becomes `denylist_counters`. So the
 * names of one program depend on its neighbours only where they would clash.
 */

/** `[a-z][a-z0-9-]*` as part of a C identifier. */
export function identifier(name: string): string {
  return name.replaceAll("-", "_");
}

export interface Named {
  /** Who brings the name. */
  readonly program: string;
  readonly name: string;
  /** Names with one key are one thing and share one name: a map pinned by name, in several programs. */
  readonly key?: string;
}

/**
 * Final names, in the order of `wanted`.
 *
 * @param taken names that nobody may get
 */
export function tellApart(wanted: readonly Named[], taken: ReadonlySet<string>): readonly string[] {
  const keyOf = (n: Named, i: number): string => n.key ?? `#${i}`;
  const users = new Map<string, Set<string>>();
  wanted.forEach((n, i) => {
    users.set(n.name, (users.get(n.name) ?? new Set()).add(keyOf(n, i)));
  });
  const used = new Set([...taken, ...[...users].filter(([, keys]) => keys.size === 1).map(([name]) => name)]);
  const assigned = new Map<string, string>();
  return wanted.map((n, i) => {
    const key = keyOf(n, i);
    const earlier = assigned.get(key);
    if (earlier !== undefined) return earlier;
    const alone = users.get(n.name)!.size === 1 && !taken.has(n.name);
    const name = alone ? n.name : firstFree(`${identifier(n.program)}_${n.name}`, used);
    used.add(name);
    assigned.set(key, name);
    return name;
  });
}

/** The names in order, each that was used before with a number behind it. */
export function numberApart(wanted: readonly string[], taken: ReadonlySet<string>): readonly string[] {
  const used = new Set(taken);
  return wanted.map((base) => {
    const name = firstFree(base, used);
    used.add(name);
    return name;
  });
}

/** `base`, or `base_2`, `base_3`, … where that is used. */
function firstFree(base: string, used: ReadonlySet<string>): string {
  let name = base;
  for (let k = 2; used.has(name); k++) name = `${base}_${k}`;
  return name;
}
