/**
 * C's declarators: which type a name is said to have. In: types, an id, a name. Out: `int (*next)(struct ctx *)`. How the
 * type at the end of the chain is called, by its name or by its whole body, is the caller's choice.
 */
import type { Btf, BtfType, TypeId } from "./types.ts";

/** What a declaration is made of besides declarators. */
export interface Words {
  /** The type at the end of a chain of pointers, arrays, functions and qualifiers: `struct node`, `u32`. */
  specifier(id: TypeId): string;
  /** The name of a parameter as it is to be written; "" leaves it out. */
  parameter(name: string): string;
  /**
   * Called for every step along the types, with the length of the name there. False ends the declaration: it has become
   * too long.
   */
  step(characters: number): boolean;
}

/** Types can refer to each other in circles that C has no words for; a declaration ends after so many of them. */
const MAX_TYPES = 200;

/**
 * What `name` would be declared as: `int (*next)(struct ctx *)`. Without a name, the type alone. An anonymous struct is
 * `struct [12]`, by its id. Of a type that contains itself in a way C has no words for, the beginning is shown.
 */
export function formatDeclaration(btf: Btf, id: TypeId, name = ""): string {
  let left = MAX_TYPES;
  return declare(btf, id, name, {
    specifier: (ref) => nameOf(btf.types[ref - 1], ref),
    parameter: (text) => text,
    // A name as long as many ordinary ones counts as many.
    step: (characters) => (left -= 1 + (characters >> 8)) >= 0,
  });
}

function nameOf(type: BtfType | undefined, id: TypeId): string {
  const name = (type && "name" in type && type.name) || `[${id}]`;
  switch (type?.kind) {
    case "struct":
    case "union":
    case "enum":
      return `${type.kind} ${name}`;
    case "enum64":
      return `enum ${name}`;
    case "fwd":
      return `${type.union ? "union" : "struct"} ${name}`;
    default:
      return name;
  }
}

/**
 * The declaration of `name` as type `id`: from the name outwards, as a reader of C unwinds it.
 * Where C has no place for a qualifier, on a function or an array, the function has none and the array's elements take it.
 */
export function declare(btf: Btf, id: TypeId, name: string, words: Words): string {
  let declarator = name;
  /** A star or an attribute stands before the name: a bracket behind it would bind first. */
  let prefixed = false;
  let qualifiers: string[] = [];
  const before = (text: string): void => {
    declarator = declarator === "" ? text : `${text} ${declarator}`;
  };
  const behind = (text: string): void => {
    declarator = `${prefixed ? `(${declarator})` : declarator}${text}`;
    prefixed = false;
  };
  const end = (specifier: string): string => {
    before(specifier);
    return [...qualifiers, declarator].join(" ");
  };
  for (;;) {
    if (id === 0) return end("void");
    const type = btf.types[id - 1];
    if (!type || !words.step("name" in type ? type.name.length : 0)) return end(`[${id}]`);
    switch (type.kind) {
      case "ptr":
        if (qualifiers.length > 0) before(qualifiers.join(" "));
        qualifiers = [];
        declarator = `*${declarator}`;
        prefixed = true;
        break;
      case "array":
        behind(`[${type.length}]`);
        break;
      case "func_proto":
        qualifiers = [];
        behind(`(${parameters(btf, type.params, words)})`);
        break;
      case "const":
      case "volatile":
      case "restrict":
        if (!qualifiers.includes(type.kind)) qualifiers.push(type.kind);
        break;
      case "type_tag":
        before(attribute(type.name, type.attribute));
        prefixed = true;
        break;
      default:
        // Only a pointer, or a name for one, can be restricted.
        if (type.kind !== "typedef") qualifiers = qualifiers.filter((word) => word !== "restrict");
        return end(words.specifier(id));
    }
    id = type.type;
  }
}

/** Any text can be a tag; an attribute is C of its own, which has to look like one. */
function attribute(name: string, asIs: boolean): string {
  const isAttribute = asIs && /^\w+(\([\w, ]*\))?$/.test(name);
  return `__attribute__((${isAttribute ? name : `btf_type_tag(${JSON.stringify(name)})`}))`;
}

function parameters(btf: Btf, params: readonly { name: string; type: TypeId }[], words: Words): string {
  if (params.length === 0) return "void";
  // A last parameter without type is C's ellipsis; alone, it says that nothing is known of the parameters.
  if (params.length === 1 && params[0]!.type === 0) return "";
  const shown: string[] = [];
  for (const { name, type } of params) {
    if (!words.step(name.length)) return [...shown, "…"].join(", ");
    shown.push(type === 0 ? "..." : declare(btf, type, words.parameter(name), words));
  }
  return shown.join(", ");
}
