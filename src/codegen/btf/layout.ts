/**
 * Where a C compiler puts the members of a struct, so that a declaration can be written that puts them where BTF says.
 * In: types. Out: sizes and alignments, and for a struct whether it is packed and how many bits of padding it needs where.
 *
 * The rules are those of clang for the BPF target: a scalar is aligned to its size; a bit field of type T lies within one
 * aligned T; nothing is aligned in a packed struct, and bit fields follow each other without a gap.
 */
import { invalid } from "./kinds.ts";
import type { Btf, BtfType, Member, TypeId } from "./types.ts";

export interface Layout {
  readonly packed: boolean;
  /** Bytes. */
  readonly align: number;
  /** The members as C has them; an old bit field's width, which its type holds, is here with the member. */
  readonly members: readonly Member[];
  /** For each member, the bits of padding to declare in front of it. */
  readonly gaps: readonly number[];
  /** Where the last member ends, in bits, and how many bits of padding follow. All of a union's members start at 0. */
  readonly end: number;
  readonly tail: number;
}

type Record = Extract<BtfType, { kind: "struct" | "union" }>;

/** @throws XdpgenError `btf-invalid` where no C struct has this layout: members that overlap, or end after it */
export type LayoutReader = (id: TypeId, type: Record) => Layout;

const POINTER_SIZE = 8;
/** More than that many arrays, names and structs in each other are no C program. */
const MAX_DEPTH = 256;

/** Remembers what it has computed. */
export function layoutReader(btf: Btf): LayoutReader {
  const layouts = new Map<TypeId, Layout>();
  const alignOf = (id: TypeId, depth: number): number => {
    const type = btf.types[id - 1];
    switch (type?.kind) {
      case "int":
      case "float":
        return scalarAlign(type.size);
      case "struct":
      case "union":
        return layout(id, type, depth).align;
      case "array":
      case "typedef":
      case "const":
      case "volatile":
      case "restrict":
      case "type_tag":
        return alignOf(type.type, depth);
      default:
        return sizeOf(btf, id) ?? 1;
    }
  };
  const layout = (id: TypeId, type: Record, depth: number): Layout => {
    const known = layouts.get(id);
    if (known) return known;
    if (depth > MAX_DEPTH) invalid(`type ${id} cannot be laid out: it contains itself, or is nested too deeply`);
    const fields = type.members.map((member) => {
      const size =
        sizeOf(btf, member.type) ??
        invalid(
          `type ${id} (${type.kind} ${type.name}): its member ${member.name}, of type ${member.type}, has no size`,
        );
      return fieldOf(btf, member, { size, align: alignOf(member.type, depth + 1) });
    });
    const lay = type.kind === "struct" ? layStruct : layUnion;
    const found = lay(type.size, fields, false) ?? lay(type.size, fields, true);
    if (!found) {
      return invalid(
        `type ${id} (${type.kind} ${type.name || "without a name"}) has no form in C: its members overlap, or do not fit its ${type.size} bytes`,
      );
    }
    layouts.set(id, found);
    return found;
  };
  return (id, type) => layout(id, type, 0);
}

/**
 * Bytes of a type, as if compiled for BPF; undefined if it has no size: void, a function, a struct that is only declared.
 */
export function sizeOf(btf: Btf, id: TypeId): number | undefined {
  let count = 1;
  let ref = id;
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const type = btf.types[ref - 1];
    switch (type?.kind) {
      case "int":
      case "float":
      case "enum":
      case "enum64":
      case "struct":
      case "union":
        return count * type.size;
      case "ptr":
        return count * POINTER_SIZE;
      case "array":
        count *= type.length;
        break;
      case "typedef":
      case "const":
      case "volatile":
      case "restrict":
      case "type_tag":
        break;
      default:
        return undefined;
    }
    ref = type.type;
  }
  return undefined;
}

interface Field {
  readonly member: Member;
  /** Bits. For a bit field, those of its type. */
  readonly size: number;
  readonly align: number;
}

/** Before Linux 4.20 (kind_flag) a bit field was a member of an integer type of that many bits. */
function fieldOf(btf: Btf, member: Member, { size, align }: { size: number; align: number }): Field {
  const type = btf.types[member.type - 1];
  const isOldBitField = member.bitSize === 0 && type?.kind === "int" && type.bits !== type.size * 8 && type.bits > 0;
  const field = isOldBitField
    ? { ...member, bitOffset: member.bitOffset + type.bitOffset, bitSize: type.bits }
    : member;
  return { member: field, size: size * 8, align: align * 8 };
}

/** undefined if the members cannot be so. */
function layStruct(size: number, fields: readonly Field[], packed: boolean): Layout | undefined {
  const gaps: number[] = [];
  let cursor = 0;
  let structAlign = 8;
  for (const { member, size: bits, align } of fields) {
    const { bitOffset, bitSize } = member;
    // Without padding, the member is where it comes to lie; with padding, it must be able to lie where it should.
    const fits = (at: number): boolean => {
      if (bitSize === 0) return at % (packed ? 8 : align) === 0;
      return bitSize <= bits && (packed || (at % align) + bitSize <= bits);
    };
    const natural = fits(cursor) ? cursor : roundUp(cursor, packed ? 8 : align);
    if (bitOffset < cursor || !fits(bitOffset)) return undefined;
    gaps.push(bitOffset === natural ? 0 : bitOffset - cursor);
    cursor = bitOffset + (bitSize || bits);
    // A bit field without a name is padding, and padding aligns nothing.
    if (!packed && (bitSize === 0 || member.name !== "")) structAlign = Math.max(structAlign, align);
  }
  const wanted = size * 8;
  if (cursor > wanted || wanted % structAlign !== 0) return undefined;
  const tail = roundUp(cursor, structAlign) === wanted ? 0 : wanted - cursor;
  return { packed, align: structAlign / 8, members: fields.map(({ member }) => member), gaps, end: cursor, tail };
}

function layUnion(size: number, fields: readonly Field[], packed: boolean): Layout | undefined {
  const wanted = size * 8;
  let structAlign = 8;
  let largest = 0;
  for (const { member, size: bits, align } of fields) {
    const { bitOffset, bitSize } = member;
    if (bitOffset !== 0 || bitSize > bits) return undefined;
    largest = Math.max(largest, bitSize || bits);
    if (!packed && (bitSize === 0 || member.name !== "")) structAlign = Math.max(structAlign, align);
  }
  if (largest > wanted || wanted % structAlign !== 0) return undefined;
  const tail = roundUp(largest, structAlign) === wanted ? 0 : wanted;
  return {
    packed,
    align: structAlign / 8,
    members: fields.map(({ member }) => member),
    gaps: fields.map(() => 0),
    end: 0,
    tail,
  };
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Bytes. C has scalars of 1, 2, 4, 8 and 16 bytes; whatever else there is stands at any address. */
export function scalarAlign(size: number): number {
  return [1, 2, 4, 8, 16].includes(size) ? size : 1;
}
