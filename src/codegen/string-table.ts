/**
 * Tables of NUL-terminated strings, as ELF and BTF have them: a string is the offset of its first byte, and offset 0 is the
 * empty string. No string stands in a table twice.
 */
import { type ErrorCode, XdpgenError } from "../errors.ts";

export interface StringTable {
  readonly bytes: Uint8Array;
  /** Byte offset of a string that the table was built from. */
  offsetOf(text: string): number;
}

const ENCODER = new TextEncoder();

/**
 * A table of these strings, in order of their first appearance.
 * @throws XdpgenError with `code` for a string that holds a NUL or half a surrogate pair
 */
export function buildStringTable(strings: Iterable<string>, code: ErrorCode): StringTable {
  const offsets = new Map([["", 0]]);
  let end = 1;
  for (const text of strings) {
    if (offsets.has(text)) continue;
    if (text.includes("\0")) refuse(text, code);
    offsets.set(text, end);
    end += text.length + 1;
  }
  const names = [...offsets.keys()];
  const bytes = ENCODER.encode(`${names.join("\0")}\0`);
  // As many bytes as characters: all is ASCII, as nearly always, and the offsets are right.
  if (bytes.length !== end) {
    end = 0;
    for (const text of names) {
      if (/\p{Surrogate}/u.test(text)) refuse(text, code);
      offsets.set(text, end);
      end += ENCODER.encode(text).length + 1;
    }
  }
  return { bytes, offsetOf: (text) => offsets.get(text)! };
}

function refuse(name: string, code: ErrorCode): never {
  throw new XdpgenError(
    code,
    `cannot write the name ${JSON.stringify(name)}: it has a character that no name can hold`,
  );
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The string at a byte offset, or undefined if that is outside the table or no NUL follows. Bytes that are not UTF-8, such
 * as a source line in an older encoding, are read as Latin-1.
 */
export function readString(table: Uint8Array, offset: number): string | undefined {
  if (offset >= table.length) return undefined;
  const end = table.indexOf(0, offset);
  if (end < 0) return undefined;
  const bytes = table.subarray(offset, end);
  try {
    return UTF8.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}
