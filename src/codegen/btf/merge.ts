/**
 * Several BTF to one: what is reachable from the roots of each, with equal types once.
 *
 * Equal means that no walk through the types, from the one or from the other, can tell them apart. That is found as for
 * automata: types of the same shape start in one class, and classes split while the classes that their members refer to
 * differ. Cycles need no special case, and different types never end in one class. A function, variable or section names
 * one thing of one object, so each is a class of its own.
 */
import { mapTypeRefs, typeRefs } from "./references.ts";
import type { Btf, BtfType, TypeId } from "./types.ts";

export interface MergePart {
  readonly btf: Btf;
  /** Types to take, with all that they refer to and the tags on them. */
  readonly roots: readonly TypeId[];
}

export interface Merged {
  readonly btf: Btf;
  /** For each part: the id that a type taken from it had -> its id in `btf`. 0 is 0. */
  readonly ids: readonly ReadonlyMap<TypeId, TypeId>[];
}

/** A type of one part. */
interface Node {
  readonly type: BtfType;
  /** Positions of the types that it refers to in the list of nodes; -1 is void. */
  readonly refs: readonly number[];
}

/** Types come in the order of parts and, within a part, of their old ids. */
export function mergeBtf(parts: readonly MergePart[]): Merged {
  const nodes: Node[] = [];
  const positions = parts.map((part) => {
    const ids = reachable(part);
    const first = nodes.length;
    const position = new Map(ids.map((id, index) => [id, first + index]));
    for (const id of ids) {
      const type = part.btf.types[id - 1]!;
      nodes.push({ type, refs: typeRefs(type).map((ref) => position.get(ref) ?? -1) });
    }
    return position;
  });

  const classes = equivalenceClasses(nodes);
  // Classes are numbered by their first member, so class N is type N + 1.
  const types: BtfType[] = [];
  for (const [index, { type, refs }] of nodes.entries()) {
    if (classes[index] !== types.length) continue;
    let next = 0;
    types.push(
      mapTypeRefs(type, () => {
        const ref = refs[next++]!;
        return ref < 0 ? 0 : classes[ref]! + 1;
      }),
    );
  }
  const ids = positions.map((position) => {
    const map = new Map<TypeId, TypeId>([[0, 0]]);
    for (const [id, index] of position) map.set(id, classes[index]! + 1);
    return map;
  });
  return { btf: { types }, ids };
}

/** Ids in ascending order. A tag refers to what it is on, so tags are found from the other side. */
function reachable({ btf, roots }: MergePart): TypeId[] {
  const tags = new Map<TypeId, TypeId[]>();
  for (const [index, type] of btf.types.entries()) {
    if (type.kind === "decl_tag") tags.set(type.type, [...(tags.get(type.type) ?? []), index + 1]);
  }
  const seen = new Set<TypeId>();
  const open = [...roots];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const type = btf.types[id - 1];
    if (!type || seen.has(id)) continue;
    seen.add(id);
    open.push(...typeRefs(type), ...(tags.get(id) ?? []));
  }
  return [...seen].toSorted((a, b) => a - b);
}

/** The class of each node; classes are numbered by their first member. */
function equivalenceClasses(nodes: readonly Node[]): readonly number[] {
  let current = numbered(nodes.map(({ type }, index) => shape(type, index)));
  for (;;) {
    const { classes } = current;
    const refined = numbered(
      nodes.map(({ refs }, index) => `${classes[index]}:${refs.map((ref) => (ref < 0 ? "" : classes[ref])).join()}`),
    );
    // Refining never joins classes, so as many as before are the same as before.
    if (refined.count === current.count) return classes;
    current = refined;
  }
}

function numbered(keys: readonly string[]): { classes: readonly number[]; count: number } {
  const numbers = new Map<string, number>();
  const classes = keys.map((key) => {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, numbers.size);
    return numbers.size - 1;
  });
  return { classes, count: numbers.size };
}

/** All of a type but what it refers to. */
function shape(type: BtfType, index: number): string {
  if (type.kind === "func" || type.kind === "var" || type.kind === "datasec") return `${type.kind} ${index}`;
  return JSON.stringify(
    mapTypeRefs(type, () => 0),
    (_, value: unknown) => {
      if (typeof value === "bigint") return `${value}n`;
      // Equal types are equal in whatever order their fields were written down.
      return isRecord(value)
        ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : value;
    },
  );
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
