/**
 * What the YAML parser complains of -> mistakes of the person who wrote the file.
 *
 * One slip of a key can make the YAML parser report three errors, and it goes on with a document that nobody wrote. So
 * one complaint per line is kept, in words of ours, and the block of lines around it is marked as damaged: what the
 * schema thinks of such a block is not reported.
 */
import { type Document, isScalar, visit, type YAMLError } from "yaml";
import type { Range } from "./document.ts";

export interface SyntaxMistake extends Range {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly hint?: string;
}

export interface Syntax {
  readonly mistakes: readonly SyntaxMistake[];
  /** Stretches of the text whose meaning is a guess. */
  readonly damaged: readonly Range[];
}

type Words = readonly [message: string, hint?: string];

const WORDS: Partial<Record<YAMLError["code"], Words>> = {
  TAB_AS_INDENT: ["a tab cannot indent in YAML", "use spaces"],
  MULTILINE_IMPLICIT_KEY: [
    "this is no `key: value` on a line of its own",
    "is a colon missing, or is a line indented too far?",
  ],
  BLOCK_AS_IMPLICIT_KEY: ["a second `key:` inside a value", "quote a value that holds a colon, or start a new line"],
  MULTIPLE_DOCS: ["a second document begins here", "one file holds one chain: take away the `---`"],
  KEY_OVER_1024_CHARS: ["a key of more than 1024 characters"],
  BAD_SCALAR_START: ["a plain value cannot begin with this character", "put the value in quotes"],
  BAD_DQ_ESCAPE: ["not an escape sequence", "use single quotes for a backslash that means itself"],
  BAD_INDENT: ["the indentation does not fit the lines above", "align it with its neighbours"],
  UNEXPECTED_TOKEN: ["this cannot stand here", "check the indentation, commas and brackets of this line"],
};

export function syntaxOf(document: Document, text: string): Syntax {
  const byLine = new Map<number, SyntaxMistake>();
  const damaged: Range[] = [];
  // Where a tab ends a list too early, the lines after it are complained of as well: the tab is the mistake.
  const tabs = document.errors.filter(({ code }) => code === "TAB_AS_INDENT");
  const errors = (tabs.length > 0 ? tabs : document.errors).toSorted(
    (a, b) => a.pos[0] - b.pos[0] || rank(a) - rank(b),
  );
  for (const error of errors) {
    const mistake = explain(error, document, text);
    damaged.push(block(text, mistake.start, error.pos[1]));
    const line = text.lastIndexOf("\n", mistake.start - 1);
    if (!byLine.has(line)) byLine.set(line, mistake);
  }
  if (tabs.length > 0) for (const { pos } of document.errors) damaged.push(block(text, pos[0], pos[1]));
  const warnings = document.warnings.map((warning) => ({
    ...explain(warning, document, text),
    severity: "warning" as const,
  }));
  return { mistakes: [...byLine.values(), ...warnings], damaged };
}

/** A multi-line key is the fuller account when both are reported for one place. */
function rank({ code }: YAMLError): number {
  return code === "MULTILINE_IMPLICIT_KEY" ? 0 : 1;
}

function at(range: Range, [message, hint]: Words): SyntaxMistake {
  return { ...range, severity: "error", message, ...(hint && { hint }) };
}

function explain(error: YAMLError, document: Document, text: string): SyntaxMistake {
  const [start, end] = error.pos;
  if (/closing ['"]?quote/.test(error.message)) {
    const opening = scalarAround(document, start);
    return at({ start: opening, end: opening + 1 }, ["this quote is never closed", `add the closing ${text[opening]}`]);
  }
  const bracket = /^Flow (?:sequence|map).* end with a ([\]}])$/.exec(error.message)?.[1];
  if (bracket) {
    const opening = text.lastIndexOf(bracket === "]" ? "[" : "{", Math.max(0, start - 1));
    const begin = Math.max(0, opening);
    return at({ start: begin, end: begin + 1 }, [
      `this \`${text[begin]}\` is never closed`,
      `add the closing \`${bracket}\``,
    ]);
  }
  if (/without - indicator/.test(error.message)) {
    const line = text.lastIndexOf("\n", start - 1) + 1;
    const first = line + (/^\s*/.exec(text.slice(line))?.[0].length ?? 0);
    return at({ start: first, end: lineEnd(text, first) }, [...(WORDS.BAD_INDENT as Words)]);
  }
  if (error.code === "TAG_RESOLVE_FAILED") {
    return at({ start, end }, [`unknown tag \`${text.slice(start, end)}\``, "take the tag away"]);
  }
  const words = WORDS[error.code];
  // The parser's own words for what is rare, down to their first clause.
  return at(
    { start, end: Math.min(Math.max(end, start + 1), lineEnd(text, start)) },
    words ?? [lowerFirst(error.message)],
  );
}

/** Start of the innermost scalar that reaches up to an offset. */
function scalarAround(document: Document, offset: number): number {
  let start = offset;
  visit(document, {
    Scalar(_, node) {
      if (isScalar(node) && node.range && node.range[0] <= offset && offset <= node.range[2]) start = node.range[0];
    },
  });
  return start;
}

/** From the list item or top-level key that `start` is in, to the next one after `end`. */
function block(text: string, start: number, end: number): Range {
  const begins = /^(?:[^\s#]|[ \t]*-[ \t])/gm;
  let from = 0;
  for (const match of text.matchAll(begins)) {
    if (match.index <= start) from = match.index;
    else if (match.index >= end) return { start: from, end: match.index };
  }
  return { start: from, end: text.length + 1 };
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function lowerFirst(message: string): string {
  const clause = message.split("; ")[0]!;
  return clause.charAt(0).toLowerCase() + clause.slice(1);
}
