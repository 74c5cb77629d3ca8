/**
 * Types, written as C and compiled by clang, as clang understood them: a witness for what `formatBtf` in style `c` says.
 * In: types. Out: for every type with a name, what we meant and what clang read.
 */
import { type Btf, type BtfType, type TypeId, decodeBtf, formatBtf } from "../../src/codegen/btf/index.ts";
import { readElf } from "../../src/codegen/elf/index.ts";
import { compile } from "./objects.ts";

/** Two descriptions of each type, by the type's name. They are equal if clang read what we meant. */
export interface Compared {
  readonly name: string;
  readonly meant: string;
  readonly read: string;
}

/**
 * The types' names must differ from each other, as those of a C program do. Throws with clang's messages.
 * @param select which of the types with names to compare: clang takes milliseconds for each
 */
export function throughClang(btf: Btf, select: (type: BtfType) => boolean = () => true): Compared[] {
  const named = btf.types
    .map((type, index) => ({ type, id: index + 1 }))
    .filter(({ type }) => isNamedType(btf, type) && select(type));
  if (named.length === 0) return [];
  const source = [
    formatBtf(btf, { style: "c" }),
    ...named.map(({ type, id }) => `${specifier(type)} variable_${id};`),
    ...btf.types.flatMap(enumeratorChecks),
    ...btf.types.flatMap(layoutChecks),
  ].join("\n");
  const bytes = compile(source, "-Werror", "-O0");
  const read = decodeBtf(readElf(bytes).sections.find(({ name }) => name === ".BTF")!.data);
  const variables = new Map(read.types.flatMap((type) => (type.kind === "var" ? [[type.name, type.type]] : [])));
  return named.map(({ type, id }) => ({
    name: specifier(type),
    meant: describe(btf, id),
    read: describe(read, variables.get(`variable_${id}`)!),
  }));
}

/** Whether a variable can be of it by its name alone. */
function isNamedType(btf: Btf, type: BtfType): boolean {
  if (!("name" in type) || type.name === "") return false;
  switch (type.kind) {
    case "struct":
    case "union":
      return true;
    case "enum":
    case "enum64":
      return type.values.length > 0;
    case "typedef":
      return hasSize(btf, type.type);
    default:
      return false;
  }
}

function hasSize({ types }: Btf, id: TypeId): boolean {
  for (let type = types[id - 1]; type; type = "type" in type ? types[type.type - 1] : undefined) {
    if (type.kind === "fwd" || type.kind === "func_proto") return false;
    if (!["typedef", "const", "volatile", "restrict", "type_tag", "array"].includes(type.kind)) return true;
  }
  return false;
}

function specifier(type: BtfType): string {
  const name = "name" in type ? type.name : "";
  return type.kind === "typedef" ? name : `${type.kind === "enum64" ? "enum" : type.kind} ${name}`;
}

/** The compiler itself is asked for sizes and offsets of all structs: that is quick, and debug information is not. */
function layoutChecks(type: BtfType): string[] {
  if ((type.kind !== "struct" && type.kind !== "union") || type.name === "") return [];
  const whole = specifier(type);
  const offsets = type.members.flatMap(({ name, bitOffset, bitSize }) =>
    name === "" || bitSize > 0 || bitOffset % 8 > 0 ? [] : `__builtin_offsetof(${whole}, ${name}) == ${bitOffset / 8}`,
  );
  return [`sizeof(${whole}) == ${type.size}`, ...offsets].map((claim) => `_Static_assert(${claim}, "${claim}");`);
}

/** BTF of clang 14 has no 64-bit values, so the compiler itself is asked for them. */
function enumeratorChecks(type: BtfType): string[] {
  if (type.kind !== "enum" && type.kind !== "enum64") return [];
  return type.values.map(({ name, value }) => {
    const bits = BigInt.asUintN(64, BigInt(value));
    return `_Static_assert((unsigned long long)${name} == ${bits}ULL, "${name}");`;
  });
}

/**
 * The whole of a type: sizes, offsets, widths and all parts, down to other types with names. Qualifiers are where C has
 * them: those of an array are its elements', and a struct that is a member without a name has none.
 */
function describe({ types }: Btf, start: TypeId): string {
  const inside = (id: TypeId, qualifiers: ReadonlySet<string> = new Set()): string => {
    const type = types[id - 1];
    const qualified = (text: string): string => [...[...qualifiers].toSorted(), text].join(" ");
    const name = type && "name" in type ? type.name : "";
    if (!type) return qualified("void");
    switch (type.kind) {
      case "const":
      case "volatile":
      case "restrict":
        return inside(type.type, new Set([...qualifiers, type.kind]));
      case "type_tag":
        // clang 14 forgets the tag of a pointer to a struct that it has not seen yet.
        return inside(type.type, qualifiers);
      case "array":
        return `${type.length} of ${inside(type.type, qualifiers)}`;
      case "struct":
      case "union":
        return qualified(name === "" ? whole(type) : `${type.kind} ${name}`);
      case "fwd":
        return qualified(`${type.union ? "union" : "struct"} ${name}`);
      case "enum":
      case "enum64":
        // Without values it is an integer in C.
        if (type.values.length === 0) return qualified(`int of ${type.size}`);
        return qualified(name === "" ? whole(type) : `enum ${name}`);
      case "typedef":
        return qualified(name);
      default:
        return qualified(whole(type));
    }
  };
  const whole = (type: BtfType): string => {
    switch (type.kind) {
      case "int":
        return `int of ${type.size}`;
      case "float":
        return `float of ${type.size}`;
      case "ptr":
        return `pointer to ${inside(type.type)}`;
      case "struct":
      case "union": {
        const members = type.members.filter(({ name }) => !name.startsWith("padding_"));
        const lines = members.map(
          ({ name, type: ref, bitOffset, bitSize }) =>
            `${bitOffset}:${bitSize} ${first(name) || "-"}: ${name === "" ? inside(unqualified(types, ref)) : inside(ref)}`,
        );
        return `${type.kind} of ${type.size} { ${lines.join("; ")} }`;
      }
      case "enum":
      case "enum64":
        return `enum of ${type.size} { ${type.values.map(({ name }) => first(name)).join()} }`;
      case "func_proto":
        return `function (${type.params.map((param) => inside(param.type)).join(", ")}) of ${inside(type.type)}`;
      case "typedef":
        return `typedef of ${inside(type.type)}`;
      default:
        return type.kind;
    }
  };
  return whole(types[start - 1]!);
}

function unqualified(types: readonly BtfType[], start: TypeId): TypeId {
  let id = start;
  for (let type = types[id - 1]; type?.kind === "const" || type?.kind === "volatile"; type = types[id - 1])
    id = type.type;
  return id;
}

/** The name that stands for `name___2`: what is written in two places has its enumerators' names twice. */
function first(name: string): string {
  return name.replace(/___\d+$/, "");
}
