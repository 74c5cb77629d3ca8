/**
 * The rest of a directive's line, read word by word: names, strings, expressions. In: the text of the operands and where
 * it begins. Out: what the directive asks for, or a `Problem` with the place of the word that is wrong.
 */
import type { Span } from "../../diagnostic.ts";
import { unquoted } from "../asm/notation.ts";
import { type Expression, PRECEDENCE, type Place, Problem, evaluate } from "./expression.ts";
import { readCharacter, readNumber, unescape } from "./literals.ts";

/** What an expression needs to know of the text around it. */
export interface Surroundings {
  /** Where the directive stands. */
  here(): Place;
  /** The number that `.set` has given a name so far. */
  constant(name: string): bigint | undefined;
  /** What `1b` and `1f` mean here. */
  local(label: string): string;
}

/** An expression deeper than this was not written by hand or compiler, and recursion has an end. */
const MAX_TERMS = 500;

const WORD =
  /[ \t]*(?:("(?:[^"\\]|\\[^])*")|('(?:[^'\\]|\\[^])'?)|(\d+[bf](?![\w.$]))|(0[xX][\da-fA-F]+|0[bB][01]+|\d+)|([A-Za-z_.$][\w.$]*)|(<<|>>|[^ \t]))/y;

type Kind = "string" | "character" | "local" | "number" | "name" | "sign" | "end";

interface Word {
  readonly kind: Kind;
  readonly text: string;
  readonly start: number;
}

const KINDS: readonly Kind[] = ["string", "character", "local", "number", "name", "sign"];

export class Operands {
  private readonly text: string;
  /** Of the first character. */
  private readonly start: Span;
  /** Of the directive: what is missing is shown there, or at the last word that was taken. */
  private last: Span;
  private readonly surroundings: Surroundings;
  private word: Word;
  private terms = 0;

  constructor(text: string, start: Span, directive: Span, surroundings: Surroundings) {
    this.text = text;
    this.start = start;
    this.last = directive;
    this.surroundings = surroundings;
    this.word = this.wordAt(0);
  }

  get atEnd(): boolean {
    return this.word.kind === "end";
  }

  /** The place of the next word; at the end, of the last one. */
  span(): Span {
    const { kind, start, text } = this.word;
    if (kind === "end") return this.last;
    return { line: this.start.line, column: this.start.column + start, length: Math.max(text.length, 1) };
  }

  /** Takes a sign if it is next. */
  accept(sign: string): boolean {
    if (this.word.kind !== "sign" || this.word.text !== sign) return false;
    this.next();
    return true;
  }

  expect(sign: string): void {
    if (!this.accept(sign)) this.fail(`\`${sign}\` is missing`);
  }

  /** @throws Problem unless the line ends here */
  end(): void {
    if (!this.atEnd) this.fail("this is one operand too many");
  }

  /** A name, with or without quotes. */
  name(what: string): string {
    const { kind } = this.word;
    if (kind === "string") return unquoted(this.next().text.slice(1, -1));
    if (kind !== "name") this.fail(`${what} is missing`);
    return this.next().text;
  }

  /** The name of a section may be any run of characters up to a comma. */
  sectionName(): string {
    if (this.word.kind === "string") return this.name("a section's name");
    const run = /[^,]*/y;
    run.lastIndex = this.word.start;
    const name = run.exec(this.text)![0].trim();
    if (name === "") this.fail("a section's name is missing");
    this.last = { ...this.span(), length: name.length };
    this.word = this.wordAt(this.word.start + name.length);
    return name;
  }

  /** The bytes of a string literal: UTF-8, with C's escapes. */
  string(what: string): Uint8Array {
    if (this.word.kind !== "string") this.fail(`${what} is missing: write it in double quotes`);
    const span = this.span();
    return unescape(this.next().text.slice(1, -1), span);
  }

  isString(): boolean {
    return this.word.kind === "string";
  }

  isNumber(): boolean {
    return this.word.kind === "number";
  }

  /** Passes over the rest of the line. */
  skip(): void {
    this.word = { kind: "end", text: "", start: this.text.length };
  }

  /** One of a list separated by commas. */
  list<T>(read: () => T): T[] {
    const items = [read()];
    while (this.accept(",")) items.push(read());
    return items;
  }

  /** A number that is known at once. */
  number(what: string, min: bigint, max: bigint): number {
    const span = this.span();
    const expression = this.expression();
    if (expression.kind !== "number") {
      throw new Problem("not-a-number", `${what} must be known here, and this depends on a label`, { span });
    }
    if (expression.value < min || expression.value > max) {
      throw new Problem("out-of-range", `${what} is ${expression.value}, not ${min} to ${max}`, { span });
    }
    return Number(expression.value);
  }

  expression(): Expression {
    this.terms = 0;
    return this.sum(0);
  }

  private sum(tighterThan: number): Expression {
    let left = this.term();
    for (;;) {
      const { kind, text: operator } = this.word;
      const precedence = kind === "sign" ? (PRECEDENCE[operator] ?? 0) : 0;
      if (precedence <= tighterThan) return left;
      this.next();
      left = fold({ kind: "binary", operator, left, right: this.sum(precedence) });
    }
  }

  private term(): Expression {
    if (++this.terms > MAX_TERMS) this.fail(`an expression has at most ${MAX_TERMS} terms`);
    const span = this.span();
    const { kind, text } = this.word;
    if (kind === "sign" && "-~!+".includes(text)) {
      this.next();
      return fold({ kind: "unary", operator: text, operand: this.term() });
    }
    if (this.accept("(")) {
      const inner = this.sum(0);
      this.expect(")");
      return inner;
    }
    if (kind === "number") return { kind: "number", value: BigInt.asIntN(64, readNumber(this.next().text, span)) };
    if (kind === "character") return { kind: "number", value: readCharacter(this.next().text, span) };
    if (kind === "local") return { kind: "symbol", name: this.surroundings.local(this.next().text), span };
    if (kind !== "name" && kind !== "string") this.fail("a number or a name is missing");
    const name = this.name("a name");
    if (kind === "name" && name === ".") return { kind: "here", place: this.surroundings.here() };
    const value = this.surroundings.constant(name);
    return value === undefined ? { kind: "symbol", name, span } : { kind: "number", value };
  }

  private next(): Word {
    const { word } = this;
    this.last = this.span();
    this.word = this.wordAt(word.start + word.text.length);
    return word;
  }

  private wordAt(offset: number): Word {
    WORD.lastIndex = offset;
    const match = WORD.exec(this.text);
    const found = match?.slice(1).findIndex((text) => text !== undefined) ?? -1;
    if (!match || found < 0) return { kind: "end", text: "", start: this.text.trimEnd().length };
    const text = match[found + 1]!;
    return { kind: KINDS[found]!, text, start: WORD.lastIndex - text.length };
  }

  private fail(message: string): never {
    throw new Problem("syntax", message, { span: this.span() });
  }
}

/** Numbers are folded as they are read, so that what needs a number at once can have it. */
function fold(expression: Expression & { kind: "unary" | "binary" }): Expression {
  const operands = expression.kind === "unary" ? [expression.operand] : [expression.left, expression.right];
  if (operands.some(({ kind }) => kind !== "number")) return expression;
  return { kind: "number", value: evaluate(expression, () => ({ constant: 0n })).constant };
}
