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

/** @param bytes a whole `.BTF` section */
export function stringReader(bytes: Uint8Array): StringReader {
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
