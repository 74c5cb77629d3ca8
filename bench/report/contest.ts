import type { Claim } from "../contest/claims.ts";
/** What a packet pays for a chain: sections `instructions` and `dispatcher`. */
import { EMPTY, slowedCall } from "../contest/contestants/index.ts";
import { quartiles } from "../contest/figures.ts";
import { isMeasured } from "../contest/measure.ts";
import { claimsOf, type Result, type ResultRow } from "../contest/result.ts";
import { LIMIT, showEstimate } from "../contest/table.ts";
import { baseLength, isBase, type Work, WORKS } from "../contest/work.ts";
import { drawBars } from "./chart/bars.ts";
import { drawLines, type Point } from "./chart/lines.ts";
import { lookOf } from "./looks.ts";
import { type Lines, percent, tableOf } from "./markdown.ts";

type MeasuredRow = Extract<ResultRow, { readonly samples: readonly number[] }>;

const isOfAxis = (work: Work): boolean => isBase({ ...work, programs: baseLength });
const LENGTHS = WORKS.filter(isOfAxis).map(({ programs }) => programs);

const measured = ({ rows }: Result): readonly MeasuredRow[] => rows.filter(isMeasured) as readonly MeasuredRow[];

/** In the order of the tables, without the empty run. */
export function contestantsIn(result: Result): readonly string[] {
  return [...new Set(result.rows.map(({ contestant }) => contestant))].filter((name) => name !== EMPTY);
}

/** Debian's name of the kernel: `6.1`. */
export const kernelOf = ({ environment }: Result): string => /^\d+\.\d+/.exec(environment.kernel)![0];

const where = (result: Result): string =>
  result.unit === "ns"
    ? `kernel ${kernelOf(result)}; bands are 95 % intervals`
    : `counted exactly on kernel ${kernelOf(result)}`;

/** The cost of a packet against the number of programs, of every contestant. */
export function costChart(result: Result): string {
  const unit = result.unit === "ns" ? "nanoseconds" : "instructions";
  const lines = contestantsIn(result).map((name) => ({ name, look: lookOf(name), points: line(result, name) }));
  return drawLines({
    title: `What a packet pays for a chain, in ${unit}`,
    note: `Trivial programs, above the run of a program that does nothing; ${where(result)}`,
    x: { label: "programs", scale: "logarithmic", ticks: LENGTHS.map((at) => ({ at, text: `${at}` })) },
    y: { label: `${unit} per packet`, scale: "logarithmic" },
    lines: lines.filter(({ points }) => points.length > 1),
  });
}

/** Without what is too little to be told from nothing. */
function line(result: Result, contestant: string): readonly Point[] {
  return measured(result)
    .filter((row) => row.contestant === contestant && isOfAxis(row.work))
    .filter(({ aboveEmpty }) => aboveEmpty.low >= LEAST)
    .map(({ work, aboveEmpty: { value, low, high } }) => ({ x: work.programs, y: value, low, high }));
}

/** Nanoseconds below which a figure is noise, on a logarithmic axis. */
const LEAST = 0.25;

const isReal = ({ kind }: Work): boolean => kind === "real";

/** The ten real programs. */
export function realChart(result: Result): string {
  const unit = result.unit === "ns" ? "nanoseconds" : "instructions";
  const bars = contestantsIn(result).flatMap((name) => {
    const row = measured(result).find(({ contestant, work }) => contestant === name && isReal(work));
    if (!row) return [];
    const { value, low, high } = row.aboveEmpty;
    return [{ name, parts: [{ value, hue: lookOf(name).hue }], low, high }];
  });
  return drawBars({
    title: `Ten real programs, in ${unit}`,
    note: `A TCP segment that all ten pass, above the run of a program that does nothing; kernel ${kernelOf(result)}`,
    label: `${unit} per packet`,
    groups: [{ name: "", bars }],
  });
}

/** Above the empty run, by the number of programs. */
export function axisTable(result: Result): Lines {
  return matrix(
    result,
    WORKS.filter(isOfAxis).map((work) => [`${work.programs}`, work]),
  );
}

/** Above the empty run, with one thing changed. */
export function changedTable(result: Result): Lines {
  const changed = (name: string, is: (work: Work) => boolean): readonly [string, Work] => [name, WORKS.find(is)!];
  return matrix(result, [
    changed("as it was", isBase),
    changed("real programs", isReal),
    changed("three actions proceed", ({ proceedOn }) => proceedOn.length > 1),
    changed("graph", ({ shape }) => shape === "graph"),
    changed("counters", ({ counters }) => counters),
    changed("first decides", ({ decides }) => decides === "first"),
    changed("middle decides", ({ decides }) => decides === "middle"),
  ]);
}

function matrix(result: Result, works: readonly (readonly [string, Work])[]): Lines {
  const rows = contestantsIn(result).map((name) => [
    name,
    ...works.map(([, work]) => {
      const row = rowOf(result, name, work);
      return row ? figure(row.aboveEmpty.value, result) : "";
    }),
  ]);
  return tableOf(
    ["", ...works.map(([name]) => name)],
    rows.filter((cells) => cells.some((cell, k) => k > 0 && cell !== "")),
  );
}

const key = (work: Work): string => JSON.stringify(work);

function rowOf(result: Result, name: string, work: Work): MeasuredRow | undefined {
  return measured(result).find((row) => row.contestant === name && key(row.work) === key(work));
}

const figure = (value: number, { unit }: Result): string => value.toFixed(unit === "ns" ? 1 : 0);

/** Medians with quartiles and ratios, of ten trivial programs. */
export function baseTable(result: Result): Lines {
  const rows = [EMPTY, ...contestantsIn(result)].flatMap((name) => {
    const row = rowOf(result, name, WORKS.find(isBase)!);
    if (!row) return [];
    const { median, q1, q3, aboveEmpty, ofOneFile } = row;
    const interval = q1 === q3 ? "" : ` (${figure(q1, result)} to ${figure(q3, result)})`;
    const compared = ofOneFile === undefined || name === EMPTY ? "" : showEstimate(ofOneFile);
    return [[name, `${figure(median, result)}${interval}`, figure(aboveEmpty.value, result), compared]];
  });
  return tableOf(["", `${result.unit}, median (quartiles)`, "above the empty run", `of ${LIMIT}`], rows);
}

/** Of each contestant on each work, where it has no figure: why. */
export function absences({ rows }: Result): Lines {
  const reasons = rows.flatMap((row) => (isMeasured(row) ? [] : [`* ${row.contestant}: ${row.absent}`]));
  return [...new Set(reasons)];
}

export function contestSpread(result: Result): string {
  const rows = measured(result);
  if (result.unit === "instructions") {
    const agreeing = rows.filter(({ samples }) => samples.every((sample) => sample === samples[0])).length;
    const most = rows[0]!.samples.length;
    return `all ${most} rounds agree in ${agreeing} of ${rows.length} rows, at least two of them in the others.`;
  }
  const shares = rows.map(({ q1, median, q3 }) => (q3 - q1) / median);
  const { median, q3 } = quartiles(shares);
  return (
    `the quartiles of half of the rows lie within ${percent(median)} of the median, of three quarters within ${percent(q3)}; ` +
    `the farthest ${percent(Math.max(...shares))}.`
  );
}

/** All claims, with what each run found. @param others and as what they were measured */
export function claimsTable(
  results: readonly Result[],
  others: readonly { readonly as: string; readonly claims: readonly Claim[] }[] = [],
): Lines {
  const all = [...results.map((result) => ({ as: measuredAs(result), claims: claimsOf(result) })), ...others];
  const rows = all.flatMap(({ as, claims }) =>
    claims.map(({ says, found, holds, undecided }) => [
      says,
      as,
      found,
      holds ? "yes" : undecided ? "not decided" : "**no**",
    ]),
  );
  return ["| | measured as | found | holds |", "|---|---|---|---|", ...rows.map((cells) => `| ${cells.join(" | ")} |`)];
}

const measuredAs = (result: Result): string => `${result.unit}, ${kernelOf(result)}`;

/** Ten trivial programs by each contestant: instructions on each kernel, and nanoseconds. */
export function tenTable(
  instructions: readonly Result[],
  dispatcher: Result,
  names = contestantsIn(instructions[0]!).filter((name) => name !== slowedCall.name),
): Lines {
  const results = [...instructions, dispatcher];
  const base = WORKS.find(isBase)!;
  const rows = names.flatMap((name) => {
    const found = results.map((result) => rowOf(result, name, base));
    if (found.every((row) => row === undefined)) return [];
    return [[name, ...found.map((row, k) => (row ? figure(row.aboveEmpty.value, results[k]!) : ""))]];
  });
  return tableOf(["", ...results.map((result) => `${result.unit}, ${kernelOf(result)}`)], rows);
}

/** Lengths between which the cost of one more program is told. */
const STRETCHES = [
  [2, 10],
  [10, 32],
  [32, 64],
  [64, 128],
  [128, 250],
] as const;

/** What one program more costs, in the first programs of a chain and further on. */
export function slopeTable(results: readonly Result[], contestants: readonly string[]): Lines {
  const rows = contestants.flatMap((name) =>
    results.map((result) => [
      `${name}, ${result.unit} on ${kernelOf(result)}`,
      ...STRETCHES.map((stretch) => slope(result, name, stretch)),
    ]),
  );
  return tableOf(
    ["one program more, from", ...STRETCHES.map(([from, to]) => `${from} to ${to}`)],
    rows.filter(([, ...cells]) => cells.some((cell) => cell !== "")),
  );
}

function slope(result: Result, name: string, [from, to]: readonly [number, number]): string {
  const at = (programs: number): number | undefined => {
    const work = WORKS.find((each) => isOfAxis(each) && each.programs === programs)!;
    return rowOf(result, name, work)?.aboveEmpty.value;
  };
  const [few, many] = [at(from), at(to)];
  if (few === undefined || many === undefined) return "";
  const each = (many - few) / (to - from);
  return result.unit === "ns" ? each.toFixed(2) : `${Number(each.toFixed(1))}`;
}
