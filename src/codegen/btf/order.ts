/**
 * In which order C wants types. In: types. Out: which of them to declare and which to define, one after the other, so that
 * whatever a definition holds by value is complete before it, and whatever it points to is known.
 *
 * Only types with names take part: a struct without a name is written where it is used, so what it needs is needed there.
 */
import { invalid } from "./kinds.ts";
import { needsDefinition } from "./scalars.ts";
import type { Btf, BtfType, TypeId } from "./types.ts";

/** `struct node;`, or the whole definition. */
export interface Item {
  readonly id: TypeId;
  readonly define: boolean;
}

/** What is nested deeper is a circle, or nothing that a person wrote. */
const MAX_DEPTH = 256;

/**
 * @param canonical the struct that a forward declaration means, where there is one
 * @param step called for every step along the types; throws when there have been too many
 * @throws XdpgenError `btf-invalid` for a type that contains itself by value
 */
export function orderForC(btf: Btf, canonical: (id: TypeId) => TypeId, step: () => void): Item[] {
  const { types } = btf;
  const items: Item[] = [];
  const declared = new Set<TypeId>();
  const defined = new Set<TypeId>();
  /** Those being prepared: they will be defined after what they need, and cannot need themselves. */
  const active = new Set<TypeId>();

  const declare = (id: TypeId, owner: TypeId): void => {
    const target = canonical(id);
    if (target === owner || declared.has(target) || defined.has(target)) return;
    declared.add(target);
    items.push({ id: target, define: false });
  };

  const define = (id: TypeId, depth: number): void => {
    if (active.has(id)) invalid(`cannot write type ${id} as C: it contains itself`);
    if (defined.has(id)) return;
    active.add(id);
    const type = types[id - 1]!;
    if (type.kind === "typedef") prepare(type.type, false, 0, depth + 1);
    else prepareMembers(type, id, depth);
    active.delete(id);
    defined.add(id);
    items.push({ id, define: true });
  };

  const prepareMembers = (type: BtfType, owner: TypeId, depth: number): void => {
    if (type.kind !== "struct" && type.kind !== "union") return;
    for (const member of type.members) prepare(member.type, true, owner, depth + 1);
  };

  /**
   * Prepares a declaration with type `start`.
   * @param whole it holds the type by value, rather than points to it
   * @param owner the struct in whose body the declaration stands, which knows itself
   */
  const prepare = (start: TypeId, whole: boolean, owner: TypeId, depth: number): void => {
    if (depth > MAX_DEPTH) invalid(`cannot write type ${start} as C: it is nested more than ${MAX_DEPTH} deep`);
    let held = whole;
    for (let id = start; id !== 0;) {
      const type = types[id - 1]!;
      step();
      switch (type.kind) {
        case "int":
        case "float":
          if (needsDefinition(type)) define(id, depth);
          return;
        case "enum":
        case "enum64":
          if (isDefinedByName(type)) define(id, depth);
          return;
        case "struct":
        case "union":
          if (type.name === "") prepareMembers(type, owner, depth);
          else if (held) define(id, depth);
          else declare(id, owner);
          return;
        case "fwd":
          if (held) invalid(`cannot write type ${id} (${type.name}) as C: it is only declared, and yet held by value`);
          declare(id, owner);
          return;
        case "typedef":
          define(id, depth);
          // What it stands for may so far be declared only.
          if (!held) return;
          break;
        case "func_proto":
          for (const param of type.params) prepare(param.type, false, owner, depth + 1);
          held = false;
          break;
        case "ptr":
          held = false;
          break;
        case "array":
          held = true;
          break;
        case "const":
        case "volatile":
        case "restrict":
        case "type_tag":
          break;
        default:
          invalid(`type ${id} (${type.kind} ${type.name}) is used as the type of something, which it is not`);
      }
      id = type.type;
    }
  };

  for (const [index, type] of types.entries()) {
    if (type.kind === "fwd") declare(index + 1, 0);
    else if (isDefinedByName(type)) define(index + 1, 0);
  }
  return items;
}

/** Integers are not: they are defined if something needs them, since C has most of them already. */
function isDefinedByName(type: BtfType): boolean {
  switch (type.kind) {
    case "struct":
    case "union":
    case "typedef":
      return type.name !== "";
    case "enum":
    case "enum64":
      // Without values it is a declaration, which C does not have for enums.
      return type.name !== "" && type.values.length > 0;
    default:
      return false;
  }
}
