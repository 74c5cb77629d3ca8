/**
 * A result file: what a run of a section leaves for reports, and for comparing two runs. JSON; keys as they are here.
 *
 *     section       `dispatcher` or `instructions`
 *     command       what made it
 *     unit          `ns` or `instructions`, of samples and of what is made of them
 *     method        in words
 *     environment   see bench/environment.ts
 *     claims        see claims.ts
 *     rows          contestant, work (see work.ts), and either
 *                     samples        one figure for each round, the run's own cost included
 *                     median, q1, q3
 *                     aboveEmpty     beyond the run of a program that does nothing: {value, low, high}, 95 % interval
 *                     ofOneFile      the same by that of the one C file, where that is 1 or more
 *                   or
 *                     absent         why the contestant has no figure here
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Environment } from "../environment.ts";
import type { Claim } from "./claims.ts";
import { EMPTY } from "./contestants/index.ts";
import { above, type Estimate, type Quartiles, quartiles, ratio } from "./figures.ts";
import { type Absent, isMeasured, type Measured, type Row } from "./measure.ts";
import { byWork, find, LIMIT, type Unit } from "./table.ts";

export interface Result {
  readonly section: string;
  readonly command: string;
  readonly unit: Unit["name"];
  readonly method: string;
  readonly environment: Environment;
  readonly claims: readonly Claim[];
  readonly rows: readonly ResultRow[];
}

export type ResultRow =
  | (Measured & Quartiles & { readonly aboveEmpty: Estimate; readonly ofOneFile?: Estimate })
  | Absent;

export function resultRows(rows: readonly Row[]): readonly ResultRow[] {
  return [...byWork(rows).values()].flatMap((ofWork) => {
    const empty = find(ofWork, EMPTY)!.samples;
    const limit = find(ofWork, LIMIT)?.samples;
    const compares = limit && above(limit, empty).value >= 1;
    return ofWork.map((row): ResultRow => {
      if (!isMeasured(row)) return row;
      return {
        ...row,
        ...quartiles(row.samples),
        aboveEmpty: above(row.samples, empty),
        ...(compares && { ofOneFile: ratio(row.samples, limit, empty) }),
      };
    });
  });
}

export function writeResult(path: string, result: Result): void {
  mkdirSync(dirname(path), { recursive: true });
  const { rows, ...rest } = result;
  // A line for each row, so that a change of one figure is a change of one line.
  const head = JSON.stringify(rest, undefined, 2).replace(/\n\}$/, "");
  writeFileSync(
    path,
    `${head},\n  "rows": [\n${rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n")}\n  ]\n}\n`,
  );
}

/** @throws Error where the file is no result of these sections */
export function readResult(path: string): Result {
  const result = JSON.parse(readFileSync(path, "utf8")) as Partial<Result>;
  if (result.rows === undefined || result.unit === undefined) {
    throw new Error(
      `${path} is no result of the sections dispatcher or instructions: it has no ${result.rows ? "unit" : "rows"}`,
    );
  }
  return result as Result;
}
