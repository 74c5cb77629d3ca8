/** Bytes made from other bytes, with the changes that readers of binary formats trip over. */
import type { Random } from "../support/random.ts";

/** Ends of ranges, powers of two, and their neighbours. */
const BYTES = [0, 1, 2, 4, 8, 16, 0x7f, 0x80, 0xfe, 0xff];
const WORDS = [0, 1, 8, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff];

/**
 * A copy of one of the corpus with one to eight changes.
 * @param limit the most bytes that it may have
 */
export function mutated(from: Random, corpus: readonly Uint8Array[], limit: number): Uint8Array {
  // What was found last is nearest to what has not been found yet.
  const parent = from.chance(0.4) ? corpus[Math.max(0, corpus.length - 1 - from.int(4))]! : from.pick(corpus);
  let bytes: Uint8Array = parent.slice();
  for (let changes = 1 + from.int(1 << from.int(4)); changes > 0; changes--) bytes = changed(bytes, from, corpus);
  return bytes.subarray(0, limit);
}

/** Changes that need no byte to be there come first. */
const CHANGES: readonly ((bytes: Uint8Array, at: number, from: Random, corpus: readonly Uint8Array[]) => Uint8Array)[] =
  [
    (bytes, at, from) => joined(bytes.subarray(0, at), from.bytes(1 + from.int(16)), bytes.subarray(at)),
    (bytes, at, from, corpus) => {
      const other = from.pick(corpus);
      const start = from.int(other.length + 1);
      return joined(bytes.subarray(0, at), other.subarray(start, start + from.int(128)), bytes.subarray(at));
    },
    (bytes, at, from) => joined(bytes.subarray(0, at), bytes.subarray(at + 1 + from.int(16))),
    (bytes, at, from) => withNumber(bytes, at, 1, (bytes[at] ?? 0) ^ (1 << from.int(8))),
    (bytes, at, from) => withNumber(bytes, at, 1, from.pick(BYTES)),
    (bytes, at, from) => withNumber(bytes, at, 1, from.int(256)),
    (bytes, at, from) => withNumber(bytes, at, 1, (bytes[at] ?? 0) + from.int(17) - 8),
    // Fields of two and four bytes are aligned in what is fuzzed here.
    (bytes, at, from) => withNumber(bytes, at & ~1, 2, from.pick(WORDS)),
    (bytes, at, from) =>
      withNumber(bytes, at & ~3, 4, from.chance(0.5) ? from.pick(WORDS) : bytes.length - from.int(32)),
    (bytes, at, from) => bytes.copyWithin(at, from.int(bytes.length), from.int(bytes.length)),
  ];

function changed(bytes: Uint8Array, from: Random, corpus: readonly Uint8Array[]): Uint8Array {
  const change = CHANGES[from.int(bytes.length === 0 ? 2 : CHANGES.length)]!;
  return change(bytes, from.int(bytes.length + 1), from, corpus);
}

/** Overwrites with a little-endian number as far as there are bytes. */
function withNumber(bytes: Uint8Array, at: number, size: number, value: number): Uint8Array {
  for (let byte = 0; byte < size && at + byte < bytes.length; byte++) bytes[at + byte] = value >>> (byte * 8);
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
