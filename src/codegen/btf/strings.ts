/** The string table that `.BTF` and `.BTF.ext` share. */
import { readString } from "../string-table.ts";
import { BTF_HEADER_SIZE, invalid, readHeaderLength, readPart, viewOf } from "./kinds.ts";

/** Looks a string up; `where` goes into the error. */
export type StringReader = (offset: number, where: string) => string;

/** @param bytes a whole `.BTF` section */
export function stringReader(bytes: Uint8Array): StringReader {
  const view = viewOf(bytes);
  const headerLength = readHeaderLength(view, ".BTF", BTF_HEADER_SIZE);
  const part = readPart(view, headerLength, 16, "the strings of .BTF");
  const table = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  const read = new Map<number, string>();
  return (offset, where) => {
    const known = read.get(offset);
    if (known !== undefined) return known;
    const text = offset === 0 ? "" : readString(table, offset);
    if (text === undefined) {
      invalid(`the string of ${where} is at ${offset} of a table of ${table.length} bytes: outside, or without an end`);
    }
    read.set(offset, text);
    return text;
  };
}
