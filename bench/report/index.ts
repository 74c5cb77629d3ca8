/**
 * `npm run bench -- report [--check]`: what the committed result files say, as a page with charts and as the figures of the
 * documents. Nothing is measured. The same files make the same report.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DOCUMENTS, filled } from "./documents.ts";
import { charts, page } from "./page.ts";
import { committed } from "./results.ts";

const FOLDER = "bench/results";
const CHARTS = `${FOLDER}/charts`;

/** Text by path. */
function made(): ReadonlyMap<string, string> {
  return new Map([
    [`${FOLDER}/README.md`, page(committed)],
    ...Object.entries(charts(committed)).map(([name, svg]): [string, string] => [`${CHARTS}/${name}.svg`, svg]),
    ...DOCUMENTS.map((path): [string, string] => [path, filled(path, readFileSync(path, "utf8"), committed)]),
  ]);
}

const existing = (): readonly string[] =>
  existsSync(CHARTS) ? readdirSync(CHARTS).map((file) => `${CHARTS}/${file}`) : [];

/** Writes what has changed, and removes charts that are no more. @returns what it did, a line for each file */
export function writeReport(): readonly string[] {
  const files = made();
  mkdirSync(CHARTS, { recursive: true });
  return differences(files).map((path) => {
    const text = files.get(path);
    if (text === undefined) rmSync(path);
    else writeFileSync(path, text);
    return `${text === undefined ? "removed" : "wrote"} ${path}`;
  });
}

/** The paths of what is not as the result files make it. */
export const staleReport = (): readonly string[] => differences(made());

function differences(files: ReadonlyMap<string, string>): readonly string[] {
  const wrong = [...files].filter(([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text);
  return [...wrong.map(([path]) => path), ...existing().filter((path) => !files.has(path))];
}
