/** Rows as tables: one for each work, in the order of the contestants. */
import { type Estimate, quartiles, ratio } from "./figures.ts";
import { EMPTY } from "./contestants/index.ts";
import { isMeasured, type Measured, type Row } from "./measure.ts";
import { nameOf } from "./work.ts";

/** What all are compared with. */
export const LIMIT = "one C file";

export interface Unit {
  readonly name: "ns" | "instructions";
  readonly digits: number;
}

export function table(rows: readonly Row[], unit: Unit): readonly string[] {
  return [...byWork(rows)].flatMap(([work, ofWork]) => {
    const width = Math.max(...ofWork.map(({ contestant }) => contestant.length)) + 2;
    const line = (row: Row): string =>
      `  ${row.contestant.padEnd(width)}${isMeasured(row) ? figures(row, ofWork, unit) : `not measured: ${row.absent}`}`;
    return [
      `${work}, in ${unit.name}: median (quartiles), above the empty run, and by the one C file`,
      ...ofWork.map(line),
      "",
    ];
  });
}

/** In the order in which the works were measured. */
export function byWork(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const works = new Map<string, Row[]>();
  for (const row of rows) {
    const name = nameOf(row.work);
    works.set(name, [...(works.get(name) ?? []), row]);
  }
  return works;
}

export const find = (rows: readonly Row[], contestant: string): Measured | undefined =>
  rows.filter(isMeasured).find((row) => row.contestant === contestant);

function figures({ contestant, samples }: Measured, rows: readonly Row[], { digits }: Unit): string {
  const { q1, median, q3 } = quartiles(samples);
  const shown = (figure: number): string => figure.toFixed(digits);
  const spread = q1 === q3 ? "" : `  (${shown(q1)} to ${shown(q3)})`;
  const empty = find(rows, EMPTY)?.samples;
  if (empty === undefined || contestant === EMPTY) return `${shown(median).padStart(9)}${spread}`;
  const limit = find(rows, LIMIT)?.samples;
  const beyond = median - quartiles(empty).median;
  // A ratio to next to nothing says nothing.
  const compared =
    limit && quartiles(limit).median - quartiles(empty).median >= 1 ? ratio(samples, limit, empty) : undefined;
  return `${shown(median).padStart(9)}${spread.padEnd(22)}${shown(beyond).padStart(9)}${compared ? `  ${showEstimate(compared)}` : ""}`;
}

/** `0.58 (0.56 to 0.61)`; the interval only where it is one. */
export function showEstimate({ value, low, high }: Estimate): string {
  const interval = low === high ? "" : ` (${low.toFixed(2)} to ${high.toFixed(2)})`;
  return `${value.toFixed(2)}${interval}`;
}
