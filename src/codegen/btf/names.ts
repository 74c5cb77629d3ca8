/**
 * Names as C can say them. C keeps structs, unions and enums in one set of names and everything else in another; BTF has
 * no such rules, and other languages have names like `Option<u32>`.
 */
import type { Spend } from "./text.ts";
import type { Btf, TypeId } from "./types.ts";

/** The words of C that no name may be, up to C17 with GNU's additions, and the one typedef that every compiler has. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    "auto break case char const continue default do double else enum extern float for goto if inline int long register " +
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof " +
    "_Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local " +
    "__int128 __builtin_va_list"
  ).split(" "),
);

/** Gives a name that it has not given before: the one asked for, or else `name___2`, `name___3`, as bpftool does. */
export type NameSet = (wanted: string) => string;

/** @param spend is told of each name's length before anything is done with it */
export function nameSet(spend: Spend): NameSet {
  const counts = new Map<string, number>();
  return (wanted) => {
    spend(wanted.length);
    const base = identifier(wanted);
    let count = counts.get(base) ?? (RESERVED.has(base) ? 1 : 0);
    let name = base;
    do {
      count++;
      if (count > 1) name = `${base}___${count}`;
    } while (count > 1 && counts.has(name));
    counts.set(base, count);
    if (name !== base) counts.set(name, 1);
    return name;
  };
}

/** `Option<u32>` -> `Option_u32_`. */
function identifier(name: string): string {
  const text = /\W/.test(name) ? name.replaceAll(/\W/g, "_") : name;
  return /^(?:\d|$)/.test(text) ? `_${text}` : text;
}

export interface Names {
  /** The name of a type, the same whenever asked. */
  of(id: TypeId): string;
  /** Enumerators share their names with typedefs. */
  readonly enumerator: NameSet;
}

/** Names are given in the order in which they are first asked for. */
export function namesOf(btf: Btf, canonical: (id: TypeId) => TypeId, spend: Spend): Names {
  const tag = nameSet(spend);
  const ordinary = nameSet(spend);
  const given = new Map<TypeId, string>();
  return {
    of: (ref) => {
      const id = canonical(ref);
      const known = given.get(id);
      if (known !== undefined) return known;
      const type = btf.types[id - 1];
      const isOrdinary = type?.kind === "typedef" || type?.kind === "int" || type?.kind === "float";
      const name = (isOrdinary ? ordinary : tag)((type && "name" in type && type.name) || "unnamed");
      given.set(id, name);
      return name;
    },
    enumerator: ordinary,
  };
}

/**
 * The one type that a forward declaration means: the struct of that name if there is one only, else the first declaration
 * of that name. Every other type means itself.
 */
export function canonicalIn(btf: Btf): (id: TypeId) => TypeId {
  const definitions = new Map<string, TypeId[]>();
  const declarations = new Map<string, TypeId>();
  for (const [index, type] of btf.types.entries()) {
    if ((type.kind === "struct" || type.kind === "union") && type.name !== "") {
      const key = `${type.kind} ${type.name}`;
      definitions.set(key, [...(definitions.get(key) ?? []), index + 1].slice(0, 2));
    } else if (type.kind === "fwd") {
      const key = `${type.union ? "union" : "struct"} ${type.name}`;
      if (!declarations.has(key)) declarations.set(key, index + 1);
    }
  }
  return (id) => {
    const type = btf.types[id - 1];
    if (type?.kind !== "fwd") return id;
    const key = `${type.union ? "union" : "struct"} ${type.name}`;
    const [definition, ...others] = definitions.get(key) ?? [];
    return definition !== undefined && others.length === 0 ? definition : declarations.get(key)!;
  };
}
