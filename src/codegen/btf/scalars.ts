/** Which words of C mean an integer or floating-point type of BTF, when clang compiles for BPF. */
import { BTF_INT_BOOL, BTF_INT_SIGNED } from "./kinds.ts";
import type { BtfType } from "./types.ts";

export type Scalar = Extract<BtfType, { kind: "int" | "float" }>;

/**
 * C's words for a type, which may be its own name; undefined for what C for BPF does not have, such as a number of 24 bits
 * or x86's `long double` of 16 bytes.
 */
export function wordsOf(type: Scalar): string | undefined {
  if (sizeOfWords(type.name) === type.size) return type.name;
  if (type.kind === "float") return { 4: "float", 8: "double" }[type.size];
  if (type.encoding & BTF_INT_BOOL && type.size === 1) return "_Bool";
  return integerOf(type.size, (type.encoding & BTF_INT_SIGNED) > 0);
}

/** Whether C knows the type only after a definition: it has a name of its own, as Rust's `u32`, or there are no words. */
export function needsDefinition(type: Scalar): boolean {
  return wordsOf(type) === undefined || (type.name !== "" && sizeOfWords(type.name) === undefined);
}

/** An integer of so many bytes. */
export function integerOf(size: number, signed: boolean): string | undefined {
  const word = { 1: "char", 2: "short", 4: "int", 8: "long long", 16: "__int128" }[size];
  return word && `${signed ? "signed" : "unsigned"} ${word}`;
}

/** Of two words the one that comes first decides: `long int` is a long. */
const SIZES: readonly (readonly [word: string, bytes: number])[] = [
  ["_Bool", 1],
  ["char", 1],
  ["short", 2],
  ["long", 8],
  ["__int128", 16],
  ["float", 4],
  ["double", 8],
  ["int", 4],
  ["signed", 4],
  ["unsigned", 4],
];

/** Bytes of `long unsigned int`; undefined if it has another word than C's. */
function sizeOfWords(name: string): number | undefined {
  const words = new Set(name.split(" "));
  let size: number | undefined;
  for (const [word, bytes] of SIZES) if (words.delete(word)) size ??= bytes;
  return words.size === 0 ? size : undefined;
}
