/** Which types a type refers to. */
import { invalid } from "./kinds.ts";
import type { BtfType, TypeId } from "./types.ts";

/** The type with `f` applied to every id that it refers to, in the order in which they are encoded. */
export function mapTypeRefs(type: BtfType, f: (id: TypeId) => TypeId): BtfType {
  const refer = <T extends { readonly type: TypeId }>(value: T): T => ({ ...value, type: f(value.type) });
  switch (type.kind) {
    case "int":
    case "float":
    case "enum":
    case "enum64":
    case "fwd":
      return type;
    case "array":
      return { ...refer(type), indexType: f(type.indexType) };
    case "struct":
    case "union":
      return { ...type, members: type.members.map(refer) };
    case "func_proto":
      return { ...refer(type), params: type.params.map(refer) };
    case "datasec":
      return { ...type, vars: type.vars.map(refer) };
    case "ptr":
    case "typedef":
    case "volatile":
    case "const":
    case "restrict":
    case "func":
    case "var":
    case "decl_tag":
    case "type_tag":
      return refer(type);
  }
}

/** The ids that a type refers to, 0 for void among them; in the same order. */
export function typeRefs(type: BtfType): readonly TypeId[] {
  const ids: TypeId[] = [];
  mapTypeRefs(type, (id) => {
    ids.push(id);
    return id;
  });
  return ids;
}

/** @throws XdpgenError `btf-invalid` where a type refers to one that is not there */
export function requireRefs(types: readonly BtfType[]): void {
  for (const [index, type] of types.entries()) {
    for (const id of typeRefs(type)) {
      if (id !== 0 && types[id - 1] === undefined) {
        invalid(`type ${index + 1} (${type.kind}) refers to type ${id}; there are ${types.length}`);
      }
    }
  }
}
