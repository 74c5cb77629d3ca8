/**
 * The operands that instructions share: registers, immediates, addresses, targets, names. In: a scanner that stands before
 * one. Out: the fields, in their ranges, or a `Refusal`.
 */
import { BPF_DW } from "../constants.ts";
import { SIGNED_SIZES, SIZES } from "../notation.ts";
import { Refusal, shown } from "./mistakes.ts";
import { type ReadRegister, type Scanner, code, isDigit, isWordPart, suggestion } from "./scanner.ts";

/** Bounds of a field, both included, and what the field is, for messages. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly what: string;
}

export const OFFSET: Range = { min: -0x8000, max: 0x7fff, what: "an offset" };
export const NEAR: Range = { min: -0x8000, max: 0x7fff, what: "the distance of a jump" };
export const FAR: Range = { min: -0x8000_0000, max: 0x7fff_ffff, what: "a distance" };
export const SIGNED_32: Range = { min: -0x8000_0000, max: 0x7fff_ffff, what: "a signed number of 32 bits" };
/** Where only 32 bits count, both ways to write them are welcome. */
export const ANY_32: Range = { min: -0x8000_0000, max: 0xffff_ffff, what: "a number of 32 bits" };

const HASH = code("#");
const LESS = code("<");
const QUOTE = code('"');
const BACK = code("b");
const FORTH = code("f");

/** Whether an annotation of llvm-objdump stands here: `<LBB0_2>`. */
export const annotates = (s: Scanner): boolean => s.peek() === LESS;

export function register(s: Scanner): ReadRegister {
  return s.register() ?? s.fail("a register is expected here");
}

/** A register that addresses memory, or takes part in an operation on all of one: `r0` to `r10`. */
export function wideRegister(s: Scanner): ReadRegister {
  const read = register(s);
  if (!read.wide) narrow(s, read, "a 64-bit register is needed here");
  return read;
}

/** A register beside one of a certain width. */
export function sameWidth(s: Scanner, wide: boolean, read: ReadRegister): ReadRegister {
  if (read.wide !== wide)
    narrow(s, read, `${textOf(s, read)} is ${bits(read.wide)} bits wide and the other operand ${bits(wide)}`);
  return read;
}

/** The register that a memory operand of a size goes to or comes from: `w3` does for at most four bytes. */
export function registerOfSize(s: Scanner, size: number): ReadRegister {
  const read = register(s);
  if (!read.wide && size === BPF_DW) narrow(s, read, `${textOf(s, read)} is 32 bits wide and u64 is 64`);
  return read;
}

function narrow(s: Scanner, read: ReadRegister, message: string): never {
  const other = `${read.wide ? "w" : "r"}${read.number}`;
  const text = message.startsWith(textOf(s, read)) ? message : `${message}, not ${textOf(s, read)}`;
  throw new Refusal("register-width", text, read, `w registers are the low 32 bits of r registers: write ${other}`);
}

/** The same register again, as `r1 = -r1` wants it. */
export function again(s: Scanner, first: ReadRegister): void {
  const second = sameWidth(s, first.wide, register(s));
  if (second.number === first.number) return;
  const name = textOf(s, first);
  throw new Refusal(
    "same-register",
    `${textOf(s, second)} must be ${name}: the instruction has one register`,
    second,
    `write ${name}`,
  );
}

const bits = (wide: boolean): number => (wide ? 64 : 32);
export const textOf = (s: Scanner, { start, end }: { readonly start: number; readonly end: number }): string =>
  s.text.slice(start, end);

export function number(s: Scanner, range: Range): number {
  return inRange(s, s.number() ?? s.fail("a number is expected here"), range);
}

/** The value, if a field can hold it; as `ANY_32`, signed. */
export function inRange(s: Scanner, value: number | bigint, { min, max, what }: Range, hint?: string): number {
  // Adding 0 makes 0 of -0.
  if (typeof value === "number" && value >= min && value <= max) return max === ANY_32.max ? value | 0 : value + 0;
  throw new Refusal("out-of-range", `${shown(textOf(s, s))} does not fit ${what}`, s, hint ?? `${min} to ${max}`);
}

/** `r1 + 8`, `r1 -8`, `r1`: a base register and an offset. */
export function address(s: Scanner): { readonly base: ReadRegister; readonly off: number } {
  const base = wideRegister(s);
  return { base, off: offset(s, OFFSET) };
}

/** What is added to a register or name, if anything is. */
export function offset(s: Scanner, range: Range): number {
  const sign = s.plusOrMinus();
  if (sign === 0) return 0;
  const start = s.start;
  const value = s.number() ?? s.fail("a number is expected here");
  s.start = start;
  return inRange(s, sign < 0 ? -value : value, range);
}

const UNSIGNED: ReadonlyMap<string, number> = new Map(Object.entries(SIZES));
const SIGNED: ReadonlyMap<string, number> = new Map(Object.entries(SIGNED_SIZES));

/** `(u32 *)`, its bracket taken already: the size field, and whether the sign is extended. */
export function castTo(s: Scanner): { readonly size: number; readonly signed: boolean; readonly word: string } {
  const word = s.word() || s.fail("a size is expected here", "syntax", "u8, u16, u32 or u64");
  const unsigned = UNSIGNED.get(word);
  const size = unsigned ?? SIGNED.get(word);
  if (size === undefined) {
    const hint = "u8, u16, u32, u64; loads also s8, s16, s32";
    throw new Refusal("unknown-size", `${shown(word)} is no size of a load or store`, s, hint);
  }
  s.expect("*");
  s.expect(")");
  return { size, signed: unsigned === undefined, word };
}

/** `(u32 *)` in front of an unsigned memory operand. */
export function unsignedCast(s: Scanner): number {
  s.expect("(");
  const start = s.at;
  const { size, signed, word } = castTo(s);
  if (signed)
    throw new Refusal(
      "unknown-size",
      `${word} is a size of loads only`,
      { start, end: s.end },
      `write u${word.slice(1)}`,
    );
  return size;
}

/** A name as a word or in quotes, or `1f`, `2b`: the next or last label of a number. Undefined if none stands there. */
export function readName(s: Scanner): string | undefined {
  const quote = s.quotedName();
  if (quote !== undefined) return quote;
  const word = s.word();
  return word === "" ? numberedLabel(s) : word;
}

function numberedLabel(s: Scanner): string | undefined {
  if (!isDigit(s.peek())) return undefined;
  let end = s.at;
  while (isDigit(s.text.charCodeAt(end))) end++;
  const direction = s.text.charCodeAt(end);
  if ((direction !== BACK && direction !== FORTH) || isWordPart(s.text.charCodeAt(end + 1))) return undefined;
  s.mark(s.at, end + 1);
  s.noteNumbered();
  return textOf(s, s);
}

/** Where a jump goes: `+3`, `pc+3`, or a label. */
export function target(s: Scanner, range: Range): { readonly distance: number; readonly label?: string } {
  const start = s.at;
  const label = readName(s);
  if (label === undefined) {
    const value =
      s.number() ??
      s.fail("a label or a distance is expected here", "syntax", "such as `+3`, in slots from the next one");
    return { distance: inRange(s, value, range) };
  }
  const quote = s.text.charCodeAt(s.start) === QUOTE;
  return label === "pc" && !quote ? programCounter(s, range, start) : { distance: 0, label };
}

/** `+3`, behind `pc`; a label may be called `pc` as well. */
export function programCounter(
  s: Scanner,
  range: Range,
  start: number,
): { readonly distance: number; readonly label?: string } {
  const { start: wordStart, end } = s;
  const sign = s.plusOrMinus();
  if (sign === 0) {
    s.mark(wordStart, end);
    return { distance: 0, label: "pc" };
  }
  const value = s.number() ?? s.fail("a number is expected here");
  s.start = start;
  return { distance: inRange(s, sign < 0 ? -value : value, range) };
}

/** `#12` right behind a name, where a `#` begins no comment. */
export function numberSign(s: Scanner, range: Range): number | undefined {
  const next = s.text.charCodeAt(s.at + 1);
  if (s.text.charCodeAt(s.at) !== HASH || !(isDigit(next) || next === code("-"))) return undefined;
  s.at++;
  return number(s, range);
}

/** @throws Refusal that names the nearest of the words that could stand here */
export function unknownWord(s: Scanner, word: string, words: Iterable<string>, message: string, hint: string): never {
  throw new Refusal("unknown-instruction", message, s, suggestion(word, words) ?? hint);
}

/** A number, or a name with an addend. */
export function argument(s: Scanner): { readonly imm: number; readonly symbol?: string } {
  const symbol = readName(s);
  return symbol === undefined ? { imm: number(s, SIGNED_32) } : { imm: offset(s, SIGNED_32), symbol };
}

/** `pc+3`, or a name. */
export function functionArgument(s: Scanner): { readonly imm: number; readonly symbol?: string } {
  const quote = s.peek() === QUOTE;
  const { at } = s;
  const symbol = readName(s) ?? s.fail("`pc+3` or a name is expected here");
  if (!quote && symbol === "pc") {
    const { distance, label } = programCounter(s, FAR, at);
    if (label === undefined) return { imm: distance };
  }
  return { imm: offset(s, SIGNED_32), symbol };
}
