/**
 * Records of functions, source lines and CO-RE relocations to `.BTF.ext`, whose strings are in the table of `.BTF`. The
 * layout is that which `ext.ts` reads.
 */
import type { StringTable } from "../string-table.ts";
import {
  BTF_EXT_HEADER_SIZE,
  BTF_MAGIC,
  BTF_VERSION,
  CORE_RELOCATION_SIZE,
  FUNC_INFO_SIZE,
  LINE_INFO_SIZE,
  invalid,
  viewOf,
} from "./kinds.ts";
import type { BtfExt } from "./types.ts";

/** The strings that the records need in the table of `.BTF`. */
export function extNames({ funcInfo, lineInfo, coreRelocations }: BtfExt): string[] {
  const names = [...funcInfo.keys()];
  for (const [section, lines] of lineInfo) {
    names.push(section);
    for (const { file, text } of lines) names.push(file, text);
  }
  for (const [section, relocations] of coreRelocations) {
    names.push(section);
    for (const { access } of relocations) names.push(access);
  }
  return names;
}

/**
 * A whole `.BTF.ext` section.
 *
 * @param strings has all of `extNames`
 * @param typeCount how many types `.BTF` has
 * @throws XdpgenError `btf-invalid` for a value that its field cannot hold or a type that is not there
 */
export function encodeExt(ext: BtfExt, strings: StringTable, typeCount: number): Uint8Array {
  const words: number[] = [];
  const offset = (value: number): number => check("an offset", value, 0xffff_ffff);
  const type = (value: number): number => check("a type id", value, typeCount);
  const ends = [
    pushRecords(words, strings, ext.funcInfo, FUNC_INFO_SIZE, (info) => {
      words.push(offset(info.offset), type(info.type));
    }),
    pushRecords(words, strings, ext.lineInfo, LINE_INFO_SIZE, (info) => {
      const position = (check("a line", info.line, 0x3f_ffff) << 10) | check("a column", info.column, 0x3ff);
      words.push(offset(info.offset), strings.offsetOf(info.file), strings.offsetOf(info.text), position >>> 0);
    }),
    pushRecords(words, strings, ext.coreRelocations, CORE_RELOCATION_SIZE, (relocation) => {
      const kind = check("the kind of a CO-RE relocation", relocation.kind, 0xffff_ffff);
      words.push(offset(relocation.offset), type(relocation.type), strings.offsetOf(relocation.access), kind);
    }),
  ];
  const bytes = new Uint8Array(BTF_EXT_HEADER_SIZE + words.length * 4);
  const view = viewOf(bytes);
  view.setUint16(0, BTF_MAGIC, true);
  view.setUint8(2, BTF_VERSION);
  view.setUint32(4, BTF_EXT_HEADER_SIZE, true);
  let start = 0;
  for (const [index, end] of ends.entries()) {
    view.setUint32(8 + index * 8, start * 4, true);
    view.setUint32(12 + index * 8, (end - start) * 4, true);
    start = end;
  }
  for (let index = 0; index < words.length; index++) {
    view.setUint32(BTF_EXT_HEADER_SIZE + index * 4, words[index]!, true);
  }
  return bytes;
}

/**
 * Appends the records of one kind, section by section, and gives the number of words that are there then. Sections without
 * records are left out: the kernel refuses a count of zero.
 */
function pushRecords<T>(
  words: number[],
  strings: StringTable,
  sections: ReadonlyMap<string, readonly T[]>,
  size: number,
  push: (record: T) => void,
): number {
  const used = [...sections].filter(([, records]) => records.length > 0);
  if (used.length > 0) words.push(size);
  for (const [name, records] of used) {
    words.push(strings.offsetOf(name), records.length);
    for (const record of records) push(record);
  }
  return words.length;
}

function check(what: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  return invalid(`cannot encode .BTF.ext: ${what} is ${value}, not 0 to ${max}`);
}
