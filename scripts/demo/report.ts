/** What the demo prints: numbered headings, command lines, their answers, and what was seen. At most 90 columns. */
import { style } from "../../src/cli/render/style.ts";

const COLUMNS = 90;
const MARGIN = "   ";

/** Whether output may have colours: on a terminal, or where somebody in front of one says so (no-color.org). */
export const colours: boolean =
  !process.env["NO_COLOR"] && (Boolean(process.env["FORCE_COLOR"]) || process.stdout.isTTY === true);

const paint = style(colours);
let step = 0;

export function title(text: string): void {
  print(`\n${paint.bold(text)}`);
  print(paint.bold("─".repeat(Math.min(text.length, COLUMNS))));
}

/** The heading of the next step. */
export function heading(text: string): void {
  step += 1;
  print(`\n${paint.bold(`${step}. ${text}`)}`);
}

/** Prose, wrapped. */
export function say(text: string): void {
  for (const line of wrap(text.split(/\s+/), "", "", COLUMNS - MARGIN.length)) print(MARGIN + line);
}

/** A command line as a person would type it; a long one goes on in the next line. */
export function commandLine(words: readonly string[]): void {
  const [first = "", ...rest] = wrap(words, " \\", "  ", COLUMNS - MARGIN.length - 2);
  print(`${MARGIN}${paint.dim("$")} ${paint.bold(first)}`);
  for (const line of rest) print(MARGIN + paint.bold(line));
}

/** What a command wrote, or lines of ours that look best as they are. Sentences that are too long are wrapped. */
export function show(text: string): void {
  if (text.trim() === "") return;
  for (const line of text.trimEnd().split("\n")) {
    const lines =
      line.length > COLUMNS && /^\S/.test(line) ? wrap(line.split(" "), "", "  ", COLUMNS - MARGIN.length) : [line];
    for (const each of lines) print(each === "" ? "" : `${MARGIN}${each}`);
  }
}

export function blank(): void {
  print("");
}

/** What was seen, and was what it should be. */
export function seen(text: string): void {
  const [first = "", ...rest] = wrap(text.split(/\s+/), "", "", COLUMNS - MARGIN.length - 2);
  print(`${MARGIN}${paint.green("✓")} ${first}`);
  for (const line of rest) print(`${MARGIN}  ${line}`);
}

/** Why the demo ends here. Goes to standard error. */
export function failed(text: string): void {
  process.stderr.write(`\n${paint.red("✗")} ${text}\n`);
}

export const number = (value: number): string => value.toLocaleString("en-US");

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Lines of at most `columns` characters; a word that is longer has a line to itself. */
function wrap(words: readonly string[], continued: string, indent: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line.trim() !== "" && line.length + 1 + word.length + continued.length > columns) {
      lines.push(line + continued);
      line = indent + word;
    } else {
      line += (line.trim() === "" ? "" : " ") + word;
    }
  }
  return [...lines, line];
}
