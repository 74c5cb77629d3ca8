/**
 * Values to the bytes of an object, the same for the same values. In the file:
 *
 *     ELF header | sections | .rel<name> of those that have any | .symtab | .strtab | section header table
 *
 * Local symbols come first, as the format demands, so symbols may stand in another order than in the list; relocations
 * follow them. All names, of sections and of symbols, are in `.strtab`.
 */
import { type StringTable, buildStringTable } from "../string-table.ts";
import { patchableSize } from "./compressed.ts";
import {
  EHDR_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_BPF,
  ET_REL,
  EV_CURRENT,
  RELOCATION_SIZES,
  REL_SIZE,
  SHDR_SIZE,
  SHF_INFO_LINK,
  SHN_ABS,
  SHN_COMMON,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_NULL,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  SYMBOL_BINDINGS,
  SYMBOL_TYPES,
  SYMBOL_VISIBILITIES,
  SYM_SIZE,
} from "./constants.ts";
import { invalid } from "./header.ts";
import type { ElfObject, ElfSection, ElfSymbol } from "./object.ts";

/** A section as the file has it, before it has a place there. */
interface Part {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
}

/** An object larger than this has gone wrong: the kernel takes a million instructions and BTF of 16 MiB. */
const MAX_SIZE = 0x4000_0000;

const NULL_PART: Part = {
  name: "",
  type: SHT_NULL,
  flags: 0,
  data: new Uint8Array(),
  size: 0,
  link: 0,
  info: 0,
  align: 0,
  entrySize: 0,
};

/**
 * Writes a relocatable BPF object: ELF64, little endian.
 * @throws XdpgenError `object-invalid` for values that refer to what is not there
 */
export function writeElf(object: ElfObject): Uint8Array {
  check(object);
  const patched = object.sections.map((_, index) => index).filter((i) => object.sections[i]!.relocations.length > 0);
  const symbolTable = 1 + object.sections.length + patched.length;
  const order = symbolOrder(object.symbols);
  const names = buildStringTable(
    [
      ...object.sections.map((section) => section.name),
      ...patched.map((index) => `.rel${object.sections[index]!.name}`),
      ".symtab",
      ".strtab",
      ...object.symbols.map((symbol) => symbol.name),
    ],
    "object-invalid",
  );
  const symbols = symbolBytes(order.sorted, names);
  return assemble(
    [
      NULL_PART,
      ...object.sections.map((section): Part => ({ link: 0, info: 0, ...section })),
      ...patched.map((index) => relocationPart(object.sections[index]!, index + 1, symbolTable, order.numbers)),
      {
        name: ".symtab",
        type: SHT_SYMTAB,
        flags: 0,
        data: symbols,
        size: symbols.length,
        link: symbolTable + 1,
        info: order.firstGlobal,
        align: 8,
        entrySize: SYM_SIZE,
      },
      { ...NULL_PART, name: ".strtab", type: SHT_STRTAB, data: names.bytes, size: names.bytes.length, align: 1 },
    ],
    names,
  );
}

function check({ sections, symbols }: ElfObject): void {
  if (sections.length >= SHN_LORESERVE / 2)
    invalid(`cannot write ${sections.length} sections: too many for one object`);
  for (const section of sections) {
    const { name, type, flags, entrySize, data, size, align, relocations } = section;
    const expected = type === SHT_NOBITS ? 0 : size;
    if (data.length !== expected)
      invalid(`section ${name} has ${data.length} bytes of data and should have ${expected}`);
    if (align < 1 || !Number.isInteger(Math.log2(align)))
      invalid(`section ${name} is aligned to ${align}, no power of two`);
    if (!isSize(type) || type > 0xffff_ffff) invalid(`section ${name} has type ${type}, not 32 bits`);
    if (!isSize(flags) || !isSize(entrySize))
      invalid(`section ${name} has flags ${flags} and entries of ${entrySize} bytes, not whole numbers below 2^53`);
    if (relocations.length === 0) continue;
    const patchable = patchableSize(section);
    for (const { offset, type: kind, symbol } of relocations) {
      const needed = RELOCATION_SIZES.get(kind) ?? 1;
      if (!isSize(offset) || offset + needed > patchable)
        invalid(`a relocation at ${offset} is outside section ${name} of ${patchable} bytes`);
      if (!isSize(kind) || kind > 0xffff_ffff) invalid(`a relocation of section ${name} has type ${kind}, not 32 bits`);
      if (!symbols[symbol])
        invalid(`a relocation of section ${name} is to symbol ${symbol}; there are ${symbols.length}`);
    }
  }
  for (const { name, section, value, size } of symbols) {
    if (typeof section === "number" && !sections[section]) {
      invalid(`symbol ${name} is in section ${section}; there are ${sections.length}`);
    }
    if (!isSize(value) || !isSize(size)) invalid(`symbol ${name} is ${size} bytes at ${value}: no place in a section`);
  }
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

interface SymbolOrder {
  readonly sorted: readonly ElfSymbol[];
  /** Index in `ElfObject.symbols` -> ELF's symbol number. */
  readonly numbers: readonly number[];
  readonly firstGlobal: number;
}

function symbolOrder(symbols: readonly ElfSymbol[]): SymbolOrder {
  const indexes = symbols.map((_, index) => index);
  const locals = indexes.filter((index) => symbols[index]!.binding === "local");
  const sorted = [...locals, ...indexes.filter((index) => symbols[index]!.binding !== "local")];
  const numbers = symbols.map(() => 0);
  for (const [position, index] of sorted.entries()) numbers[index] = position + 1;
  return { sorted: sorted.map((index) => symbols[index]!), numbers, firstGlobal: locals.length + 1 };
}

function symbolBytes(symbols: readonly ElfSymbol[], names: StringTable): Uint8Array {
  const bytes = new Uint8Array((symbols.length + 1) * SYM_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [index, symbol] of symbols.entries()) {
    const at = (index + 1) * SYM_SIZE;
    view.setUint32(at, names.offsetOf(symbol.name), true);
    view.setUint8(at + 4, (SYMBOL_BINDINGS.indexOf(symbol.binding) << 4) | SYMBOL_TYPES.indexOf(symbol.type));
    view.setUint8(at + 5, SYMBOL_VISIBILITIES.indexOf(symbol.visibility));
    view.setUint16(at + 6, sectionNumber(symbol.section), true);
    setUint64(view, at + 8, symbol.value);
    setUint64(view, at + 16, symbol.size);
  }
  return bytes;
}

function sectionNumber(section: ElfSymbol["section"]): number {
  switch (section) {
    case "undefined":
      return SHN_UNDEF;
    case "absolute":
      return SHN_ABS;
    case "common":
      return SHN_COMMON;
    default:
      return section + 1;
  }
}

function relocationPart(section: ElfSection, target: number, symbolTable: number, numbers: readonly number[]): Part {
  const data = new Uint8Array(section.relocations.length * REL_SIZE);
  const view = new DataView(data.buffer);
  for (const [index, { offset, type, symbol }] of section.relocations.entries()) {
    setUint64(view, index * REL_SIZE, offset);
    view.setUint32(index * REL_SIZE + 8, type, true);
    view.setUint32(index * REL_SIZE + 12, numbers[symbol]!, true);
  }
  return {
    name: `.rel${section.name}`,
    type: SHT_REL,
    flags: SHF_INFO_LINK,
    data,
    size: data.length,
    link: symbolTable,
    info: target,
    align: 8,
    entrySize: REL_SIZE,
  };
}

function assemble(parts: readonly Part[], names: StringTable): Uint8Array {
  let end = EHDR_SIZE;
  const offsets = parts.map((part) => {
    if (part.type === SHT_NULL) return 0;
    const offset = alignUp(end, part.align);
    // A section without bytes has an address to be aligned, and no place to move the others from.
    if (part.type !== SHT_NOBITS) end = offset + part.data.length;
    if (end > MAX_SIZE)
      invalid(`section ${part.name}, aligned to ${part.align}, makes the object larger than ${MAX_SIZE} bytes`);
    return offset;
  });
  const table = alignUp(end, 8);
  const bytes = new Uint8Array(table + parts.length * SHDR_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT]);
  view.setUint16(0x10, ET_REL, true);
  view.setUint16(0x12, EM_BPF, true);
  view.setUint32(0x14, EV_CURRENT, true);
  setUint64(view, 0x28, table);
  view.setUint16(0x34, EHDR_SIZE, true);
  view.setUint16(0x3a, SHDR_SIZE, true);
  view.setUint16(0x3c, parts.length, true);
  view.setUint16(0x3e, parts.length - 1, true);
  for (const [index, part] of parts.entries()) {
    const at = table + index * SHDR_SIZE;
    const offset = offsets[index]!;
    // A section without bytes may lie past the end.
    if (part.type !== SHT_NOBITS) bytes.set(part.data, offset);
    view.setUint32(at, names.offsetOf(part.name), true);
    view.setUint32(at + 0x04, part.type, true);
    setUint64(view, at + 0x08, part.flags);
    setUint64(view, at + 0x18, offset);
    setUint64(view, at + 0x20, part.size);
    view.setUint32(at + 0x28, part.link, true);
    view.setUint32(at + 0x2c, part.info, true);
    setUint64(view, at + 0x30, part.align);
    setUint64(view, at + 0x38, part.entrySize);
  }
  return bytes;
}

/** A `bigint` for each of a thousand fields costs more than the rest of the object. */
function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x1_0000_0000, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

function alignUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}
