/** The names of an object, out of its string tables. In: a table and offsets into it. Out: strings, each decoded once. */
import { readString } from "../string-table.ts";
import { invalid } from "./header.ts";

/** The name at a byte offset, or undefined if that is outside the table or no NUL follows. */
export type NameReader = (offset: number) => string | undefined;

/**
 * Names may share their tails: `main` is also the end of `xdp_main`. So a small table with one long string can be damaged
 * into thousands of long names. All of a table's names together may be `limit` characters long.
 *
 * @throws XdpgenError `object-invalid`, from the reader, beyond the limit
 */
export function nameReader(table: Uint8Array, limit: number): NameReader {
  const known = new Map<number, string>();
  let length = 0;
  return (offset) => {
    const earlier = known.get(offset);
    if (earlier !== undefined) return earlier;
    const name = readString(table, offset);
    if (name === undefined) return undefined;
    length += name.length;
    if (length > limit) invalid(`the names in a table of ${table.length} bytes have more than ${limit} characters`);
    known.set(offset, name);
    return name;
  };
}
