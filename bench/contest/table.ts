/** Rows as tables, in the order of the contestants. */
import { EMPTY } from "./contestants/index.ts";
import { type Estimate, quartiles, ratio } from "./figures.ts";
import { isMeasured, type Measured, type Row } from "./measure.ts";
import { baseLength, isBase, nameOf, type Work } from "./work.ts";

/** What all are compared with. */
export const LIMIT = "one C file";

export interface Unit {
  readonly name: "ns" | "instructions";
  readonly digits: number;
}

/** The base in full; the other works as one figure each; and once for each reason who was not measured. */
export function table(rows: readonly Row[], unit: Unit): readonly string[] {
  const works = [...byWork(rows).values()].map((ofWork) => ofWork[0]!.work);
  const axis = works.filter((work) => isBase({ ...work, programs: baseLength }));
  const others = works.filter((work) => !axis.includes(work));
  return [
    ...detail(rows, unit),
    ...matrix(
      `by the number of programs, ${unit.name} above the empty run`,
      rows,
      axis,
      ({ programs }) => `${programs}`,
    ),
    ...matrix(`with one thing changed, ${unit.name} above the empty run`, rows, others, changeOf),
    ...absences(rows),
  ];
}

function detail(rows: readonly Row[], unit: Unit): readonly string[] {
  const ofBase = rows.filter((row): row is Measured => isBase(row.work) && isMeasured(row));
  if (ofBase.length === 0) return [];
  return [
    `${nameOf(ofBase[0]!.work)}, in ${unit.name}: median (quartiles), above the empty run, by the one C file`,
    ...ofBase.map((row) => `  ${row.contestant.padEnd(WIDTH)}${figures(row, ofBase, unit)}`),
    "",
  ];
}

const WIDTH = 26;
const COLUMN = 9;

function matrix(
  title: string,
  rows: readonly Row[],
  works: readonly Work[],
  label: (work: Work) => string,
): readonly string[] {
  if (works.length === 0) return [];
  const ofWorks = byWork(rows);
  const names = [...new Set(rows.map(({ contestant }) => contestant))].filter((name) => name !== EMPTY);
  const cell = (name: string, work: Work): string => {
    const ofWork = ofWorks.get(nameOf(work))!;
    const [row, empty] = [find(ofWork, name), find(ofWork, EMPTY)];
    if (!row || !empty) return "-".padStart(COLUMN);
    const beyond = quartiles(row.samples).median - quartiles(empty.samples).median;
    return beyond.toFixed(Number.isInteger(beyond) ? 0 : 1).padStart(COLUMN);
  };
  return [
    title,
    `  ${"".padEnd(WIDTH)}${works.map((work) => label(work).padStart(COLUMN)).join("")}`,
    ...names.map((name) => `  ${name.padEnd(WIDTH)}${works.map((work) => cell(name, work)).join("")}`),
    "",
  ];
}

/** In what a work differs from the base. */
function changeOf({ kind, proceedOn, shape, counters, decides }: Work): string {
  if (kind === "real") return "real";
  if (shape === "graph") return "graph";
  if (counters) return "counters";
  return decides === "last" ? `${proceedOn.length} go on` : decides;
}

function absences(rows: readonly Row[]): readonly string[] {
  const reasons = rows.flatMap((row) => (isMeasured(row) ? [] : [`  ${row.contestant.padEnd(WIDTH)}${row.absent}`]));
  return reasons.length === 0 ? [] : ["not measured, where", ...new Set(reasons), ""];
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
