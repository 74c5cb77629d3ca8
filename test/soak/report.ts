/** What came of a soak, what of it did not hold, and both as text. */
import type { Passed } from "../support/generations.ts";
import { type Held, leftovers } from "./leftovers.ts";
import { type Growth, JUDGED_SWAPS } from "./memory.ts";

export interface Report {
  /** Its release. */
  readonly kernel: string;
  readonly seed: number;
  readonly seconds: number;
  readonly deeds: Readonly<Record<string, Tally>>;
  readonly swaps: number;
  /** Swaps after which a program ran by it, of each linkage that was asked for. */
  readonly linkages: Readonly<Record<string, number>>;
  /** Linkages that this kernel refuses, and why. */
  readonly refused: Readonly<Record<string, string>>;
  /** Swaps after which the chain ran in it, of each mode that was seen. */
  readonly modes: Readonly<Record<string, number>>;
  readonly kills: Kills;
  readonly frames: Frames;
  /** Attached, before the first deed and after the last. */
  readonly before: Held;
  readonly after: Held;
  readonly memory: Growth;
  /** What did not hold; empty where all did. */
  readonly failures: readonly string[];
}

/** How often a deed was done, and how often it changed the chain. */
export interface Tally {
  done: number;
  changed: number;
}

/** Of processes that were to be killed. */
export interface Kills {
  done: number;
  /** Their transaction had begun, and was not done. */
  inside: number;
}

/** Those that went in, that came to the last program, and of these those that met two generations. */
export interface Frames extends Passed {
  readonly sent: number;
  /** Swaps during whose deed none came to the last program. */
  readonly quietSwaps: number;
}

/** If one swap in sixteen went wrong, so many would show it in 19 runs of 20. */
const LEAST_SWAPS = 50;
/** Of each linkage: the rarest is in a third of all chains. */
const LEAST_OF_LINKAGE = 5;
/** Of all swaps, while which no frame need pass: the sender pauses between two of its calls. Measured: up to 7 in 100. */
const QUIET = 0.15;
/**
 * Pages that the engine and malloc still take: 10,000 to 12,000 bytes for each of swaps 150 to 300, and of thousands of swaps 1,000
 * bytes each. Objects that a swap does not close are 10,000 each, and a swap opens five or so.
 */
const bytesPerSwap = (judged: number): number => (judged < 1000 ? 24_576 : 4096);

/** What does not hold at the end, whatever the deeds said. */
export function failuresOf(report: Omit<Report, "failures">): readonly string[] {
  return [
    ...tooLittle(report),
    ...lost(report.frames),
    ...leftovers(report.before, report.after),
    ...grown(report.memory),
  ];
}

/** What was not done often enough to say anything. */
function tooLittle({ deeds, swaps, linkages, kills, frames }: Omit<Report, "failures">): readonly string[] {
  const failures: string[] = [];
  if (swaps < LEAST_SWAPS)
    failures.push(`${swaps} swaps say too little, it takes ${LEAST_SWAPS}: give --swaps or --minutes more`);
  for (const [name, { done }] of Object.entries(deeds))
    if (done === 0) failures.push(`${name}: never done; look at the failures above, or let the run be longer`);
  for (const [linkage, count] of Object.entries(linkages)) {
    if (count < LEAST_OF_LINKAGE)
      failures.push(
        `linkage ${linkage}: ran after ${count} swaps, of ${LEAST_OF_LINKAGE} at least; let the run be longer`,
      );
  }
  if (kills.done > 0 && kills.inside === 0)
    failures.push(`none of ${kills.done} kills hit a transaction; look at what apply says on the way (kill.ts)`);
  if (frames.quietSwaps > swaps * QUIET)
    failures.push(`no frame passed during ${frames.quietSwaps} of ${swaps} swaps; look at what keeps the sender`);
  return failures;
}

function lost({ sent, seen, mixed }: Frames): readonly string[] {
  const failures: string[] = [];
  if (sent === 0)
    failures.push("no frame went in; look at whether the interfaces are up, and their drops (ip -s link)");
  if (seen !== sent)
    failures.push(`${sent} frames went in, and ${seen} came out; look for a swap that leaves the hook or a slot empty`);
  if (mixed > 0)
    failures.push(`${mixed} frames met two generations; look for a swap that is more than one bpf_link_update`);
  return failures;
}

function grown({ swaps, perSwap }: Growth): readonly string[] {
  const most = bytesPerSwap(swaps);
  if (perSwap === undefined || perSwap <= most) return [];
  return [
    `resident memory grows by ${number(perSwap)} bytes for each swap, over the last ${swaps}, of ${number(most)} at ` +
      "most; compare two heap snapshots (node --heapsnapshot-signal), and what libbpf's objects are closed by",
  ];
}

export function reportText(report: Report): string {
  const { kernel, seed, seconds, deeds, swaps, linkages, refused, modes, kills, frames, memory, failures } = report;
  const { before, after } = report;
  return [
    `${number(swaps)} swaps in ${number(seconds)} s on Linux ${kernel}, seed ${seed}`,
    ...Object.entries(deeds).map(
      ([name, { done, changed }]) =>
        `  ${name.padEnd(36)}${number(done).padStart(8)}, of which ${number(changed)} changed the chain`,
    ),
    `linkages, with the swaps after which they ran: ${listed(linkages)}`,
    ...Object.entries(refused).map(([linkage, reason]) => `linkage ${linkage} left out: ${reason}`),
    `modes, likewise: ${listed(modes)}`,
    `kills: ${number(kills.done)}, of which ${number(kills.inside)} inside a transaction`,
    `frames: ${number(frames.sent)} in, ${number(frames.seen)} out, ${number(frames.mixed)} met two generations; ` +
      `${number(frames.quietSwaps)} swaps met none`,
    ...["program", "map", "link"].map(
      (kind) => `${kind}s: ${counted(before, kind)} before, ${counted(after, kind)} after`,
    ),
    `locked: ${number(locked(before))} bytes before, ${number(locked(after))} after`,
    `pins: ${number(before.pins)} before, ${number(after.pins)} after`,
    `fds: ${listed(after.fds)}`,
    `resident memory: ${number(memory.bytes)} bytes, ${growthText(memory)}`,
    "Programs, maps and links are those of the whole machine: let nobody else load any meanwhile.",
    ...(failures.length === 0 ? ["all held"] : failures.map((failure) => `FAILED: ${failure}`)),
    "",
  ].join("\n");
}

const growthText = ({ swaps, perSwap }: Growth): string =>
  perSwap === undefined
    ? `growth not judged: the later half has ${number(swaps)} swaps, and it takes ${JUDGED_SWAPS}`
    : `growing by ${number(perSwap)} for each of the last ${number(swaps)} swaps`;

const number = (value: number): string => Math.round(value).toLocaleString("en-US");

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([what, count]) => `${number(count)} ${what}`)
    .join(", ") || "none";

const counted = ({ loaded }: Held, kind: string): string =>
  number(Object.entries(loaded).reduce((sum, [what, { count }]) => sum + (what.startsWith(kind) ? count : 0), 0));

const locked = ({ loaded }: Held): number => Object.values(loaded).reduce((sum, { bytes }) => sum + bytes, 0);
