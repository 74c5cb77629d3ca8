/** The string table that `.BTF` and `.BTF.ext` share. */
import { readString } from "../string-table.ts";
import { BTF_HEADER_SIZE, invalid, readHeaderLength, readPart, viewOf } from "./kinds.ts";

/** Looks a string up; what `where` gives goes into the error. */
export type StringReader = (offset: number, where: () => string) => string;

/**
 * Strings may end in each other, so a table of n bytes could hold n strings of n bytes. Compilers write each by itself;
 * sharing ends, as linkers do, gains far less than this factor.
 */
const MAX_SHARING = 16;

/**
 * The strings of a `.BTF` section in the order of its table, without the empty one. `encodeBtf` is given them to write the
 * same table again, those that no type has among them.
 * @param bytes a whole `.BTF` section
 * @throws XdpgenError `btf-invalid` with the byte offset
 */
export function btfStrings(bytes: Uint8Array): string[] {
  const table = stringTable(bytes);
  const strings: string[] = [];
  for (let at = 1; at < table.length; at = table.indexOf(0, at) + 1) strings.push(readString(table, at)!);
  return strings;
}

/** @param bytes a whole `.BTF` section */
export function stringReader(bytes: Uint8Array): StringReader {
  const table = stringTable(bytes);
  const read = new Map<number, string>();
  let left = table.length * MAX_SHARING;
  return (offset, where) => {
    const known = read.get(offset);
    if (known !== undefined) return known;
    const text = offset === 0 ? "" : readString(table, offset);
    if (text === undefined) invalid(`the string of ${where()} is at ${offset} of a table of ${table.length} bytes`);
    left -= text.length;
    if (left < 0) invalid(`the string of ${where()} overlaps others, as too many do in this table of strings`);
    read.set(offset, text);
    return text;
  };
}

/** Begins with a NUL, and ends with one. */
function stringTable(bytes: Uint8Array): Uint8Array {
  const view = viewOf(bytes);
  const headerLength = readHeaderLength(view, ".BTF", BTF_HEADER_SIZE);
  const part = readPart(view, headerLength, 16, "the strings of .BTF");
  const table = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  const start = part.byteOffset - bytes.byteOffset;
  if (table[0] !== 0) {
    invalid(
      `the strings of .BTF, at byte ${start}, do not begin with the empty one. The BTF of a kernel module is like that: it continues the types and strings of vmlinux and means nothing by itself. Give a whole one, such as /sys/kernel/btf/vmlinux`,
    );
  }
  if (table.at(-1) !== 0) invalid(`the strings of .BTF, at byte ${start}, do not end with a NUL`);
  return table;
}
