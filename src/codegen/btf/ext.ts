/**
 * `.BTF.ext`: which function, source line and CO-RE relocation belongs to which instruction. Records of a kind follow each
 * other section by section:
 *
 *     header | record size:32, then per section: name:32 count:32 records | the same for lines | the same for CO-RE
 *
 * Source: Documentation/bpf/btf.rst, section 4.2; tools/lib/bpf/btf.h (struct btf_ext_header).
 */
import {
  CORE_RELOCATION_SIZE,
  FUNC_INFO_SIZE,
  LINE_INFO_SIZE,
  invalid,
  readHeaderLength,
  readPart,
  viewOf,
} from "./kinds.ts";
import { type StringReader, stringReader } from "./strings.ts";
import type { BtfExt, CoreRelocation, FuncInfo, LineInfo } from "./types.ts";

/** Header of the objects that clang 9 and older wrote: without CO-RE relocations. */
const OLD_HEADER_SIZE = 24;

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

type RecordReader<T> = (word: (index: number) => number, string: StringReader, where: () => string) => T;

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
    const head = at;
    const where = (): string => `the ${what} of .BTF.ext, byte ${head}`;
    if (at + 8 > part.byteLength) invalid(`${where()}: a section's head is cut off`);
    const name = string(part.getUint32(at, true), where);
    const count = part.getUint32(at + 4, true);
    at += 8;
    if (count === 0 || at + count * stride > part.byteLength) {
      invalid(
        `${where()}: section ${name} has ${count} records of ${stride} bytes; ${part.byteLength - at} bytes are left`,
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
