/**
 * Types as C: declarations that a C compiler accepts (up to C17), each after what it needs, with the sizes and offsets that
 * BTF says. What `bpftool btf dump file FILE format c` does.
 *
 * Padding that the compiler would not make by itself is a bit field without a name, or bytes where it is long. A second
 * type of the same name is `name___2`. Functions, variables and sections are no types and are left out.
 */
import { declare } from "./declaration.ts";
import { invalid } from "./kinds.ts";
import { layoutReader, scalarAlign } from "./layout.ts";
import { type NameSet, canonicalIn, nameSet, namesOf } from "./names.ts";
import { orderForC } from "./order.ts";
import { requireRefs } from "./references.ts";
import { type Scalar, integerOf, needsDefinition, wordsOf } from "./scalars.ts";
import { spender, textBuilder } from "./text.ts";
import type { Btf, BtfType, Member, TypeId } from "./types.ts";

type Record = Extract<BtfType, { kind: "struct" | "union" }>;
type Enum = Extract<BtfType, { kind: "enum" | "enum64" }>;

/**
 * Steps along the types, in all and for each type and part of one: a struct without a name is written wherever it is used,
 * so there may be many. The kernel's own types take little more than one for each.
 */
const STEPS = { inAll: 10_000, each: 8 };
/** Bits of padding from which on bytes are shorter than bit fields. */
const LONG_PADDING = 128;
/** GCC's machine modes, by bytes. */
const ENUM_MODES: { readonly [size: number]: string } = { 1: "byte", 2: "HI", 4: "SI", 8: "DI" };

/**
 * @throws XdpgenError `btf-invalid` for types that C cannot have: one that contains itself, members that overlap, a reference
 *   to no type
 */
export function formatC(btf: Btf): string {
  const { types } = btf;
  requireRefs(types);
  const canonical = canonicalIn(btf);
  const spend = spender();
  const names = namesOf(btf, canonical, spend);
  const layoutOf = layoutReader(btf);
  let stepsLeft = types.reduce((sum, type) => sum + STEPS.each * (1 + partCount(type)), STEPS.inAll);
  const step = (characters = 0): true => {
    spend(characters);
    if (stepsLeft-- > 0) return true;
    return invalid("cannot write these types as C: they hold themselves, or each other far too often");
  };
  /** Enums without a name, whose values have got theirs. */
  const written = new Set<BtfType>();

  /** @param scope the names of the body around, which a struct without a name adds its members' names to */
  const specifier = (id: TypeId, scope = nameSet(spend)): string => {
    const type = types[id - 1]!;
    switch (type.kind) {
      case "int":
      case "float":
        return needsDefinition(type) ? names.of(id) : wordsOf(type)!;
      case "struct":
      case "union":
        return type.name === "" ? body(id, type, scope) : `${type.kind} ${names.of(id)}`;
      case "fwd":
        return `${type.union ? "union" : "struct"} ${names.of(id)}`;
      case "enum":
      case "enum64":
        if (type.values.length === 0) return integerOf(type.size, type.signed) ?? noEnum(type);
        return type.name === "" ? enumeration(id, type) : `enum ${names.of(id)}`;
      default:
        return names.of(id);
    }
  };

  const declaration = (id: TypeId, name: string, scope?: NameSet): string =>
    declare(btf, id, name, { specifier: (ref) => specifier(ref, scope), parameter: () => "", step });

  const definition = (id: TypeId): string => {
    const type = types[id - 1]!;
    switch (type.kind) {
      case "struct":
      case "union":
        return body(id, type, nameSet(spend));
      case "enum":
      case "enum64":
        return enumeration(id, type);
      case "int":
      case "float":
        return `typedef ${wordsOf(type) ?? bytesLike(type)} ${names.of(id)}`;
      case "typedef":
        return `typedef ${declaration(type.type, names.of(id))}`;
      default:
        return invalid(`type ${id} (${type.kind}) has no definition in C`);
    }
  };

  const body = (id: TypeId, type: Record, scope: NameSet): string => {
    const { packed, members, gaps, end, tail } = layoutOf(id, type);
    const head = type.name === "" ? type.kind : `${type.kind} ${names.of(id)}`;
    const lines = members.flatMap((member, index) => [
      ...padding(member.bitOffset - gaps[index]!, gaps[index]!, scope),
      field(member, scope),
    ]);
    // A union's padding is a member like the others, so it has to be one.
    if (type.kind === "struct") lines.push(...padding(end, tail, scope));
    else if (tail > 0) lines.push(bytes(end, tail, scope));
    return `${block(head, lines)}${packed ? " __attribute__((packed))" : ""}`;
  };

  const field = ({ name, type, bitSize }: Member, scope: NameSet): string => {
    const isOpen = isNamelessRecord(btf, type);
    const text =
      name === "" && (isOpen || bitSize > 0)
        ? declaration(type, "", scope)
        : declaration(type, scope(name || "unnamed"));
    return bitSize > 0 ? `${text}: ${bitSize};` : `${text};`;
  };

  const enumeration = (id: TypeId, type: Enum): string => {
    written.add(type);
    const head = type.name === "" ? "enum" : `enum ${names.of(id)}`;
    const lines = type.values.map(({ name, value }) => {
      step();
      return `${names.enumerator(name)} = ${literal(value, type)},`;
    });
    if (type.size === sizeByValues(type)) return block(head, lines);
    return `${block(head, lines)} __attribute__((mode(${ENUM_MODES[type.size] ?? noEnum(type)})))`;
  };

  const output = textBuilder();
  for (const item of orderForC(btf, canonical, step)) {
    output.add(`${item.define ? definition(item.id) : specifier(item.id)};\n\n`);
  }
  // Enums without a name that nothing is made of: their values are names of the program all the same.
  for (const [index, type] of types.entries()) {
    if (!isEnum(type) || type.name !== "" || type.values.length === 0 || written.has(type)) continue;
    output.add(`${enumeration(index + 1, type)};\n\n`);
  }
  return output.text();
}

function isEnum(type: BtfType): type is Enum {
  return type.kind === "enum" || type.kind === "enum64";
}

function partCount(type: BtfType): number {
  if ("members" in type) return type.members.length;
  if ("values" in type) return type.values.length;
  return "params" in type ? type.params.length : 0;
}

/** A struct or union without a name: as a member without a name, its members belong to the struct around. */
function isNamelessRecord(btf: Btf, id: TypeId): boolean {
  let type = btf.types[id - 1];
  while (type?.kind === "const" || type?.kind === "volatile") type = btf.types[type.type - 1];
  return (type?.kind === "struct" || type?.kind === "union") && type.name === "";
}

function block(head: string, lines: readonly string[]): string {
  return `${head} {\n${lines.map((line) => `\t${line.replaceAll("\n", "\n\t")}\n`).join("")}}`;
}

/** Declarations that fill `bits` from bit `start` on. */
function padding(start: number, bits: number, scope: NameSet): string[] {
  const lines: string[] = [];
  for (let at = start, left = bits; left > 0;) {
    const toBoundary = 64 - (at % 64);
    const asBytes = toBoundary === 64 && left >= LONG_PADDING;
    const taken = asBytes ? left - (left % 8) : Math.min(left, toBoundary);
    lines.push(asBytes ? bytes(at, taken, scope) : `long: ${taken};`);
    at += taken;
    left -= taken;
  }
  return lines;
}

function bytes(start: number, bits: number, scope: NameSet): string {
  return `char ${scope(`padding_${start / 8}`)}[${bits / 8}];`;
}

/** Stands for a scalar that C does not have. */
function bytesLike({ size }: Scalar): string {
  return `struct { char bytes[${size}]; } __attribute__((aligned(${scalarAlign(size)})))`;
}

/** Bytes that an enum has if nothing is said of it. */
function sizeByValues({ values }: Enum): number {
  const all = (min: number, max: number): boolean => values.every(({ value }) => value >= min && value <= max);
  return all(-0x8000_0000, 0x7fff_ffff) || all(0, 0xffff_ffff) ? 4 : 8;
}

function noEnum(type: Enum): never {
  return invalid(`cannot write enum ${type.name} as C: none has ${type.size} bytes`);
}

/** The least number has no literal: it would be the minus of one that is too large. */
function literal(value: number | bigint, { kind, signed }: Enum): string {
  if (kind === "enum") return `${value}`;
  if (value === -(2n ** 63n)) return `${value + 1n}LL - 1`;
  return `${value}${signed ? "LL" : "ULL"}`;
}
