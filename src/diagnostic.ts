/**
 * A mistake with its place in a source text, a chain.yaml or assembly, and how a list of them is written for people.
 */

/** Line and column count from 1; column and length are in UTF-16 units, as editors count. */
export interface Span {
  readonly line: number;
  readonly column: number;
  /** At least 1, and within the line. */
  readonly length: number;
}

export interface Diagnostic extends Span {
  /** What kind of mistake, for programs: `unknown-key`, `syntax`, … */
  readonly code: string;
  /** A text with errors means nothing; a warning leaves it as it is. */
  readonly severity: "error" | "warning";
  readonly message: string;
  /** What to do; a short clause. */
  readonly hint?: string;
  /** A second place that the mistake involves. */
  readonly related?: Span & { readonly message: string };
}

export interface FormatOptions {
  /** ANSI colours. */
  readonly color?: boolean;
}

/** Every mistake of one source text. The `cause` of the `XdpgenError` that refuses it. */
export class Mistakes extends Error {
  readonly diagnostics: readonly Diagnostic[];
  /** The whole source text. */
  readonly text: string;
  /** Its name for messages. */
  readonly file: string;

  constructor(diagnostics: readonly Diagnostic[], text: string, file: string) {
    super(formatDiagnostics(diagnostics, text, file).trimEnd());
    this.name = "Mistakes";
    this.diagnostics = diagnostics;
    this.text = text;
    this.file = file;
  }
}

const RESET = "\u001B[0m";
const STYLES = { error: "\u001B[1;31m", warning: "\u001B[1;33m", strong: "\u001B[1m", faint: "\u001B[2m" } as const;
type Paint = (style: keyof typeof STYLES, text: string) => string;

/**
 * All diagnostics of a file, each as `file:line:col: severity: message` and a code frame with a caret line under the
 * token, in order of place, and a count at the end. Ends with a line feed unless there is nothing to say.
 */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  text: string,
  file: string,
  options: FormatOptions = {},
): string {
  if (diagnostics.length === 0) return "";
  const paint: Paint = (style, part) => (options.color ? `${STYLES[style]}${part}${RESET}` : part);
  const lines = linesOf(text);
  const blocks = diagnostics.map((diagnostic) => {
    const { line, column, severity, message, hint, related } = diagnostic;
    const head = `${paint("strong", `${file}:${line}:${column}:`)} ${paint(severity, `${severity}:`)} ${message}`;
    const blockLines = [head, ...frame(lines, diagnostic, hint ?? "", severity, paint)];
    if (related) {
      blockLines.push(`${paint("strong", `${file}:${related.line}:${related.column}:`)} note: ${related.message}`);
      blockLines.push(...frame(lines, related, "", "strong", paint));
    }
    return blockLines.join("\n");
  });
  return `${[...blocks, `${count(diagnostics)} in ${file}`].join("\n\n")}\n`;
}

/** A line of the source that is longer than this is shown in part. */
const LONGEST = 200;

/** The line above, the line, and carets. */
function frame(lines: readonly string[], span: Span, hint: string, style: keyof typeof STYLES, paint: Paint): string[] {
  const width = Math.max(4, String(span.line).length + 2);
  const gutter = (number: string): string => paint("faint", `${number.padStart(width)} |`);
  const above = lines[span.line - 2] ?? "";
  const { line, column, length } = around(lines[span.line - 1] ?? "", span);
  // Tabs stay tabs, so that the caret is under its token whatever a tab's width is.
  const indent = line.slice(0, column - 1).replace(/[^\t]/g, " ");
  const carets = paint(style, `${"^".repeat(length)}${hint && ` ${hint}`}`);
  const shown = [`${gutter(String(span.line))} ${line}`.trimEnd(), `${gutter("")} ${indent}${carets}`];
  const useful = above.trim() !== "" && above.length <= LONGEST;
  return useful ? [`${gutter(String(span.line - 1))} ${above}`, ...shown] : shown;
}

/** The part of a line around a span, with the span's place in it. */
function around(whole: string, { column, length }: Span): { line: string; column: number; length: number } {
  if (whole.length <= LONGEST) return { line: whole, column, length };
  const start = Math.max(0, Math.min(column - 1 - LONGEST / 4, whole.length - LONGEST));
  const before = start > 0 ? "…" : "";
  const after = start + LONGEST < whole.length ? "…" : "";
  const at = column - 1 - start;
  return {
    line: `${before}${whole.slice(start, start + LONGEST)}${after}`,
    column: before.length + at + 1,
    length: Math.max(1, Math.min(length, LONGEST - at)),
  };
}

function count(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const warnings = diagnostics.length - errors;
  const parts = [errors && `${errors} mistake${errors === 1 ? "" : "s"}`];
  if (warnings) parts.push(`${warnings} warning${warnings === 1 ? "" : "s"}`);
  return parts.filter(Boolean).join(" and ");
}

export function linesOf(text: string): readonly string[] {
  return text.split(/\r\n|\n/);
}

/** The span of two offsets, clipped to the first line; an empty one is widened to one column. */
export function spanOf(text: string, start: number, end: number): Span {
  // The end of the text is a place, but a caret after the last line feed would stand under nothing.
  let from = Math.max(0, Math.min(start, text.trimEnd().length - 1));
  const lineStart = text.slice(0, from).lastIndexOf("\n") + 1;
  while (from > lineStart && /[\r\n]/.test(text.charAt(from))) from--;
  const lineEnd = /\r?\n|$/.exec(text.slice(from))!.index + from;
  return {
    line: text.slice(0, lineStart).split("\n").length,
    column: from - lineStart + 1,
    length: Math.max(1, Math.min(end, lineEnd) - from),
  };
}
