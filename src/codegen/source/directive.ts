/** What the files of directives share: their type, their limits, their hints. */
import type { Span } from "../../diagnostic.ts";
import { nearest } from "../../nearest.ts";
import type { Assembly } from "./assembly.ts";
import { Problem } from "./expression.ts";
import type { Operands } from "./operands.ts";

/**
 * Does to an assembly what a directive says.
 * @throws Problem for operands that are wrong; what is left over is looked at by the caller
 */
export type Directive = (assembly: Assembly, operands: Operands, span: Span) => void;

/** More than this in one section is a slip, and would be memory for nothing. */
export const MAX_FILL = 0x1000_0000n;
/** What has no bytes in the object costs nothing; a map's value can be no larger. */
export const MAX_RESERVED = 0xffff_ffffn;
/** A page of the largest sort; LLVM takes up to 2^32. */
export const MAX_ALIGN = 0x1_0000n;
/** What the 64-bit fields of an object can be here. */
export const MAX_NUMBER = BigInt(Number.MAX_SAFE_INTEGER);

export function requirePowerOfTwo(align: number, span: Span): void {
  if (Number.isInteger(Math.log2(align))) return;
  throw new Problem("out-of-range", `the alignment is ${align}, no power of two`, { span });
}

export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const near = nearest(word, known);
  return near && `did you mean ${near}?`;
}
