/**
 * `.BTF.ext`: which function, source line and CO-RE relocation belongs to which instruction. Records of a kind follow each
 * other section by section:
 *
 *     header | record size:32, then per section: name:32 count:32 records | the same for lines | the same for CO-RE
 *
 * Source: Documentation/bpf/btf.rst, section 4.2; tools/lib/bpf/btf.h (struct btf_ext_header).
 */
import type { StringTable } from "../string-table.ts";
import { BTF_EXT_HEADER_SIZE, BTF_MAGIC, BTF_VERSION, invalid, readHeaderLength, readPart, viewOf } from "./kinds.ts";
import { type StringReader, stringReader } from "./strings.ts";
import type { BtfExt, CoreRelocation, FuncInfo, LineInfo } from "./types.ts";

/** Header of the objects that clang 9 and older wrote: without CO-RE relocations. */
const OLD_HEADER_SIZE = 24;
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;
const CORE_RELOCATION_SIZE = 16;

/**
 * @param ext a whole `.BTF.ext` section
 * @param btf the `.BTF` section of the same object, for its strings
 * @throws XdpgenError `btf-invalid` with the byte offset
 */
export function decodeBtfExt(ext: Uint8Array, btf: Uint8Array): BtfExt {
  const view = viewOf(ext);
  const string = stringReader(btf);
  const headerLength = readHeaderLength(view, ".BTF.ext", OLD_HEADER_SIZE);
  const part = <T>(
    field: number,
    what: string,
    size: number,
    read: RecordReader<T>,
  ): ReadonlyMap<string, readonly T[]> => {
    if (field + 8 > headerLength) return new Map();
    return readRecords(readPart(view, headerLength, field, `the ${what} of .BTF.ext`), what, size, string, read);
  };
  return {
    funcInfo: part(8, "func_info records", FUNC_INFO_SIZE, readFuncInfo),
    lineInfo: part(16, "line_info records", LINE_INFO_SIZE, readLineInfo),
    coreRelocations: part(24, "CO-RE relocations", CORE_RELOCATION_SIZE, readCoreRelocation),
  };
}

type RecordReader<T> = (word: (index: number) => number, string: StringReader, where: string) => T;

const readFuncInfo: RecordReader<FuncInfo> = (word) => ({ offset: word(0), type: word(1) });

const readLineInfo: RecordReader<LineInfo> = (word, string, where) => ({
  offset: word(0),
  file: string(word(1), where),
  text: string(word(2), where),
  line: word(3) >>> 10,
  column: word(3) & 0x3ff,
});

const readCoreRelocation: RecordReader<CoreRelocation> = (word, string, where) => ({
  offset: word(0),
  type: word(1),
  access: string(word(2), where),
  kind: word(3),
});

function readRecords<T>(
  part: DataView,
  what: string,
  size: number,
  string: StringReader,
  read: RecordReader<T>,
): ReadonlyMap<string, readonly T[]> {
  const sections = new Map<string, T[]>();
  if (part.byteLength === 0) return sections;
  if (part.byteLength < 4) invalid(`the ${what} of .BTF.ext have ${part.byteLength} bytes, not even a record size`);
  // Newer formats may have longer records with the known fields first.
  const stride = part.getUint32(0, true);
  if (stride < size || stride % 4 !== 0) invalid(`the ${what} of .BTF.ext are ${stride} bytes each, not ${size}`);
  for (let at = 4; at < part.byteLength;) {
    const where = `the ${what} of .BTF.ext, byte ${at}`;
    if (at + 8 > part.byteLength) invalid(`${where}: a section's head is cut off`);
    const name = string(part.getUint32(at, true), where);
    const count = part.getUint32(at + 4, true);
    at += 8;
    if (count === 0 || at + count * stride > part.byteLength) {
      invalid(
        `${where}: section ${name} has ${count} records of ${stride} bytes; ${part.byteLength - at} bytes are left`,
      );
    }
    const records = sections.get(name) ?? [];
    sections.set(name, records);
    for (let index = 0; index < count; index++, at += stride) {
      const record = at;
      records.push(read((word) => part.getUint32(record + word * 4, true), string, where));
    }
  }
  return sections;
}

/** The strings that the records need in the table of `.BTF`. */
export function extStrings({ funcInfo, lineInfo, coreRelocations }: BtfExt): string[] {
  return [
    ...funcInfo.keys(),
    ...[...lineInfo].flatMap(([section, lines]) => [section, ...lines.flatMap(({ file, text }) => [file, text])]),
    ...[...coreRelocations].flatMap(([section, list]) => [section, ...list.map(({ access }) => access)]),
  ];
}

/** @throws XdpgenError `btf-invalid` for a value that its field cannot hold or a type that is not there */
export function encodeExt(ext: BtfExt, strings: StringTable, typeCount: number): Uint8Array {
  const check = (what: string, value: number, max: number): number => {
    if (Number.isInteger(value) && value >= 0 && value <= max) return value;
    return invalid(`cannot encode .BTF.ext: ${what} is ${value}, not 0 to ${max}`);
  };
  const offset = (value: number): number => check("an offset", value, 0xffff_ffff);
  const type = (value: number): number => check("a type id", value, typeCount);
  const parts = [
    recordWords(ext.funcInfo, FUNC_INFO_SIZE, strings, (info) => [offset(info.offset), type(info.type)]),
    recordWords(ext.lineInfo, LINE_INFO_SIZE, strings, (info) => [
      offset(info.offset),
      strings.offsetOf(info.file),
      strings.offsetOf(info.text),
      ((check("a line", info.line, 0x3f_ffff) << 10) | check("a column", info.column, 0x3ff)) >>> 0,
    ]),
    recordWords(ext.coreRelocations, CORE_RELOCATION_SIZE, strings, (relocation) => [
      offset(relocation.offset),
      type(relocation.type),
      strings.offsetOf(relocation.access),
      check("the kind of a CO-RE relocation", relocation.kind, 0xffff_ffff),
    ]),
  ];
  const words = parts.flat();
  const bytes = new Uint8Array(BTF_EXT_HEADER_SIZE + words.length * 4);
  const view = viewOf(bytes);
  view.setUint16(0, BTF_MAGIC, true);
  view.setUint8(2, BTF_VERSION);
  view.setUint32(4, BTF_EXT_HEADER_SIZE, true);
  let start = 0;
  for (const [index, part] of parts.entries()) {
    view.setUint32(8 + index * 8, start, true);
    view.setUint32(12 + index * 8, part.length * 4, true);
    start += part.length * 4;
  }
  for (const [index, word] of words.entries()) view.setUint32(BTF_EXT_HEADER_SIZE + index * 4, word, true);
  return bytes;
}

/** Sections without records are left out: the kernel refuses a count of zero. */
function recordWords<T>(
  sections: ReadonlyMap<string, readonly T[]>,
  size: number,
  strings: StringTable,
  words: (record: T) => number[],
): number[] {
  const used = [...sections].filter(([, records]) => records.length > 0);
  if (used.length === 0) return [];
  return [size, ...used.flatMap(([name, list]) => [strings.offsetOf(name), list.length, ...list.flatMap(words)])];
}
