/** Bytes as data directives: text where it is text, zeros in one line, numbers of the width that their place suggests. */
import { quote } from "./words.ts";

const PER_LINE = 16;
/** Fewer zeros than this stand among the other bytes. */
const MIN_ZEROS = 16;
/** Fewer letters than this in a row are no string, unless one is before them. */
const MIN_TEXT = 4;
const WIDTHS: ReadonlyMap<number, string> = new Map([
  [2, ".short"],
  [4, ".long"],
  [8, ".quad"],
]);

/** @param words whether the bytes are a table of 32-bit words, as far as can be known */
export function formatBytes(bytes: Uint8Array, words = false): string[] {
  const width = WIDTHS.get(bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isZero(bytes) && bytes.length > 1) return [`.zero ${bytes.length}`];
  if (isText(bytes)) return [formatText(bytes)];
  if (width !== undefined) return [`${width} 0x${number(view, bytes.length).toString(16)}`];
  return stretches(bytes, words).flatMap(([start, end]) => formatStretch(bytes.subarray(start, end), words));
}

function formatStretch(bytes: Uint8Array, words: boolean): string[] {
  if (isZero(bytes) && bytes.length >= MIN_ZEROS) return [`.zero ${bytes.length}`];
  if (isText(bytes)) return [formatText(bytes)];
  const width = words && bytes.length % 4 === 0 ? 4 : 1;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; start += PER_LINE) {
    const shown: string[] = [];
    for (let at = start; at < Math.min(start + PER_LINE, bytes.length); at += width) {
      shown.push(`0x${(width === 4 ? view.getUint32(at, true) : bytes[at]!).toString(16).padStart(width * 2, "0")}`);
    }
    lines.push(`${width === 4 ? ".long" : ".byte"} ${shown.join(", ")}`);
  }
  return lines;
}

/** Where the bytes change between text, zeros and others. */
function stretches(bytes: Uint8Array, words: boolean): [number, number][] {
  const found: [number, number][] = [];
  let open = 0;
  // Behind a string, even a short run of letters is the next one: in a table of strings nothing else stands.
  let least = MIN_TEXT;
  for (let at = 0; at < bytes.length;) {
    const size = (!words || at % 4 === 0 ? zeros(bytes, at, words) : 0) || text(bytes, at, least);
    if (size === 0) {
      at++;
      least = MIN_TEXT;
      continue;
    }
    if (at > open) found.push([open, at]);
    found.push([at, at + size]);
    least = bytes[at] === 0 ? MIN_TEXT : 1;
    at += size;
    open = at;
  }
  if (bytes.length > open) found.push([open, bytes.length]);
  return found;
}

/** How many zeros begin here, if they are many. */
function zeros(bytes: Uint8Array, start: number, words: boolean): number {
  let end = start;
  while (bytes[end] === 0) end++;
  const size = words ? end - start - ((end - start) % 4) : end - start;
  return size >= MIN_ZEROS ? size : 0;
}

/** How long the string is that begins here, with its NUL, if it is of `least` characters. */
function text(bytes: Uint8Array, start: number, least: number): number {
  if (start > 0 && bytes[start - 1] !== 0) return 0;
  let end = start;
  while (isPrintable(bytes[end])) end++;
  return end - start >= least && bytes[end] === 0 ? end + 1 - start : 0;
}

const isPrintable = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x09);
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

function isText(bytes: Uint8Array): boolean {
  return bytes.length > 1 && bytes.at(-1) === 0 && bytes.subarray(0, -1).every(isPrintable);
}

const formatText = (bytes: Uint8Array): string => `.asciz ${quote(bytes.subarray(0, -1))}`;

function number(view: DataView, size: number): number | bigint {
  if (size === 8) return view.getBigUint64(0, true);
  return size === 4 ? view.getUint32(0, true) : view.getUint16(0, true);
}
