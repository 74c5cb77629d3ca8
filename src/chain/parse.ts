/**
 * chain.yaml -> `Chain`, or everything that is wrong with it.
 *
 * Text in, values out: no file system, no clock. The stages are text -> YAML document (`yaml`) -> plain value with places
 * (`document.ts`) -> checked value (`mistakes.ts`) -> `Chain` (`build.ts`). Mistakes of every stage are gathered, so that
 * one run shows all of them.
 */
import { parseDocument } from "yaml";
import { type Diagnostic, Mistakes, type Span, spanOf } from "../diagnostic.ts";
import { type ErrorCode, XdpgenError } from "../errors.ts";
import { buildChain, freeze } from "./build.ts";
import { type Chain, plainAction } from "./chain.ts";
import { type Place, plainDocument, type PlainDocument, type Range } from "./document.ts";
import { chainError } from "./edit.ts";
import type { Mistake, Path } from "./mistake.ts";
import { checkDocument } from "./mistakes.ts";
import { syntaxOf, type SyntaxMistake } from "./syntax.ts";

export interface ParseOptions {
  /** The file's path: `object` is relative to its folder, and messages name it. */
  readonly file: string;
}

export interface Parsed {
  /** There when no diagnostic is an error. */
  readonly chain?: Chain;
  /** In order of place. */
  readonly diagnostics: readonly Diagnostic[];
}

const YAML = { intAsBigInt: true, merge: true, prettyErrors: false, uniqueKeys: false, logLevel: "error" } as const;

/** Parses the text of a chain.yaml. Never throws for what a user wrote. */
export function parseChain(text: string, options: ParseOptions): Parsed {
  const document = parseDocument(text, YAML);
  const syntax = syntaxOf(document, text);
  const found = syntax.mistakes.map((mistake) => syntaxDiagnostic(mistake, text));
  if (document.contents === null || emptyScalar(document.contents)) {
    // A warning alone does not say why there is no chain.
    const explained = found.some(({ severity }) => severity === "error");
    return { diagnostics: explained ? found : [...found, emptyFile(text)] };
  }
  const plain = plainDocument(document);
  const locate = (mistake: Mistake): Diagnostic => toDiagnostic(mistake, plain, text);
  const distorted = syntax.damaged.length > 0;
  const checked = checkDocument(plain.value, !distorted && !plain.mistakes.some(({ code }) => code === "bad-alias"));
  const fromSchema = checked.mistakes.filter(
    (mistake) =>
      // A key at the top may be missing only because the lines that hold it could not be read.
      !(distorted && mistake.code === "missing-key" && mistake.path.length === 1) &&
      !plain.mistakes.some(({ code, path }) => code === "bad-alias" && follows(mistake, path.slice(0, -1))),
  );
  for (const mistake of [...plain.mistakes, ...fromSchema]) {
    const { start } = rangeFor(mistake, plain);
    if (!syntax.damaged.some((range) => range.start <= start && start < range.end)) found.push(locate(mistake));
  }
  const diagnostics = unique(found).toSorted(byPlace);
  const sound = diagnostics.every(({ severity }) => severity === "warning") && !distorted;
  return checked.document && sound
    ? { chain: buildChain(checked.document, options.file), diagnostics }
    : { diagnostics };
}

/**
 * The chain in a text, or an error that shows every mistake.
 *
 * @throws XdpgenError `chain-invalid`; the message is what `formatDiagnostics` gives, the cause is `Mistakes`
 */
export function requireChain(text: string, file: string): Chain {
  const { chain, diagnostics } = parseChain(text, { file });
  if (chain) return freeze({ ...chain, source: { file, text } });
  return refuseText(diagnostics, text, file);
}

/**
 * Refuses a chain for what was found once its programs were known: in place where it was read from a file, else by the
 * names of what is wrong.
 *
 * @throws XdpgenError with the code, always
 */
export function refuseChain(
  chain: Chain,
  mistakes: readonly PlacedWarning[],
  code: ErrorCode = "chain-invalid",
): never {
  if (!chain.source) throw chainError(chain, mistakes, code);
  const { text, file } = chain.source;
  const plain = plainDocument(parseDocument(text, YAML));
  const diagnostics = mistakes.map((mistake) => toDiagnostic(mistake, plain, text));
  return refuseText(diagnostics.toSorted(byPlace), text, file, code);
}

/**
 * Warnings about a chain, in the places of the text that it was read from, in their order.
 *
 * @param source `Chain.source`
 */
export function warningsIn(
  source: NonNullable<Chain["source"]>,
  warnings: readonly PlacedWarning[],
): readonly Diagnostic[] {
  const plain = plainDocument(parseDocument(source.text, YAML));
  const placed = warnings.map((warning) => toDiagnostic(warning, plain, source.text, "warning"));
  return placed.toSorted(byPlace);
}

/** A warning with the path of chain.yaml that it is about. */
export type PlacedWarning = Omit<Mistake, "code"> & { readonly code: string };

/**
 * The text that stands at a path of chain.yaml; undefined where none does.
 *
 * @param source `Chain.source`
 */
export function writtenAt({ text }: NonNullable<Chain["source"]>, path: Path): string | undefined {
  let value: unknown = plainDocument(parseDocument(text, YAML)).value;
  for (const key of path) value = (value as Readonly<Record<string | number, unknown>> | null | undefined)?.[key];
  return typeof value === "string" ? value : undefined;
}

function refuseText(
  diagnostics: readonly Diagnostic[],
  text: string,
  file: string,
  code: ErrorCode = "chain-invalid",
): never {
  const cause = new Mistakes(diagnostics, text, file);
  throw new XdpgenError(code, cause.message, { cause });
}

const byPlace = (a: Diagnostic, b: Diagnostic): number => a.line - b.line || a.column - b.column;

function toDiagnostic(
  mistake: PlacedWarning,
  plain: PlainDocument,
  text: string,
  severity: Diagnostic["severity"] = "error",
): Diagnostic {
  const { code, message, hint, other } = mistake;
  const place = (of: Pick<Mistake, "path" | "at">): Span => {
    const { start, end } = rangeFor(of, plain);
    return spanOf(text, start, end);
  };
  return {
    code,
    severity,
    message,
    ...place(mistake),
    ...(hint !== undefined && { hint }),
    ...(other && { related: { message: other.message, ...place(other) } }),
  };
}

/** The exact token where there is one; the key for a list or map that spans lines; else what is around it. */
function rangeFor({ path, at }: Pick<Mistake, "path" | "at">, plain: PlainDocument): Range {
  for (let length = path.length; length >= 0; length--) {
    const place = placeOf(path.slice(0, length), plain);
    const whole = length === path.length;
    const range =
      whole && at === "value" ? (valueRange(place) ?? place?.key ?? place?.value) : (place?.key ?? place?.value);
    if (range) return range;
  }
  return { start: 0, end: 0 };
}

/** Actions may be spelt in several ways in the text, and have one in paths. */
function placeOf(path: Path, plain: PlainDocument): Place | undefined {
  const exact = plain.places.get(JSON.stringify(path));
  if (exact || path[2] !== "on" || path.length < 4) return exact;
  const wanted = JSON.stringify(path);
  const spelling = [...plain.places.keys()].find((key) => actionSpelling(key) === wanted);
  return spelling === undefined ? undefined : plain.places.get(spelling);
}

/** The fourth part of a path, as an action. */
function actionSpelling(key: string): string {
  const path = JSON.parse(key) as Path;
  return JSON.stringify(path.map((part, index) => (index === 3 ? plainAction(String(part)) : part)));
}

/** An empty value has no token of its own: the key stands for it. */
function valueRange(place: { readonly value?: Range } | undefined): Range | undefined {
  return place?.value && place.value.end > place.value.start ? place.value : undefined;
}

function syntaxDiagnostic(mistake: SyntaxMistake, text: string): Diagnostic {
  const { severity, message, hint, start, end } = mistake;
  return { code: "syntax", severity, message, ...spanOf(text, start, end), ...(hint !== undefined && { hint }) };
}

function emptyFile(text: string): Diagnostic {
  return {
    code: "empty-file",
    severity: "error",
    message: "the file holds no chain",
    hint: "begin with `chain: NAME` and a list of `programs:`",
    ...spanOf(text, 0, 1),
  };
}

function emptyScalar(contents: unknown): boolean {
  return (contents as { value?: unknown }).value === null;
}

/** Whether a mistake is only there because the alias at a path gave no value: below it, or the type of what holds it. */
function follows({ path, code }: Mistake, alias: Path): boolean {
  const startsWith = (whole: Path, start: Path): boolean => start.every((part, index) => whole[index] === part);
  return startsWith(path, alias) || (code === "wrong-type" && startsWith(alias, path));
}

/** Two uses of one anchor are one mistake. */
function unique(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  return diagnostics.filter(({ line, column, code }) => {
    const key = `${line}:${column}:${code}`;
    return !seen.has(key) && seen.add(key);
  });
}
