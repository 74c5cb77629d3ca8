/**
 * Several BTF to one: what is reachable from the roots of each, with equal types once.
 *
 * Equal means that no walk through the types, from the one or from the other, can tell them apart. Cycles need no special
 * case, and different types never become one. A function, variable or section names one thing of one object, so each is
 * unlike every other.
 */
import { invalid } from "./kinds.ts";
import { coarsestPartition, numberer } from "./partition.ts";
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

/**
 * Types come in the order of parts and, within a part, of their old ids.
 * @throws XdpgenError `btf-invalid` where a root, or what a type refers to, is not there
 */
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

  const nameNumber = numberer();
  const shapeNumber = numberer();
  const shapes = nodes.map(({ type }, index) => shapeNumber(shape(type, index, nameNumber)));
  const classes = coarsestPartition(
    shapes,
    nodes.map(({ refs }) => refs),
  );
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
    if (type.kind !== "decl_tag") continue;
    const known = tags.get(type.type);
    if (known) known.push(index + 1);
    else tags.set(type.type, [index + 1]);
  }
  const seen = new Set<TypeId>();
  const open = [...roots];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === 0 || seen.has(id)) continue;
    const type = btf.types[id - 1] ?? invalid(`cannot merge type ${id}: the types are 1 to ${btf.types.length}`);
    seen.add(id);
    for (const ref of typeRefs(type)) open.push(ref);
    for (const tag of tags.get(id) ?? []) open.push(tag);
  }
  return [...seen].toSorted((a, b) => a - b);
}

/**
 * All of a type but what it refers to, as text: equal texts may be equal types. Whether a reference is void is part of it.
 * Names are there as numbers: a long one may be the name of many members.
 */
function shape(type: BtfType, index: number, number: (name: string) => number): string {
  return [type.kind, ...fields(type, index, number), ...typeRefs(type).map((ref) => ref === 0)].join();
}

function fields(type: BtfType, index: number, number: (name: string) => number): readonly unknown[] {
  switch (type.kind) {
    case "int":
      return [number(type.name), type.size, type.bits, type.bitOffset, type.encoding];
    case "float":
      return [number(type.name), type.size];
    case "ptr":
    case "const":
    case "volatile":
    case "restrict":
      return [];
    case "array":
      return [type.length];
    case "struct":
    case "union":
      return [
        number(type.name),
        type.size,
        type.bitfields,
        ...type.members.flatMap((m) => [number(m.name), m.bitOffset, m.bitSize]),
      ];
    case "enum":
    case "enum64":
      return [
        number(type.name),
        type.size,
        type.signed,
        ...type.values.flatMap(({ name, value }) => [number(name), value]),
      ];
    case "fwd":
      return [number(type.name), type.union];
    case "typedef":
      return [number(type.name)];
    case "func_proto":
      return type.params.map(({ name }) => number(name));
    case "decl_tag":
      return [number(type.name), type.component, type.attribute];
    case "type_tag":
      return [number(type.name), type.attribute];
    case "func":
    case "var":
    case "datasec":
      return [index];
  }
}
