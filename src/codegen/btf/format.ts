/** BTF as text, close to C: one type per line or block, with its id, and declarations where types refer to each other. */
import type { Btf, BtfType, Member, TypeId } from "./types.ts";

/** Types can refer to each other in circles that C has no words for; a declaration ends after so many of them. */
const MAX_TYPES = 200;

/** How many more types a declaration may visit. Shared by its branches, since several of each make more than depth tells. */
interface Budget {
  left: number;
}

/** All types, each with its id; ends with a newline unless there are none. */
export function formatBtf(btf: Btf): string {
  return btf.types.map((type, index) => `[${index + 1}] ${describe(btf, type, index + 1)}\n`).join("");
}

/**
 * What `name` would be declared as: `int (*next)(struct ctx *)`. Without a name, the type alone. An anonymous struct is
 * `struct [12]`, by its id.
 */
export function formatDeclaration(btf: Btf, id: TypeId, name = ""): string {
  return declare(btf, id, name, { left: MAX_TYPES });
}

function declare(btf: Btf, id: TypeId, name: string, budget: Budget): string {
  const join = (text: string): string => (name === "" ? text : `${text} ${name}`);
  if (id === 0) return join("void");
  const type = btf.types[id - 1];
  if (!type || budget.left-- <= 0) return join(`[${id}]`);
  const inner = (ref: TypeId, declarator: string): string => declare(btf, ref, declarator, budget);
  switch (type.kind) {
    case "ptr":
      return inner(type.type, isDirect(btf, type.type) ? `*${name}` : `(*${name})`);
    case "array":
      return inner(type.type, `${name}[${type.length}]`);
    case "func_proto":
      return inner(type.type, `${name}(${parameters(btf, type.params, budget)})`);
    case "const":
    case "volatile":
    case "restrict":
      // A qualified pointer has its qualifier behind the star, anything else in front.
      return btf.types[type.type - 1]?.kind === "ptr"
        ? inner(type.type, join(type.kind))
        : `${type.kind} ${inner(type.type, name)}`;
    case "type_tag":
      return inner(type.type, join(`__attribute__((btf_type_tag(${JSON.stringify(type.name)})))`));
    case "struct":
    case "union":
    case "enum":
    case "enum64":
      return join(`${type.kind === "enum64" ? "enum" : type.kind} ${type.name || `[${id}]`}`);
    case "fwd":
      return join(`${type.union ? "union" : "struct"} ${type.name}`);
    case "int":
    case "float":
    case "typedef":
    case "func":
    case "var":
    case "datasec":
    case "decl_tag":
      return join(type.name || `[${id}]`);
  }
}

/** Whether a star before the name is enough, without parentheses. */
function isDirect(btf: Btf, id: TypeId): boolean {
  const kind = btf.types[id - 1]?.kind;
  return kind !== "array" && kind !== "func_proto";
}

function parameters(btf: Btf, params: readonly { name: string; type: TypeId }[], budget: Budget): string {
  if (params.length === 0) return "void";
  const shown: string[] = [];
  for (const { name, type } of params) {
    if (budget.left-- <= 0) break;
    // A last parameter without name and type is C's ellipsis.
    shown.push(type === 0 ? "..." : declare(btf, type, name, budget));
  }
  return `${shown.join(", ")}${shown.length < params.length ? ", …" : ""}`;
}

function describe(btf: Btf, type: BtfType, id: TypeId): string {
  switch (type.kind) {
    case "int":
      return `int ${type.name}: ${type.bits} bits in ${type.size} bytes${integerNotes(type.encoding)}`;
    case "float":
      return `float ${type.name}: ${type.size} bytes`;
    case "struct":
    case "union":
      return `${formatDeclaration(btf, id)} { // ${type.size} bytes\n${type.members.map((m) => member(btf, m)).join("")}}`;
    case "enum":
    case "enum64":
      return `${formatDeclaration(btf, id)} { // ${type.size} bytes\n${type.values.map((v) => `    ${v.name} = ${v.value},\n`).join("")}}`;
    case "typedef":
      return `typedef ${formatDeclaration(btf, type.type, type.name)}`;
    case "func":
      return `${type.linkage} ${formatDeclaration(btf, type.type, type.name)}`;
    case "var":
      return `${type.linkage} ${formatDeclaration(btf, type.type, type.name)}`;
    case "datasec":
      return `section ${type.name} { // ${type.size} bytes\n${type.vars.map((v) => `    ${v.offset}: ${formatDeclaration(btf, v.type)}, ${v.size} bytes\n`).join("")}}`;
    case "decl_tag":
      return `tag ${JSON.stringify(type.name)} on [${type.type}]${type.component < 0 ? "" : `, part ${type.component}`}`;
    case "fwd":
      return `${formatDeclaration(btf, id)}: declared only`;
    case "ptr":
    case "array":
    case "func_proto":
    case "const":
    case "volatile":
    case "restrict":
    case "type_tag":
      return formatDeclaration(btf, id);
  }
}

function member(btf: Btf, { name, type, bitOffset, bitSize }: Member): string {
  const at = bitOffset % 8 === 0 ? `byte ${bitOffset / 8}` : `bit ${bitOffset}`;
  return `    ${formatDeclaration(btf, type, name)}${bitSize > 0 ? `:${bitSize}` : ""}; // ${at}\n`;
}

function integerNotes(encoding: number): string {
  const notes = ["signed", "char", "bool"].filter((_, bit) => encoding & (1 << bit));
  return notes.length > 0 ? `, ${notes.join(", ")}` : "";
}
