/** What came of a soak, what of it did not hold, and both as text. */
import type { Passed } from "../support/generations.ts";
import { HELD, type Held } from "./leftovers.ts";

export interface Report {
  readonly seed: number;
  readonly seconds: number;
  readonly deeds: Readonly<Record<string, Tally>>;
  readonly swaps: number;
  /** Frames that went in, that came to the last program, and those of them that met two generations. */
  readonly frames: Passed & { readonly sent: number };
  /** Attached, before the first deed and after the last. */
  readonly before: Held;
  readonly after: Held;
  /** Resident megabytes: the medians of the second tenth of the run and of the last. */
  readonly memory: { readonly early: number; readonly late: number };
  /** What did not hold; empty where all did. */
  readonly failures: readonly string[];
}

/** How often a deed was done, and how often it changed the chain. */
export interface Tally {
  done: number;
  changed: number;
}

/** Of the memory early on, that the end may have more: the engine's own heap breathes. */
const GROWTH = 1.15;

/** What does not hold at the end, whatever the deeds said. */
export function failuresOf({ frames, before, after, memory }: Omit<Report, "failures">): readonly string[] {
  const failures: string[] = [];
  if (frames.seen !== frames.sent) failures.push(`${frames.sent} frames went in, and ${frames.seen} came out`);
  if (frames.mixed > 0) failures.push(`${frames.mixed} frames met two generations`);
  for (const key of HELD) {
    if (after[key] > before[key]) failures.push(`${key}: ${before[key]} before, ${after[key]} after`);
  }
  for (const [kind, count] of Object.entries(after.fds)) {
    const had = before.fds[kind] ?? 0;
    if (count > had) failures.push(`fds of kind ${kind}: ${had} before, ${count} after`);
  }
  if (memory.late > memory.early * GROWTH) {
    failures.push(`resident memory grew from ${memory.early.toFixed(0)} to ${memory.late.toFixed(0)} MB`);
  }
  return failures;
}

/** @param megabytes resident, after each deed */
export function growth(megabytes: readonly number[]): Report["memory"] {
  const tenth = Math.ceil(megabytes.length / 10);
  return { early: median(megabytes.slice(tenth, 2 * tenth)), late: median(megabytes.slice(-tenth)) };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

export function reportText({ seed, seconds, deeds, swaps, frames, before, after, memory, failures }: Report): string {
  const number = (value: number): string => value.toLocaleString("en-US");
  return [
    `${number(swaps)} swaps in ${seconds.toFixed(0)} s, seed ${seed}`,
    ...Object.entries(deeds).map(
      ([name, { done, changed }]) =>
        `  ${name.padEnd(36)}${number(done).padStart(8)}, of which ${number(changed)} changed the chain`,
    ),
    `frames: ${number(frames.sent)} in, ${number(frames.seen)} out, ${number(frames.mixed)} met two generations`,
    ...([...HELD, "bytes"] as const).map((key) => `${key}: ${number(before[key])} before, ${number(after[key])} after`),
    `fds: ${kinds(before)} before, ${kinds(after)} after`,
    `resident memory: ${memory.early.toFixed(0)} MB early, ${memory.late.toFixed(0)} MB late`,
    "Programs, maps and links are those of the whole machine: let nobody else load any meanwhile.",
    ...(failures.length === 0 ? ["all held"] : failures.map((failure) => `FAILED: ${failure}`)),
    "",
  ].join("\n");
}

const kinds = ({ fds }: Held): string =>
  Object.entries(fds)
    .map(([kind, count]) => `${count} of ${kind}`)
    .join(", ");
