/**
 * What can be wrong with assembly text, and where. In: offsets into the text. Out: diagnostics with lines and columns, as
 * many as stay readable: the whole of them takes space in proportion to the text, whatever the text is.
 */
import type { Diagnostic, Span } from "../../../diagnostic.ts";

export type AsmMistakeCode =
  /** Something else stands where the instruction goes on, or something is left over. */
  | "syntax"
  /** A statement begins with a word that begins no instruction. */
  | "unknown-instruction"
  | "unknown-register"
  /** `u24`: not the width of a load or store. */
  | "unknown-size"
  /** `bpf_nonesuch#1`, or a helper's name with another helper's number. */
  | "unknown-helper"
  /** `r1 += w2`, `*(u64 *)(r1 + 0) = w2`: a register of the wrong width. */
  | "register-width"
  /** An operand that must repeat another one: `r1 = -r2`. */
  | "same-register"
  /** A number that its field cannot hold. */
  | "out-of-range"
  /** A value or name that takes 64 bits, without `ll` behind it. */
  | "missing-ll"
  /** Digits that are no number, or one that other assemblers read as octal. */
  | "number"
  /** A quote or comment that does not end. */
  | "unterminated"
  /** `(b7) exit`: the opcode, or the bytes, in front are those of another instruction. */
  | "opcode-mismatch"
  | "undefined-label"
  | "duplicate-label"
  /** A label with no instruction behind it. */
  | "label-at-end"
  /** Sections, data and symbols, where only instructions may be. */
  | "directive"
  /** The last one of very many: what follows it is not looked at. */
  | "too-many";

export interface AsmDiagnostic extends Diagnostic {
  readonly code: AsmMistakeCode;
}

/** Offsets into the text: of the first character, and behind the last. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** A mistake at a place of the text: what the grammar throws, and only the reader of statements catches. */
export class Refusal extends Error {
  readonly code: AsmMistakeCode;
  readonly start: number;
  readonly end: number;
  readonly hint: string | undefined;

  constructor(code: AsmMistakeCode, message: string, { start, end }: Extent, hint?: string) {
    super(message);
    this.code = code;
    this.start = start;
    this.end = end;
    this.hint = hint;
  }
}

/** A line is shown with each of its mistakes, so a line of a megabyte may not have thousands. */
const MOST_IN_A_LINE = 10;
/** Nobody reads more. What has more is no assembly text. */
const MOST = 1000;

/** Lines and columns of offsets that mostly go forwards: linear over a text. */
export class Places {
  private readonly text: string;
  /** The line that the last offset lay in, from 1, where it starts, and where it ends before its line feed. */
  private line = 1;
  private start = 0;
  private end: number;

  constructor(text: string) {
    this.text = text;
    this.end = lineEnd(text, 0);
  }

  /** The span of two offsets, clipped to the first line and at least one column wide. */
  span(from: number, to: number): Span {
    if (from < this.start) {
      this.line = 1;
      this.start = 0;
      this.end = lineEnd(this.text, 0);
    }
    while (from > this.end && this.end < this.text.length) {
      this.line++;
      this.start = this.end + 1;
      this.end = lineEnd(this.text, this.start);
    }
    const last = this.text[this.end - 1] === "\r" && this.end > this.start ? this.end - 1 : this.end;
    const first = Math.max(this.start, Math.min(from, last - 1));
    return { line: this.line, column: first - this.start + 1, length: Math.max(1, Math.min(to, last) - first) };
  }
}

/** The offset of the line feed that ends the line of another offset. */
export function lineEnd(text: string, from: number): number {
  const at = text.indexOf("\n", from);
  return at < 0 ? text.length : at;
}

/** A name or word of the text as messages show it: a long one is cut. */
export function shown(word: string): string {
  return word.length > 60 ? `${word.slice(0, 57)}…` : word;
}

/** The mistakes of one text. */
export class MistakeList {
  readonly found: AsmDiagnostic[] = [];
  private readonly inLine = new Map<number, number>();

  /** Whether there are so many that nothing more is looked for. */
  get full(): boolean {
    return this.found.length >= MOST;
  }

  /** `line is full`: nothing more of the line should be looked at. */
  add(
    span: Span,
    { code, message, hint }: Pick<Refusal, "code" | "message"> & { readonly hint?: string | undefined },
    related?: AsmDiagnostic["related"],
  ): "line is full" | undefined {
    if (this.full) return "line is full";
    const last = this.found.length === MOST - 1;
    const { line, column, length } = span;
    const inLine = this.count(line);
    if (inLine > MOST_IN_A_LINE) return "line is full";
    const shownRelated = related && this.count(-related.line) <= MOST_IN_A_LINE;
    this.found.push({
      code: last ? "too-many" : code,
      severity: "error",
      message: last ? `here is mistake ${MOST}: the rest is not read` : message,
      line,
      column,
      length,
      ...(hint !== undefined && !last && { hint }),
      ...(shownRelated && !last && { related }),
    });
    return inLine === MOST_IN_A_LINE ? "line is full" : undefined;
  }

  private count(key: number): number {
    const count = (this.inLine.get(key) ?? 0) + 1;
    this.inLine.set(key, count);
    return count;
  }

  /** In order of place. */
  sorted(): readonly AsmDiagnostic[] {
    return this.found.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }
}
