/**
 * Two results of a section side by side: runs of the same kernel and the same clang, with the same rows. Instructions agree when
 * they are equal. Nanoseconds of two runs differ with the machine's speed, and what is told from them are ratios to `call`, which
 * does every work: they agree when their intervals overlap.
 */
import { EMPTY } from "./contestants/index.ts";
import { type Estimate, quartiles, ratio } from "./figures.ts";
import { isMeasured } from "./measure.ts";
import { readResult, type Result } from "./result.ts";
import { byWork, find, showEstimate } from "./table.ts";
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
  for (const [what, one, two] of conditionsOf(a, b)) {
    if (one === two) continue;
    console.error(`${first} was measured with ${what} ${one} and ${second} with ${two}: they cannot be compared`);
    return 2;
  }
  const [ones, twos] = [figuresOf(a), figuresOf(b)];
  const pairs = [...ones].flatMap(([key, one]): readonly (readonly [string, Estimate, Estimate])[] => {
    const two = twos.get(key);
    return two ? [[key, one, two]] : [];
  });
  const alone = [...ones.keys(), ...twos.keys()].filter((key) => !ones.has(key) || !twos.has(key));
  for (const key of alone) console.log(`${key}: only in ${ones.has(key) ? first : second}`);
  const apart = pairs.filter(([, one, two]) => one.low > two.high || two.low > one.high);
  for (const [key, one, two] of apart) console.log(`${key}: ${showEstimate(one)}, then ${showEstimate(two)}`);
  const allowed = a.unit === "ns" ? Math.floor(MAY_DISAGREE * pairs.length) : 0;
  const widths = pairs.map(([, { value, low, high }]) => (high - low) / value);
  const spread = `intervals whose median width is ${(100 * quartiles(widths).median).toFixed(0)} % of the figure`;
  const what = a.unit === "ns" ? `ratios to ${BASE}, by ${spread}` : "counts of instructions";
  console.log(`${pairs.length - apart.length} of ${pairs.length} agree: ${what}; ${allowed} may not`);
  return alone.length === 0 && apart.length <= allowed ? 0 : 1;
}

function readOrSay(path: string): Result | undefined {
  try {
    return readResult(path);
  } catch (error) {
    console.error(`bench compare: ${(error as Error).message}`);
    return undefined;
  }
}

/** What both were measured with; other figures would be no wonder. */
const conditionsOf = (a: Result, b: Result): readonly (readonly [string, string, string])[] => [
  ["kernel", a.environment.kernel, b.environment.kernel],
  ["machine", a.environment.machine, b.environment.machine],
  ["clang", a.environment.versions.clang, b.environment.versions.clang],
];

/** What the others' nanoseconds are divided by. */
const BASE = "call";

/** By contestant and work. */
function figuresOf({ rows, unit }: Result): ReadonlyMap<string, Estimate> {
  const figures = new Map<string, Estimate>();
  for (const ofWork of byWork(rows).values()) {
    const [empty, base] = [find(ofWork, EMPTY)?.samples, find(ofWork, BASE)?.samples];
    for (const row of ofWork.filter(isMeasured)) {
      const { contestant, work, samples } = row;
      const key = `${contestant}, ${nameOf(work)}`;
      const { median } = quartiles(samples);
      if (unit === "instructions") figures.set(key, { value: median, low: median, high: median });
      // These two are 0 and 1 whatever was measured.
      else if (contestant !== EMPTY && contestant !== BASE) figures.set(key, ratio(samples, base!, empty!));
    }
  }
  return figures;
}
