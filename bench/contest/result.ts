/**
 * What the result files of the contest have beside what all have (kept.ts):
 *
 *     unit          `ns` or `instructions`, of samples and of what is made of them
 *     rows          contestant, work (see work.ts), and either
 *                     samples        one figure for each round, the run's own cost included
 *                     median, q1, q3
 *                     aboveEmpty     beyond the run of a program that does nothing: {value, low, high}, 95 % interval
 *                     ofOneFile      the same by that of the one C file, where that is 1 or more
 *                   or
 *                     absent         why the contestant has no figure here
 */
import { type Kept, readKept } from "../kept.ts";
import { type Claim, exactClaims, hostClaims } from "./claims.ts";
import { EMPTY } from "./contestants/index.ts";
import { above, type Estimate, type Quartiles, quartiles, ratio } from "./figures.ts";
import { type Absent, isMeasured, type Measured, type Row } from "./measure.ts";
import { byWork, find, LIMIT, type Unit } from "./table.ts";

export interface Result extends Kept<ResultRow> {
  readonly unit: Unit["name"];
}

/** What a result shows of what it must. */
export function claimsOf({ unit, rows }: Result): readonly Claim[] {
  if (unit === "ns") return hostClaims(rows);
  return exactClaims(rows.map((row) => (isMeasured(row) ? { ...row, samples: [row.median] } : row)));
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

/** @throws Error where the file is no result of these sections */
export function readResult(path: string): Result {
  const result = readKept(path) as Partial<Result>;
  if (result.rows === undefined || result.unit === undefined) {
    throw new Error(
      `${path} is no result of the sections dispatcher or instructions: it has no ${result.rows ? "unit" : "rows"}`,
    );
  }
  return result as Result;
}
