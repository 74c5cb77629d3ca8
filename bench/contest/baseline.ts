/**
 * bench/baseline.json: instructions per packet of our linkages, above the empty run, as they were when somebody last agreed to
 * them. Fewer are fine, and worth an update; more are a failure until the file says so, with the reason in the commit.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type Linkage, LINKAGES } from "../../src/chain/index.ts";
import type { Environment } from "../environment.ts";
import { EMPTY } from "./contestants/index.ts";
import { quartiles } from "./figures.ts";
import type { Row } from "./measure.ts";
import { byWork, find } from "./table.ts";

const FILE = "bench/baseline.json";

interface Baseline {
  /** What the counts depend on beside our code. */
  readonly kernel: string;
  readonly clang: string;
  /** By the work's name and the linkage. */
  readonly instructions: Readonly<Record<string, Counts>>;
}

type Counts = Partial<Record<Linkage, number>>;

export interface Difference {
  readonly work: string;
  readonly linkage: Linkage;
  /** Undefined for one that the baseline has not. */
  readonly was: number | undefined;
  /** Undefined for one that could not be counted. */
  readonly is: number | undefined;
}

export function compareToBaseline(rows: readonly Row[], baseline = readBaseline()): readonly Difference[] {
  return [...counted(rows)].flatMap(([work, counts]) =>
    LINKAGES.flatMap((linkage): readonly Difference[] => {
      const [was, is] = [baseline.instructions[work]?.[linkage], counts[linkage]];
      return is === was ? [] : [{ work, linkage, was, is }];
    }),
  );
}

/** What is a failure: counts that rose, that nobody agreed to, or that are gone. */
export function showDifference(all: readonly Difference[]): readonly string[] {
  const risen = all.filter(({ was, is }) => was === undefined || is === undefined || is > was);
  if (risen.length === 0) return [];
  const width = Math.max(...risen.map(({ work }) => work.length)) + 2;
  return [
    `instructions per packet, above the empty run, rose against ${FILE}:`,
    ...risen.map(({ work, linkage, was, is }) => {
      return `  ${work.padEnd(width)}${linkage.padEnd(10)}${changeOf(was, is)}`;
    }),
    "where that is meant, `npm run bench -- instructions --update-baseline` and the reason in the commit",
  ];
}

function changeOf(was: number | undefined, is: number | undefined): string {
  if (is === undefined) return `${was}, and not counted now`;
  return was === undefined ? `${is}, which the baseline has not` : `${was} -> ${is}  (+${is - was})`;
}

/** Writes the counts of these rows, and keeps those of works that were not measured. */
export function updateBaseline(rows: readonly Row[], { kernel, versions }: Environment): void {
  const instructions = { ...readBaseline().instructions, ...Object.fromEntries(counted(rows)) };
  const baseline: Baseline = { kernel, clang: versions.clang, instructions };
  writeFileSync(FILE, `${JSON.stringify(baseline, undefined, 2)}\n`);
}

function readBaseline(): Baseline {
  if (!existsSync(FILE)) return { kernel: "", clang: "", instructions: {} };
  return JSON.parse(readFileSync(FILE, "utf8")) as Baseline;
}

function counted(rows: readonly Row[]): ReadonlyMap<string, Counts> {
  return new Map(
    [...byWork(rows)].map(([work, ofWork]): [string, Counts] => {
      const empty = quartiles(find(ofWork, EMPTY)!.samples).median;
      const counts = LINKAGES.flatMap((linkage): readonly [Linkage, number][] => {
        const row = find(ofWork, linkage);
        return row ? [[linkage, quartiles(row.samples).median - empty]] : [];
      });
      return [work, Object.fromEntries(counts)];
    }),
  );
}
