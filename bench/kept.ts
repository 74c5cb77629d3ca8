/**
 * Result files: what full runs of sections leave for reports, and for whoever compares. JSON, in this order:
 *
 *     section, command, method, caveats    as texts
 *     environment                          of where it was measured: environment.ts
 *     rows                                 as the section describes them
 *
 * Files of the contest have a unit and figures of their own beside: contest/result.ts.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Environment, thisEnvironment } from "./environment.ts";
import { commandOf, resultPath, type Section, scopeOf } from "./section.ts";

export interface Words {
  readonly method: string;
  /** What the figures do not tell, or are wrong about. */
  readonly caveats: readonly string[];
}

export interface Kept<Row> extends Words {
  readonly section: string;
  readonly command: string;
  readonly environment: Environment;
  readonly rows: readonly Row[];
}

/** The section, whose rows are kept in a file of its name. */
export function kept<Row>(name: string, words: Words, section: Section<Row>): Section<Row> {
  return {
    ...section,
    async measure(options) {
      const rows = await section.measure(options);
      const head = { section: name, command: commandOf(name, options), ...words, environment: thisEnvironment() };
      writeKept(resultPath(name, scopeOf(options)), head, rows);
      return rows;
    },
  };
}

/** A line for each row, so that a change of one figure is a change of one line. @param head all the rest, in its order */
export function writeKept(path: string, head: object, rows: readonly unknown[]): void {
  mkdirSync(dirname(path), { recursive: true });
  const opened = JSON.stringify(head, undefined, 2).replace(/\n\}$/, "");
  const lines = rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n");
  writeFileSync(path, `${opened},\n  "rows": [\n${lines}\n  ]\n}\n`);
}

/** What `writeKept` has written, or whatever JSON the file holds. @throws where there is none */
export const readKept = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
