/**
 * What a directive may compute: numbers, symbols, the place where it stands, and operators, with the precedence that GNU
 * and LLVM give them on ELF targets. In: nodes from `operands.ts`. Out: a number, or a number beside a symbol, which is
 * what a relocation can say.
 */
import type { Span } from "../../diagnostic.ts";
import type { Section } from "./assembly.ts";
import { called } from "./words.ts";

export type Expression =
  | { readonly kind: "number"; readonly value: bigint }
  | { readonly kind: "symbol"; readonly name: string; readonly span: Span }
  /** `.`, the place of the directive itself. */
  | { readonly kind: "here"; readonly place: Place }
  | { readonly kind: "unary"; readonly operator: string; readonly operand: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression };

/** Before a fragment of a section: which offset that is follows from the section's layout. */
export interface Place {
  readonly section: Section;
  readonly fragment: number;
}

/** `constant`, or the address of `base` plus `constant`. */
export interface Value {
  readonly constant: bigint;
  readonly base?: Base;
}

/** What an address is counted from. */
export interface Base {
  /** A symbol, or the section's beginning, or `.`. */
  readonly kind: "symbol" | "section" | "here";
  readonly name: string;
  /** Where it is; not there for what another object defines. */
  readonly at?: { readonly section: Section; readonly offset: number };
  readonly span?: Span;
}

/** What can be wrong in a directive, or with a name. */
export type MistakeCode =
  | "syntax"
  | "unknown-directive"
  | "unknown-flag"
  | "unknown-type"
  | "unsupported"
  | "out-of-range"
  | "not-a-number"
  | "no-distance"
  | "no-section"
  | "section-changed"
  | "binding-changed"
  | "temporary-symbol"
  | "no-name"
  | "duplicate-label"
  | "undefined-label"
  | "wrong-section"
  | "too-far";

/** A mistake in one directive; what finds it does not know where the directive stands. */
export class Problem extends Error {
  readonly code: MistakeCode;
  readonly hint: string | undefined;
  readonly span: Span | undefined;

  constructor(
    code: MistakeCode,
    message: string,
    options: { hint?: string | undefined; span?: Span | undefined } = {},
  ) {
    super(message);
    this.code = code;
    this.hint = options.hint;
    this.span = options.span;
  }
}

/** Tighter operators have larger numbers (LLVM's getGNUBinOpPrecedence). */
export const PRECEDENCE: Readonly<Record<string, number>> = {
  "+": 1,
  "-": 1,
  "|": 2,
  "^": 2,
  "&": 2,
  "*": 3,
  "/": 3,
  "%": 3,
  "<<": 3,
  ">>": 3,
};

/** The value of a symbol: a number for an absolute one, else the symbol itself. */
export type Lookup = (name: string, span: Span) => Value;

/** @throws Problem where the operands of an operator have no common meaning */
export function evaluate(expression: Expression, lookup: Lookup): Value {
  switch (expression.kind) {
    case "number":
      return { constant: expression.value };
    case "symbol":
      return lookup(expression.name, expression.span);
    case "here":
      return { constant: 0n, base: { kind: "here", name: ".", at: locate(expression.place) } };
    case "unary":
      return { constant: unary(expression.operator, absolute(evaluate(expression.operand, lookup))) };
    case "binary": {
      const left = evaluate(expression.left, lookup);
      const right = evaluate(expression.right, lookup);
      if (expression.operator === "+" && !(left.base && right.base)) {
        return { ...left, ...right, constant: wrap(left.constant + right.constant) };
      }
      if (expression.operator === "-") return minus(left, right);
      return { constant: binary(expression.operator, absolute(left), absolute(right)) };
    }
  }
}

/** @throws Problem when the value is an address and not a number */
export function absolute({ constant, base }: Value): bigint {
  if (!base) return constant;
  throw new Problem("not-a-number", `the address of ${called(base.name)} is not known before the object is loaded`, {
    hint: "write a number, or the distance of two labels of one section",
    span: base.span,
  });
}

/**
 * Both ways to write a number of so many bytes are welcome, with a sign and without.
 * @throws Problem when it needs more
 */
export function checkWidth(number: bigint, width: number, span: Span): void {
  const bits = BigInt(width * 8);
  if (number >= -(1n << (bits - 1n)) && number < 1n << bits) return;
  throw new Problem("out-of-range", `${number} does not fit ${width} byte${width === 1 ? "" : "s"}`, { span });
}

/** Where a place is once its section is laid out. */
export function locate({ section, fragment }: Place): { readonly section: Section; readonly offset: number } {
  return { section, offset: section.offsets[fragment] ?? 0 };
}

function minus(left: Value, right: Value): Value {
  const constant = wrap(left.constant - right.constant);
  if (!right.base) return { ...left, constant };
  const from = right.base.at;
  const to = left.base?.at;
  if (from && to && from.section === to.section) return { constant: wrap(constant + BigInt(to.offset - from.offset)) };
  const where = ({ name, at }: Base): string =>
    `${called(name)} is ${at ? `in section ${at.section.name}` : "not in this text"}`;
  throw new Problem(
    "no-distance",
    left.base
      ? `${where(left.base)} and ${where(right.base)}: they have no distance`
      : `the address of ${called(right.base.name)} cannot be taken from a number`,
    { hint: "two labels of one section have a distance", span: right.base.span },
  );
}

function unary(operator: string, value: bigint): bigint {
  if (operator === "-") return wrap(-value);
  if (operator === "~") return wrap(~value);
  return operator === "!" ? BigInt(value === 0n) : value;
}

function binary(operator: string, left: bigint, right: bigint): bigint {
  if ((operator === "/" || operator === "%") && right === 0n) {
    throw new Problem("out-of-range", `${left} ${operator} 0 has no value`);
  }
  // A negative or huge shift would be an exception of BigInt, or all of the memory.
  const shift = right & 63n;
  switch (operator) {
    case "+":
      return wrap(left + right);
    case "|":
      return left | right;
    case "^":
      return left ^ right;
    case "&":
      return left & right;
    case "*":
      return wrap(left * right);
    case "/":
      return wrap(left / right);
    case "%":
      return left % right;
    case "<<":
      return wrap(left << shift);
    default:
      return BigInt.asIntN(64, BigInt.asUintN(64, left) >> shift);
  }
}

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);
