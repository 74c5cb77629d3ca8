/**
 * Two results of a section side by side. Instructions agree when they are equal. Nanoseconds of two runs differ with the
 * machine's speed, and what is told from them are ratios: they agree when their intervals overlap.
 */
import type { Estimate } from "./figures.ts";
import { isMeasured } from "./measure.ts";
import { readResult, type Result, type ResultRow } from "./result.ts";
import { showEstimate } from "./table.ts";
import { nameOf } from "./work.ts";

/** Intervals hold 95 of 100 figures; two that are right overlap nearly always, and of hundreds a few may not. */
const MAY_DISAGREE = 0.05;

/** Prints what does not agree. @returns the exit status: 0 where the runs agree, 1 where they do not, 2 for wrong words */
export function compareResults(paths: readonly string[]): number {
  const [first, second] = paths;
  if (first === undefined || second === undefined || paths.length > 2) {
    console.error(`bench compare takes two result files, not ${paths.length}: npm run bench -- compare A.json B.json`);
    return 2;
  }
  const [a, b] = [readOrSay(first), readOrSay(second)];
  if (!a || !b) return 2;
  if (a.unit !== b.unit) {
    console.error(`${first} counts ${a.unit} and ${second} counts ${b.unit}: they cannot be compared`);
    return 2;
  }
  const others = new Map(b.rows.map((row) => [keyOf(row), row]));
  const pairs = a.rows.flatMap((row): readonly (readonly [string, Estimate, Estimate])[] => {
    const other = others.get(keyOf(row));
    const [one, two] = [figureOf(row, a.unit), other && figureOf(other, a.unit)];
    return one && two ? [[keyOf(row), one, two]] : [];
  });
  const apart = pairs.filter(([, one, two]) => one.low > two.high || two.low > one.high);
  for (const [key, one, two] of apart) console.log(`${key}: ${showEstimate(one)}, then ${showEstimate(two)}`);
  const allowed = a.unit === "ns" ? Math.floor(MAY_DISAGREE * pairs.length) : 0;
  const what = a.unit === "ns" ? "ratios to the one C file, whose intervals overlap" : "counts of instructions";
  console.log(`${pairs.length - apart.length} of ${pairs.length} agree: ${what}; ${allowed} may not`);
  return pairs.length > 0 && apart.length <= allowed ? 0 : 1;
}

function readOrSay(path: string): Result | undefined {
  try {
    return readResult(path);
  } catch (error) {
    console.error(`bench compare: ${(error as Error).message}`);
    return undefined;
  }
}

const keyOf = ({ contestant, work }: ResultRow): string => `${contestant}, ${nameOf(work)}`;

function figureOf(row: ResultRow, unit: "ns" | "instructions"): Estimate | undefined {
  if (!isMeasured(row)) return undefined;
  return unit === "ns" ? row.ofOneFile : { value: row.median, low: row.median, high: row.median };
}
