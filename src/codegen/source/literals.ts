/** Numbers, characters and strings as C writes them. In: their text. Out: values and bytes, or a `Problem`. */
import type { Span } from "../../diagnostic.ts";
import { Problem } from "./expression.ts";

const ESCAPES: Readonly<Record<string, number>> = { b: 8, f: 12, n: 10, r: 13, t: 9, '"': 34, "'": 39, "\\": 92 };

/** C's notation: hexadecimal, binary, octal with a leading zero, decimal. */
export function readNumber(text: string, span: Span): bigint {
  if (/^0\d+$/.test(text)) {
    if (/[89]/.test(text)) {
      throw new Problem("syntax", `${text} begins with 0, so it is octal, and has a digit above 7`, { span });
    }
    return bounded(BigInt(`0o${text.slice(1)}`), text, span);
  }
  return bounded(BigInt(text), text, span);
}

function bounded(value: bigint, text: string, span: Span): bigint {
  if (value <= 0xffff_ffff_ffff_ffffn) return value;
  throw new Problem("out-of-range", `${text.slice(0, 40)} does not fit 64 bits`, { span });
}

export function readCharacter(text: string, span: Span): bigint {
  const bytes = unescape(text.replace(/^'|(?<=^'.+)'$/gs, ""), span);
  if (bytes.length !== 1) throw new Problem("syntax", `${text} is not one byte`, { span });
  return BigInt(bytes[0]!);
}

/** The bytes between the quotes of a string: UTF-8, with escapes. */
export function unescape(text: string, span: Span): Uint8Array {
  if (!text.includes("\\")) return new TextEncoder().encode(text);
  const parts = text.match(/\\(?:[0-7]{1,3}|[xX][\da-fA-F]+|[^])|[^\\]+/g) ?? [];
  const bytes = parts.flatMap((part) => {
    if (!part.startsWith("\\")) return [...new TextEncoder().encode(part)];
    const escaped = part.slice(1);
    if (/^[0-7]/.test(escaped)) return [Number.parseInt(escaped, 8) & 0xff];
    if (/^[xX]./.test(escaped)) return [Number.parseInt(escaped.slice(1).slice(-2), 16)];
    const value = ESCAPES[escaped];
    if (value === undefined) {
      throw new Problem("syntax", `\\${escaped} is no escape`, {
        span,
        hint: 'there are \\n \\t \\b \\f \\r \\\\ \\" \\377 \\xff',
      });
    }
    return [value];
  });
  return Uint8Array.from(bytes);
}
