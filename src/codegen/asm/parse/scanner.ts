/**
 * Assembly text, character by character: words, numbers, signs and quoted names, each asked for where the grammar allows
 * it. In: a text and an offset. Out: what stands there, or a `Refusal`. Time is linear in what is read.
 *
 * A statement ends at a line feed, a `;` or a comment: `# …` or `// …` to the end of the line. A comment between slash-star
 * and star-slash is a blank. (LLVM's rules for BPF: AsmLexer.cpp.)
 */
import { nearest } from "../../../nearest.ts";
import type { Register } from "../instruction.ts";
import { unquoted } from "../notation.ts";
import { type AsmMistakeCode, Refusal, shown } from "./mistakes.ts";

const WORD_START = 1;
const DIGIT = 2;
/** What each ASCII character may be part of. */
const CLASSES = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.$?")
  CLASSES[code(character)] = WORD_START;
for (const character of "0123456789") CLASSES[code(character)] = DIGIT;

const LINE_FEED = code("\n");
const SPACE = code(" ");
const TAB = code("\t");
const RETURN = code("\r");
const QUOTE = code('"');
const BACKSLASH = code("\\");
const SLASH = code("/");
const STAR = code("*");
const HASH = code("#");
const SEMICOLON = code(";");
const PLUS = code("+");
const MINUS = code("-");
const ZERO = code("0");
const LOWER_R = code("r");
const UPPER_R = code("R");
const LOWER_W = code("w");
const UPPER_W = code("W");

/** The character code of a sign, for tables made once. */
export function code(character: string): number {
  return character.charCodeAt(0);
}

export const isDigit = (character: number): boolean => CLASSES[character] === DIGIT;
export const isWordStart = (character: number): boolean => CLASSES[character] === WORD_START;
/** Whether a word or number goes on with this character; NaN, the end of the text, is none. */
export const isWordPart = (character: number): boolean => character < 128 && CLASSES[character] !== 0;

/** What `peek` gives where a statement ends. */
export const END = -1;

/** A register as read: `wide` for `r3`, not for `w3`. */
export interface ReadRegister {
  readonly number: Register;
  readonly wide: boolean;
  readonly start: number;
  readonly end: number;
}

export class Scanner {
  readonly text: string;
  /** Where reading goes on. */
  at = 0;
  /** The last word, number or sign that was taken: mistakes about what is missing point there. */
  start = 0;
  end = 0;
  private numbered = false;

  constructor(text: string) {
    this.text = text;
  }

  /** Notes that the name just taken is `1b` or `1f`, and not in quotes. */
  noteNumbered(): void {
    this.numbered = true;
  }

  /** Whether such a name was taken since this was last asked. */
  tookNumbered(): boolean {
    const { numbered } = this;
    this.numbered = false;
    return numbered;
  }

  /** Skips blanks; the code of the character that stands there, or `END`. */
  peek(): number {
    const { text } = this;
    for (;;) {
      const character = text.charCodeAt(this.at);
      if (character === SPACE || character === TAB || character === RETURN) this.at++;
      else if (character === SLASH && text.charCodeAt(this.at + 1) === STAR) this.skipBlockComment();
      else if (character === SLASH && text.charCodeAt(this.at + 1) === SLASH) return END;
      else if (character === LINE_FEED || character === SEMICOLON || character === HASH) return END;
      else return Number.isNaN(character) ? END : character;
    }
  }

  private skipBlockComment(): void {
    const close = this.text.indexOf("*/", this.at + 2);
    if (close < 0) {
      const start = this.at;
      this.at = this.text.length;
      throw new Refusal("unterminated", "this comment does not end", { start, end: start + 2 }, "end it with `*/`");
    }
    this.at = close + 2;
  }

  /** Takes one character if it stands there. */
  takes(character: number): boolean {
    if (this.peek() !== character) return false;
    this.mark(this.at, this.at + 1);
    return true;
  }

  /** Takes a sign, which must stand there. */
  expect(sign: string): void {
    if (!this.takes(sign.charCodeAt(0))) this.fail(`\`${sign}\` is expected here`);
  }

  /** Takes a word, if one stands there; else "". */
  word(): string {
    if (!isWordStart(this.peek())) return "";
    const start = this.at;
    let end = start + 1;
    while (isWordPart(this.text.charCodeAt(end))) end++;
    this.mark(start, end);
    return this.text.slice(start, end);
  }

  /** Takes this word, if it stands there. */
  takesWord(word: string): boolean {
    this.peek();
    const end = this.at + word.length;
    if (!this.text.startsWith(word, this.at) || isWordPart(this.text.charCodeAt(end))) return false;
    this.mark(this.at, end);
    return true;
  }

  /** Takes the longest sign of a table that stands there. */
  sign<Value>(signs: ReadonlyMap<string, Value>): Value | undefined {
    if (this.peek() === END) return undefined;
    for (let length = 4; length > 0; length--) {
      const value = signs.get(this.text.slice(this.at, this.at + length));
      if (value === undefined) continue;
      this.mark(this.at, this.at + length);
      return value;
    }
    return undefined;
  }

  /** Takes a register, if one stands there. */
  register(): ReadRegister | undefined {
    const letter = this.peek();
    const wide = letter === LOWER_R || letter === UPPER_R;
    if (!wide && letter !== LOWER_W && letter !== UPPER_W) return undefined;
    const { text, at: start } = this;
    let end = start + 1;
    let number = 0;
    while (isDigit(text.charCodeAt(end))) number = number * 10 + text.charCodeAt(end++) - ZERO;
    if (end === start + 1 || isWordPart(text.charCodeAt(end))) return undefined;
    if (number > 10 || (text.charCodeAt(start + 1) === ZERO && end > start + 2)) {
      const name = shown(text.slice(start, end));
      const hint = "they are r0 to r10, and w0 to w10 for their low 32 bits";
      throw new Refusal("unknown-register", `there is no register ${name}`, { start, end }, hint);
    }
    this.mark(start, end);
    return { number: number as Register, wide, start, end };
  }

  /** Takes a quoted name, if one stands there. */
  quotedName(): string | undefined {
    if (this.peek() !== QUOTE) return undefined;
    const start = this.at;
    const end = this.closedQuote(start);
    this.mark(start, end);
    return unquoted(this.text.slice(start + 1, end - 1));
  }

  /** The offset behind the quote that begins at one. */
  closedQuote(start: number): number {
    const end = this.endOfQuote(start);
    if (end >= 0) return end;
    const place = { start, end: start + 1 };
    throw new Refusal("unterminated", "this quote does not end", place, 'end it with `"` in the same line');
  }

  /** The offset behind the quote that begins at one, or -1 if its line ends first. */
  endOfQuote(start: number): number {
    for (let at = start + 1; at < this.text.length; at++) {
      const character = this.text.charCodeAt(at);
      if (character === QUOTE) return at + 1;
      if (character === LINE_FEED) return -1;
      if (character === BACKSLASH && this.text.charCodeAt(at + 1) !== LINE_FEED) at++;
    }
    return -1;
  }

  /** Takes `+` or `-`: 1 or -1; 0 if neither stands there. */
  plusOrMinus(): 1 | 0 | -1 {
    if (this.takes(PLUS)) return 1;
    return this.takes(MINUS) ? -1 : 0;
  }

  /** Takes a number with its signs, if one stands there. Beyond 2^53 it is a bigint, so that every value is exact. */
  number(): number | bigint | undefined {
    const { at, start, end } = this;
    let negative = false;
    let first = -1;
    for (let sign = this.plusOrMinus(); sign !== 0; sign = this.plusOrMinus()) {
      if (first < 0) first = this.start;
      if (sign < 0) negative = !negative;
    }
    if (!isDigit(this.peek())) {
      this.at = at;
      this.start = start;
      this.end = end;
      return undefined;
    }
    const value = this.digits();
    if (first >= 0) this.start = first;
    return negative ? -value : value;
  }

  private digits(): number | bigint {
    const { text } = this;
    const from = this.at;
    let value = 0;
    let to = from;
    for (; isDigit(text.charCodeAt(to)); to++) value = value * 10 + text.charCodeAt(to) - ZERO;
    if (isWordPart(text.charCodeAt(to)) || (text.charCodeAt(from) === ZERO && to > from + 1)) {
      while (isWordPart(text.charCodeAt(to))) to++;
      value = prefixedNumber(text.slice(from, to), from, to);
    }
    this.mark(from, to);
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    // What exceeds 64 bits by far is refused in any case: no need to know it exactly.
    return value < 2 ** 65 ? BigInt(text.slice(from, to)) : 2n ** 65n;
  }

  /** What was taken last, and where reading goes on. */
  mark(start: number, end: number): void {
    this.start = start;
    this.end = end;
    this.at = end;
  }

  /** @throws Refusal about what stands here, or at what was taken last if the statement ends here */
  fail(message: string, mistake: AsmMistakeCode = "syntax", hint?: string): never {
    if (this.peek() === END) throw new Refusal(mistake, `${message}, and the statement ends`, this, hint);
    const end = this.tokenEnd();
    throw new Refusal(
      mistake,
      `${message}, not \`${shown(this.text.slice(this.at, end))}\``,
      { start: this.at, end },
      hint,
    );
  }

  /** Where the word, quote or character ends that stands here. */
  tokenEnd(): number {
    const { text, at } = this;
    if (text.charCodeAt(at) === QUOTE) return Math.max(at + 1, this.endOfQuote(at));
    let end = at;
    while (isWordPart(text.charCodeAt(end))) end++;
    return end > at ? end : at + String.fromCodePoint(text.codePointAt(at)!).length;
  }
}

/** Digits with a prefix, or with letters that do not belong there. */
function prefixedNumber(digits: string, start: number, end: number): number {
  if (/^0x[\da-f]+$|^0b[01]+$/i.test(digits)) return Number(digits);
  const refuse = (message: string, hint: string): Refusal =>
    new Refusal("number", `${shown(digits)} ${message}`, { start, end }, hint);
  if (/^0\d+$/.test(digits)) {
    const meanings = [digits.replace(/^0+(?=\d)/, ""), ...(/^[0-7]+$/.test(digits) ? [`0o${digits}`] : [])];
    const values = new Set(meanings.map((meaning) => String(Number(meaning))));
    throw refuse("is octal to other assemblers", `write ${[...values].join(" or ")}`);
  }
  if (/^(0x[\da-f]+|\d+)ll$/i.test(digits)) throw refuse("is not a number", "write a blank before `ll`");
  throw refuse("is not a number", "write decimal digits, or hexadecimal ones after 0x");
}

/** `write X` for the nearest of the words that are allowed. Long words are near to none. */
export function suggestion(word: string, words: Iterable<string>): string | undefined {
  const near = word.length > 64 ? undefined : nearest(word, words);
  return near === undefined ? undefined : `did you mean \`${near}\`?`;
}
