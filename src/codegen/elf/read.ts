/** Bytes of an object to values. Section data are views of the bytes, not copies. */
import { XdpgenError } from "../../errors.ts";
import { readString } from "../string-table.ts";
import {
  RELOCATION_SIZES,
  REL_SIZE,
  SHF_GROUP,
  SHN_ABS,
  SHN_COMMON,
  SHN_UNDEF,
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
import { type SectionHeader, invalid, readHeaders, readSize } from "./header.ts";
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

/** What the readers of the parts need to know of the whole. */
interface File {
  readonly bytes: Uint8Array;
  readonly headers: readonly SectionHeader[];
  /** ELF's section index -> index in `ElfObject.sections`. */
  readonly indexes: ReadonlyMap<number, number>;
  readonly symbolTable: number;
}

/**
 * Reads a relocatable BPF object.
 * @throws XdpgenError `object-invalid` with offset and value: not ELF, another class, byte order, machine or type,
 *   truncated, an index or a name outside its table; `object-unsupported` for relocations with addends, which BPF has not
 */
export function readElf(bytes: Uint8Array): ElfObject {
  const { sections: headers, names } = readHeaders(bytes);
  const listed = headers.map((_, index) => index).filter((index) => !NOT_LISTED.has(headers[index]!.type));
  const symbolTables = headers.map((_, index) => index).filter((index) => headers[index]!.type === SHT_SYMTAB);
  if (symbolTables.length > 1) invalid(`the object has ${symbolTables.length} symbol tables, not one`);
  const file: File = {
    bytes,
    headers,
    indexes: new Map(listed.map((elfIndex, index) => [elfIndex, index])),
    symbolTable: symbolTables[0] ?? 0,
  };
  const symbols = symbolTables.length === 0 ? [] : readSymbols(file);
  const relocations = readRelocations(file, symbols.length);
  const nameTable = table(file, names, "the section names");
  const sections = listed.map((elfIndex): ElfSection => {
    const header = headers[elfIndex]!;
    const name = readString(nameTable, header.nameOffset);
    if (name === undefined) invalid(`the name of section ${elfIndex}, ${header.nameOffset}, is outside the names`);
    return {
      name,
      type: header.type,
      flags: header.flags - (Math.floor(header.flags / SHF_GROUP) % 2) * SHF_GROUP,
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

function table(file: File, index: number, what: string): Uint8Array {
  const header = file.headers[index];
  if (header?.type !== SHT_STRTAB) {
    invalid(`${what} should be in section ${index}, which is ${header ? `of type ${header.type}` : "not there"}`);
  }
  return contents(file, header);
}

function entries(file: File, index: number, size: number): { view: DataView; count: number; offset: number } {
  const header = file.headers[index]!;
  if (header.entrySize !== size || header.size % size !== 0) {
    invalid(`section ${index} has ${header.size} bytes in entries of ${header.entrySize}, not of ${size}`);
  }
  const data = contents(file, header);
  return {
    view: new DataView(data.buffer, data.byteOffset, data.byteLength),
    count: header.size / size,
    offset: header.offset,
  };
}

function readSymbols(file: File): ElfSymbol[] {
  const { view, count, offset } = entries(file, file.symbolTable, SYM_SIZE);
  const names = table(file, file.headers[file.symbolTable]!.link, "the symbol names");
  return Array.from({ length: Math.max(count - 1, 0) }, (_, index): ElfSymbol => {
    const at = (index + 1) * SYM_SIZE;
    const describe = `symbol ${index + 1} at byte ${offset + at}`;
    const info = view.getUint8(at + 4);
    const name = readString(names, view.getUint32(at, true));
    const type = SYMBOL_TYPES[info & 0x0f];
    const binding = SYMBOL_BINDINGS[info >> 4];
    if (name === undefined) invalid(`the name of ${describe}, ${view.getUint32(at, true)}, is outside the names`);
    if (type === undefined)
      invalid(`the type of ${describe}, ${name}, is ${info & 0x0f}, which BPF objects do not have`);
    if (binding === undefined)
      invalid(`the binding of ${describe}, ${name}, is ${info >> 4}, which BPF objects do not have`);
    return {
      name,
      value: readSize(view, at + 8, `the value of ${describe}, in the table`),
      size: readSize(view, at + 16, `the size of ${describe}, in the table`),
      type,
      binding,
      visibility: SYMBOL_VISIBILITIES[view.getUint8(at + 5) & 0x03]!,
      section: symbolSection(file, view.getUint16(at + 6, true), `${describe}, ${name},`),
    };
  });
}

function symbolSection(file: File, index: number, describe: string): ElfSymbol["section"] {
  if (index === SHN_UNDEF) return "undefined";
  if (index === SHN_ABS) return "absolute";
  if (index === SHN_COMMON) return "common";
  const section = file.indexes.get(index);
  if (section === undefined) {
    invalid(`${describe} is in section ${index}, which is a table or not there (${file.headers.length} sections)`);
  }
  return section;
}

/** Relocations by ELF's index of the section that they patch. */
function readRelocations(file: File, symbolCount: number): ReadonlyMap<number, readonly ElfRelocation[]> {
  const found = new Map<number, ElfRelocation[]>();
  let bytesRead = 0;
  for (const [index, header] of file.headers.entries()) {
    if (header.type === SHT_RELA) {
      throw new XdpgenError(
        "object-unsupported",
        `section ${index} has relocations with addends; BPF objects have SHT_REL`,
      );
    }
    if (header.type !== SHT_REL || NOT_LISTED.has(file.headers[header.info]?.type ?? SHT_NULL)) continue;
    bytesRead += header.size;
    if (bytesRead > file.bytes.length) invalid(`section ${index} shares its bytes with other relocations`);
    if (header.link !== file.symbolTable)
      invalid(`section ${index} uses symbols of section ${header.link}, no symbol table`);
    const list = found.get(header.info) ?? [];
    found.set(header.info, list);
    const { view, count, offset } = entries(file, index, REL_SIZE);
    for (let at = 0; at < count * REL_SIZE; at += REL_SIZE) {
      const relocation = {
        offset: readSize(view, at, "a relocation's offset"),
        type: view.getUint32(at + 8, true),
        symbol: view.getUint32(at + 12, true) - 1,
      };
      const describe = `the relocation at byte ${offset + at}`;
      const needed = RELOCATION_SIZES.get(relocation.type) ?? 1;
      const { size } = file.headers[header.info]!;
      if (relocation.offset + needed > size) {
        invalid(
          `${describe} patches ${needed} bytes at ${relocation.offset} of section ${header.info}, which has ${size}`,
        );
      }
      if (relocation.symbol < 0 || relocation.symbol >= symbolCount) {
        invalid(`${describe} is to symbol ${relocation.symbol + 1} of ${symbolCount + 1}`);
      }
      list.push(relocation);
    }
  }
  return found;
}
