/**
 * What the figures must show. A claim is about the rows of one run, so both sides were measured side by side; it says what it
 * found whether it holds or not, and does not hold where one of the two was not measured, or where the whole interval of what was
 * found is not within the limits: a run that spreads more proves less.
 */
import { EMPTY, SLOWED, slowedCall } from "./contestants/index.ts";
import { above, type Estimate, estimate, quartiles, ratio } from "./figures.ts";
import type { Measured, Row } from "./measure.ts";
import { byWork, find, showEstimate } from "./table.ts";
import { baseLength, isBase, type Work } from "./work.ts";

export interface Claim {
  readonly says: string;
  readonly found: string;
  readonly holds: boolean;
  /** It may hold: a limit lies in the interval of what was found. */
  readonly undecided?: true;
}

/** What instructions must show; they are exact, so a claim that does not hold is a failure. */
export function exactClaims(rows: readonly Row[]): readonly Claim[] {
  return [
    atMost(rows, "freplace", "libxdp", 0.65),
    atMost(rows, "call", "libxdp", 0.6),
    atMost(rows, "inline", "one C file", 1.1),
    ...["inline", "call", "freplace"].map((linkage) => linear(rows, linkage, 0.02)),
    slowedExactly(rows),
  ];
}

/** What nanoseconds must show on the machine that runs them; a shared one may fail to, which is said and fails nothing. */
export function hostClaims(rows: readonly Row[]): readonly Claim[] {
  return [
    atMost(rows, "inline", "one C file", 1.1),
    atMost(rows, "inline", "call", 0.35),
    ...["inline", "call"].map((linkage) => linear(rows, linkage, 0.25)),
    slowedVisibly(rows),
  ];
}

export function showClaims(claims: readonly Claim[]): readonly string[] {
  return claims.map((claim) => `${verdictOn(claim).padEnd(9)} ${claim.says}: ${claim.found}`);
}

function verdictOn({ holds, undecided }: Claim): string {
  if (holds) return "holds";
  return undecided ? "UNDECIDED" : "FAILS";
}

/** Whether what was found lies between limits, as far as its interval tells. */
function within({ low, high }: Estimate, { from = -Infinity, to = Infinity }): Pick<Claim, "holds" | "undecided"> {
  if (low >= from && high <= to) return { holds: true };
  return { holds: false, ...(high >= from && low <= to && { undecided: true }) };
}

interface Pair {
  readonly one: readonly number[];
  readonly other: readonly number[];
  readonly empty: readonly number[];
}

/** A claim about two contestants on the base work. */
function compared(
  rows: readonly Row[],
  [one, other]: readonly [string, string],
  says: string,
  judge: (pair: Pair) => Omit<Claim, "says">,
): Claim {
  const ofBase = rows.filter(({ work }) => isBase(work));
  const [a, b, empty] = [one, other, EMPTY].map((name) => find(ofBase, name)?.samples);
  return { says, ...(a && b && empty ? judge({ one: a, other: b, empty }) : MISSING) };
}

const MISSING = { found: "not measured", holds: false };

function atMost(rows: readonly Row[], one: string, other: string, limit: number): Claim {
  const says = `${one} takes at most ${limit.toFixed(2)} of ${other}, ten trivial programs`;
  return compared(rows, [one, other], says, (pair) => {
    const found = ratio(pair.one, pair.other, pair.empty);
    return { found: showEstimate(found), ...within(found, { to: limit }) };
  });
}

/** From the first ten programs on to the longest chain, a program costs what it costs within the first ten. @param tolerance a part of that */
function linear(rows: readonly Row[], contestant: string, tolerance: number): Claim {
  const line = [...byWork(rows).values()].flatMap((ofWork): readonly Point[] => {
    const [row, empty] = [find(ofWork, contestant), find(ofWork, EMPTY)];
    return row && empty && isOfAxis(row.work) ? [{ row, empty }] : [];
  });
  const at = (programs: number): Point | undefined => line.find(({ row }) => row.work.programs === programs);
  const [start, ten, end] = [at(2), at(baseLength), line.at(-1)];
  const length = end?.row.work.programs ?? 0;
  const says = `a program costs ${contestant} up to ${length} of them what it does within the first ten, \u00b1 ${100 * tolerance} %`;
  if (!start || !ten || !end || length <= baseLength) return { says, ...MISSING };
  const lists = [start, ten, end].flatMap(({ row, empty }) => [row.samples, empty.samples]);
  // Their rounds were not at the same moments, so each work's are drawn on their own.
  const found = estimate(
    lists,
    ([a, a0, b, b0, c, c0]) => {
      const [few, some, many] = [beyond(a!, a0!), beyond(b!, b0!), beyond(c!, c0!)];
      return (many - some) / (length - baseLength) / ((some - few) / (baseLength - start.row.work.programs));
    },
    2,
  );
  return { says, found: showEstimate(found), ...within(found, { from: 1 - tolerance, to: 1 + tolerance }) };
}

interface Point {
  readonly row: Measured;
  readonly empty: Measured;
}

const beyond = (samples: readonly number[], empty: readonly number[]): number =>
  quartiles(samples).median - quartiles(empty).median;

/** Whether a work differs from the base by its number of programs at most. */
const isOfAxis = (work: Work): boolean => isBase({ ...work, programs: baseLength });

const forNothing = baseLength * SLOWED;

function slowedExactly(rows: readonly Row[]): Claim {
  return compared(rows, [slowedCall.name, "call"], `${forNothing} instructions for nothing are seen`, (pair) => {
    const found = quartiles(pair.one).median - quartiles(pair.other).median;
    return { found: `${found}`, holds: found === forNothing };
  });
}

function slowedVisibly(rows: readonly Row[]): Claim {
  return compared(rows, [slowedCall.name, "call"], `${forNothing} instructions for nothing are seen`, (pair) => {
    const { value, low, high } = above(pair.one, pair.other);
    const found = `${value.toFixed(1)} ns more (${low.toFixed(1)} to ${high.toFixed(1)})`;
    return { found, holds: low > 0 };
  });
}
