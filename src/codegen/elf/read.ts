/** Bytes of an object to values. Section data are views of the bytes, not copies. */
import { patchableSize } from "./compressed.ts";
import {
  RELOCATION_SIZES,
  REL_SIZE,
  SHF_GROUP,
  SHF_LINK_ORDER,
  SHN_ABS,
  SHN_COMMON,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_GROUP,
  SHT_LLVM_ADDRSIG,
  SHT_NOBITS,
  SHT_NULL,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  SYMBOL_BINDINGS,
  SYMBOL_TYPES,
  SYMBOL_VISIBILITIES,
  SYM_SIZE,
} from "./constants.ts";
import { type SectionHeader, invalid, readHeaders, readSize, unsupported } from "./header.ts";
import { type NameReader, nameReader } from "./names.ts";
import type { ElfObject, ElfRelocation, ElfSection, ElfSymbol } from "./object.ts";

/** The tables that the values replace, and lists of section or symbol numbers, which would be stale in them. */
const NOT_LISTED: ReadonlySet<number> = new Set([
  SHT_NULL,
  SHT_SYMTAB,
  SHT_STRTAB,
  SHT_REL,
  SHT_RELA,
  SHT_SYMTAB_SHNDX,
  SHT_GROUP,
  SHT_LLVM_ADDRSIG,
]);

/** Flags that speak of such a list or of another section's number. */
const NOT_KEPT = SHF_LINK_ORDER | SHF_GROUP;

/** How much longer than the file its names may be. Names that share their tails make it more than one. */
const NAMES_PER_BYTE = 16;

/** What the readers of the parts need to know of the whole. */
interface File {
  readonly bytes: Uint8Array;
  /** Of `bytes`, so that offsets in it are those of the file. */
  readonly view: DataView;
  readonly headers: readonly SectionHeader[];
  /** ELF's section index -> index in `ElfObject.sections`. */
  readonly indexes: ReadonlyMap<number, number>;
  /** ELF's section index; 0 where there is none. */
  readonly symbolTable: number;
}

/**
 * Reads a relocatable BPF object, in time and memory that the size of the file bounds.
 *
 * Left out: section groups and LLVM's `.llvm_addrsig`, the flags that go with them, and the `e_flags` of the file header.
 * Everything else is kept, DWARF and its relocations too, and `writeElf` writes it again.
 *
 * @throws XdpgenError `object-invalid` with offset and value: not ELF, another class, byte order, machine or type,
 *   truncated, sections that overlap, an index or a name outside its table; `object-unsupported` for relocations with
 *   addends, which neither clang nor gcc writes for BPF, and for section numbers of more than 16 bits
 */
export function readElf(bytes: Uint8Array): ElfObject {
  const { sections: headers, names } = readHeaders(bytes);
  const listed: number[] = [];
  const symbolTables: number[] = [];
  for (const [index, { type }] of headers.entries()) {
    if (!NOT_LISTED.has(type)) listed.push(index);
    if (type === SHT_SYMTAB) symbolTables.push(index);
  }
  if (symbolTables.length > 1) invalid(`the object has ${symbolTables.length} symbol tables, not one`);
  const file: File = {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    headers,
    indexes: new Map(listed.map((elfIndex, index) => [elfIndex, index])),
    symbolTable: symbolTables[0] ?? 0,
  };
  const symbols = symbolTables.length === 0 ? [] : readSymbols(file);
  const relocations = readRelocations(file, symbols.length);
  const sectionNames = namesOf(file, names, "the section names");
  const sections = listed.map((elfIndex): ElfSection => {
    const header = headers[elfIndex]!;
    const name = sectionNames(header.nameOffset);
    if (name === undefined) invalid(`the name of section ${elfIndex}, ${header.nameOffset}, is outside the names`);
    return {
      name,
      type: header.type,
      // Of the 64 bits only the low ones are touched, so the operator on 32 bits will do.
      flags: header.flags - (header.flags & NOT_KEPT),
      data: contents(file, header),
      size: header.size,
      align: header.align,
      entrySize: header.entrySize,
      relocations: relocations.get(elfIndex) ?? [],
    };
  });
  return { sections, symbols };
}

function contents({ bytes }: File, header: SectionHeader): Uint8Array {
  if (header.type === SHT_NOBITS) return new Uint8Array();
  return new Uint8Array(bytes.buffer, bytes.byteOffset + header.offset, header.size);
}

function namesOf(file: File, index: number, what: string): NameReader {
  const header = file.headers[index];
  if (header?.type !== SHT_STRTAB) {
    invalid(`${what} should be in section ${index}, which is ${header ? `of type ${header.type}` : "not there"}`);
  }
  return nameReader(contents(file, header), file.bytes.length * NAMES_PER_BYTE);
}

/** Where the entries of a table begin, and how many it has. */
function entries(file: File, index: number, size: number): { start: number; count: number } {
  const header = file.headers[index]!;
  if (header.entrySize !== size || header.size % size !== 0) {
    invalid(`section ${index} has ${header.size} bytes in entries of ${header.entrySize}, not of ${size}`);
  }
  return { start: header.offset, count: header.size / size };
}

function readSymbols(file: File): ElfSymbol[] {
  const { start, count } = entries(file, file.symbolTable, SYM_SIZE);
  const names = namesOf(file, file.headers[file.symbolTable]!.link, "the symbol names");
  const symbols: ElfSymbol[] = [];
  for (let number = 1; number < count; number++) {
    symbols.push(readSymbol(file, names, number, start + number * SYM_SIZE));
  }
  return symbols;
}

/** @param at the symbol's byte offset in the file */
function readSymbol(file: File, names: NameReader, number: number, at: number): ElfSymbol {
  const { view } = file;
  const info = view.getUint8(at + 4);
  const sectionIndex = view.getUint16(at + 6, true);
  const name = names(view.getUint32(at, true));
  const type = SYMBOL_TYPES[info & 0x0f];
  const binding = SYMBOL_BINDINGS[info >> 4];
  const section = symbolSection(file, sectionIndex);
  // Words are made only for what is wrong: most symbols are not.
  if (name === undefined) {
    invalid(`the name of symbol ${number} at byte ${at}, ${view.getUint32(at, true)}, is outside the names`);
  }
  if (type === undefined) {
    invalid(`the type of symbol ${number} at byte ${at}, ${name}, is ${info & 0x0f}, which BPF objects do not have`);
  }
  if (binding === undefined) {
    invalid(`the binding of symbol ${number} at byte ${at}, ${name}, is ${info >> 4}, which BPF objects do not have`);
  }
  if (sectionIndex === SHN_XINDEX) {
    unsupported(
      `the section of symbol ${number} at byte ${at}, ${name}, is in a table of its own; ` +
        "only 16-bit section numbers are read",
    );
  }
  if (section === undefined) {
    invalid(
      `symbol ${number} at byte ${at}, ${name}, is in section ${sectionIndex}, which is a table or not there ` +
        `(${file.headers.length} sections)`,
    );
  }
  return {
    name,
    value: readSize(view, at + 8, "the value of a symbol"),
    size: readSize(view, at + 16, "the size of a symbol"),
    type,
    binding,
    visibility: SYMBOL_VISIBILITIES[view.getUint8(at + 5) & 0x03]!,
    section,
  };
}

function symbolSection(file: File, index: number): ElfSymbol["section"] | undefined {
  switch (index) {
    case SHN_UNDEF:
      return "undefined";
    case SHN_ABS:
      return "absolute";
    case SHN_COMMON:
      return "common";
    default:
      return file.indexes.get(index);
  }
}

/** Relocations by ELF's index of the section that they patch. */
function readRelocations(file: File, symbolCount: number): ReadonlyMap<number, readonly ElfRelocation[]> {
  const { view } = file;
  const found = new Map<number, ElfRelocation[]>();
  for (const [index, header] of file.headers.entries()) {
    if (header.type === SHT_RELA) {
      unsupported(
        `section ${index} has relocations with addends; BPF objects have SHT_REL, and clang and gcc write it`,
      );
    }
    if (header.type !== SHT_REL) continue;
    const target = file.headers[header.info];
    if (!target || target.type === SHT_NULL)
      invalid(`section ${index} patches section ${header.info}, which is not there`);
    if (NOT_LISTED.has(target.type)) continue;
    if (header.link !== file.symbolTable)
      invalid(`section ${index} uses symbols of section ${header.link}, no symbol table`);
    const list = found.get(header.info) ?? [];
    found.set(header.info, list);
    const size = patchableSize({ ...target, data: contents(file, target) });
    const { start, count } = entries(file, index, REL_SIZE);
    for (let at = start; at < start + count * REL_SIZE; at += REL_SIZE) {
      const relocation = {
        offset: readSize(view, at, "the offset of a relocation"),
        type: view.getUint32(at + 8, true),
        symbol: view.getUint32(at + 12, true) - 1,
      };
      const needed = RELOCATION_SIZES.get(relocation.type) ?? 1;
      if (relocation.offset + needed > size) {
        invalid(
          `the relocation at byte ${at} patches ${needed} bytes at ${relocation.offset} of section ${header.info}, which has ${size}`,
        );
      }
      if (relocation.symbol < 0 || relocation.symbol >= symbolCount) {
        invalid(`the relocation at byte ${at} is to symbol ${relocation.symbol + 1} of ${symbolCount + 1}`);
      }
      list.push(relocation);
    }
  }
  return found;
}
