/**
 * What a swap takes, and whether packets notice.
 *
 * Rows `kind: "time"`, of one change in a process that has made others before, the object of the last program replaced:
 *     linkage, programs
 *     milliseconds    {min, median, max} of the whole call
 *     steps           medians of its parts, in ms: `read` what runs, `open` objects (libbpf parses them), `load` (maps, BTF,
 *                     verifier, JIT), `bind` extensions to slots, `pin`, `commit` (bpf_link_update, which ends with a grace
 *                     period of RCU: kernel/bpf/dispatcher.c, bpf_dispatcher_update), `grace` (another one, until no packet is
 *                     in the old dispatcher, where that has slots to unpin), `own` (all the rest: synthesis of the dispatcher,
 *                     locks and files)
 *     graceShare      of `commit` and `grace` in the whole, by the medians: what only the kernel could make shorter
 *     swapsPerSecond  one after the other, by the median
 * Rows `kind: "several"`: the same change on 16 interfaces at once, one process:
 *     linkage, programs, interfaces
 *     together        one attachment of all, which share a dispatcher; else one each, updated at the same time
 *     milliseconds    {min, median, max} for all together
 *     swapsPerSecond  of all, by the median
 * Rows `kind: "traffic"`: swaps under traffic, as many as go:
 *     linkage, mode, programs
 *     swaps, milliseconds
 *     frames          that the first program of the chain saw
 *     lost            sent, less those that found the ring full, less those that the first program saw: 0
 *     between         those that the first program saw, less those that the last one saw: 0
 *     mixed           whose first program was of another generation than their last one: 0
 */
import { setImmediate } from "node:timers/promises";
import {
  type Chain,
  type Linkage,
  MODES,
  type Mode,
  type ObjectLinkage,
  OBJECT_LINKAGES,
  type Program,
} from "../../src/chain/index.ts";
import {
  attach,
  attachAll,
  type Attachment,
  type Attachments,
  openKernel,
  openMap,
  thisMachine,
} from "../../src/loader/index.ts";
import { chainOf } from "../../test/support/chains.ts";
import { compiled } from "../contest/compiled.ts";
import { peer } from "../contest/sources.ts";
import { type Options, scopeOf } from "../section.ts";
import { showSpread, type Spread, spread } from "../statistics.ts";
import { objectOf, passing, same, unpinAll } from "./chains.ts";
import type { Experiment } from "./experiment.ts";
import { senderObject, startSender } from "./sender.ts";
import { type Part, PARTS, timed } from "./steps.ts";
import { linkagesHere } from "./subject.ts";
import { senderOf, wire } from "./wire.ts";

type Steps = Readonly<Record<Part | "own", number>>;

export type SwapRow =
  | {
      readonly kind: "time";
      readonly linkage: Linkage;
      readonly programs: number;
      readonly milliseconds: Spread;
      readonly steps: Steps;
      readonly graceShare: number;
      readonly swapsPerSecond: number;
    }
  | {
      readonly kind: "several";
      readonly linkage: Linkage;
      readonly programs: number;
      readonly interfaces: number;
      readonly together: boolean;
      readonly milliseconds: Spread;
      readonly swapsPerSecond: number;
    }
  | {
      readonly kind: "traffic";
      readonly linkage: ObjectLinkage;
      readonly mode: Mode;
      readonly programs: number;
      readonly swaps: number;
      readonly milliseconds: number;
      readonly frames: number;
      readonly lost: number;
      readonly between: number;
      readonly mixed: number;
    };

interface Plan {
  readonly lengths: readonly number[];
  readonly rounds: number;
  readonly interfaces: number;
  /** Of traffic, for each linkage and mode. */
  readonly milliseconds: number;
}

const PLANS: Readonly<Record<"full" | "quick" | "smoke", Plan>> = {
  full: { lengths: [1, 10, 100, 250], rounds: 15, interfaces: 16, milliseconds: 5000 },
  quick: { lengths: [1, 10], rounds: 7, interfaces: 16, milliseconds: 1000 },
  smoke: { lengths: [2], rounds: 1, interfaces: 2, milliseconds: 100 },
};

/** Programs of the chains of several interfaces and under traffic. */
const FEW = 10;
const MOST_TAIL_CALLS = 32;

const generationObject = (): Uint8Array => compiled(peer("generation"));

export const swap: Experiment<SwapRow> = {
  name: "swap",
  method:
    "A veth pair; chains of programs without maps, of which the last one's object changes with every swap, by calls of the " +
    "library in one process. Each call of the kernel is timed at the loader's seam and counted to its step. Under traffic a " +
    "sender on another processor sends live frames all the while; the first program of each generation writes its number " +
    "into the frame, and the last one reads it; both count.",
  caveats: [
    "The programs are a few instructions: of real ones the step `load` takes longer.",
    "A grace period takes as long as the machine's other processors need to pass through a quiet state: it varies with load and CONFIG_HZ.",
    "Sender and swaps share two processors: under traffic swaps take longer than without.",
  ],
  prepare() {
    for (const version of [0, 1]) objectOf("lean", version);
    generationObject();
    senderObject();
  },
  async measure(options) {
    const plan = PLANS[scopeOf(options)];
    try {
      const rows: SwapRow[] = [];
      for (const programs of plan.lengths) {
        for (const linkage of linkagesHere()) {
          if (linkage === "tail" && programs > MOST_TAIL_CALLS) continue;
          options.progress(`${programs} programs by ${linkage}`);
          rows.push(await timeOf(linkage, programs, plan));
        }
      }
      for (const linkage of linkagesHere()) {
        options.progress(`${plan.interfaces} interfaces at once by ${linkage}`);
        for (const together of [true, false]) rows.push(await several(linkage, together, plan));
      }
      for (const linkage of OBJECT_LINKAGES.filter((one) => linkagesHere().includes(one))) {
        for (const mode of MODES) rows.push(await underTraffic(linkage, mode, plan, options));
      }
      return rows;
    } finally {
      unpinAll();
    }
  },
  show: (rows) => ["One change of a chain, in ms: median (minimum to maximum), and its steps", ...rows.map(shown)],
  failure(rows) {
    const wrong = rows.filter(
      (row) => row.kind === "traffic" && (row.lost !== 0 || row.between !== 0 || row.mixed !== 0),
    );
    return wrong.length === 0 ? undefined : wrong.map(shown).join("\n  ");
  },
};

function shown(row: SwapRow): string {
  const what = `${`${row.programs}`.padStart(3)} by ${row.linkage.padEnd(9)}`;
  switch (row.kind) {
    case "time": {
      const steps = Object.entries(row.steps).map(([name, ms]) => `${name} ${ms.toFixed(2)}`);
      const grace = `${(100 * row.graceShare).toFixed(0)} % grace`;
      return `${what}${showSpread(row.milliseconds, 1).padEnd(26)} ${grace}, ${row.swapsPerSecond.toFixed(0)}/s: ${steps.join(", ")}`;
    }
    case "several":
      return `${what}${showSpread(row.milliseconds, 1).padEnd(26)} ${row.interfaces} interfaces ${row.together ? "together" : "at once"}, ${row.swapsPerSecond.toFixed(0)}/s`;
    case "traffic": {
      const { mode, swaps, frames, lost, between, mixed, milliseconds } = row;
      const rate = `${(swaps / (milliseconds / 1000)).toFixed(0)}/s under ${(frames / milliseconds / 1000).toFixed(2)} million frames/s`;
      return `${what} ${mode}: ${swaps} swaps, ${rate}: ${frames} frames, ${lost} lost, ${between} lost between, ${mixed} mixed`;
    }
  }
}

/** Two chains that differ in the last program's object, or for `tail` in what is loaded in the slot before the last too. */
function pair(linkage: Linkage, programs: number): readonly [Chain, Chain] {
  const others = same(programs - 1);
  const [a, b] = [passing(linkage, [...others, 0]), passing(linkage, [...others, 1])];
  // One loaded program alone would be replaced in its slot, and the dispatcher run on.
  return linkage === "tail" ? [a, { ...b, end: "pass" }] : [a, b];
}

async function timeOf(linkage: Linkage, programs: number, { rounds }: Plan): Promise<SwapRow> {
  using ends = wire("bs", 1, "softirq");
  const [a, b] = pair(linkage, programs);
  const clock = timed(openKernel());
  const machine = { ...thisMachine("bench", () => {}), kernel: clock.kernel };
  const live = await attach(a, ends.far, { machine });
  try {
    await live.update(b);
    const samples: { readonly whole: number; readonly parts: Readonly<Record<Part, number>> }[] = [];
    for (let round = 0; round < 2 * rounds; round++) {
      clock.reset();
      const start = performance.now();
      const { outcome } = await live.update(round % 2 === 0 ? a : b);
      samples.push({ whole: performance.now() - start, parts: clock.parts() });
      if (outcome !== "swapped") throw new Error(`a change of ${linkage} was ${outcome}, not swapped`);
    }
    const milliseconds = spread(samples.map(({ whole }) => whole));
    const part = (name: Part): number => spread(samples.map(({ parts }) => parts[name])).median;
    const known = Object.fromEntries(PARTS.map((name) => [name, part(name)])) as Record<Part, number>;
    const own = spread(
      samples.map(({ whole, parts }) => whole - PARTS.reduce((sum, name) => sum + parts[name], 0)),
    ).median;
    return {
      kind: "time",
      linkage,
      programs,
      milliseconds,
      steps: { ...known, own },
      graceShare: (known.commit + known.grace) / milliseconds.median,
      swapsPerSecond: 1000 / milliseconds.median,
    };
  } finally {
    await live.detach();
  }
}

async function several(linkage: Linkage, together: boolean, { rounds, interfaces }: Plan): Promise<SwapRow> {
  const wires = Array.from({ length: interfaces }, (_, k) => wire(`bs${k}`, 1, "softirq"));
  const [a, b] = pair(linkage, FEW);
  const live: (Attachment | Attachments)[] = [];
  try {
    const ends = wires.map(({ far }) => far);
    if (together) live.push(await attachAll(b, ends));
    else for (const end of ends) live.push(await attach(b, end));
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      await Promise.all(live.map((one) => one.update(round % 2 === 0 ? a : b)));
      times.push(performance.now() - start);
    }
    const milliseconds = spread(times);
    const swapsPerSecond = (1000 * interfaces) / milliseconds.median;
    return { kind: "several", linkage, programs: FEW, interfaces, together, milliseconds, swapsPerSecond };
  } finally {
    for (const one of live) await one.detach();
    for (const one of wires) one[Symbol.dispose]();
  }
}

/** A chain whose first and last program are of generation `number`. */
function generation(linkage: ObjectLinkage, number: number): Chain {
  const end = (name: "first" | "last", priority: number): Program => ({
    name,
    priority,
    object: "generation.bpf.o",
    bytes: generationObject(),
    globals: { first: name === "first" ? 1 : 0, number },
  });
  const between = passing(linkage, same(FEW - 2)).programs.map((program, k) => ({ ...program, priority: k + 1 }));
  const programs = [end("first", 0), ...between, end("last", FEW)];
  return chainOf(programs, { name: "bench", linkage, end: "drop" });
}

async function underTraffic(linkage: ObjectLinkage, mode: Mode, plan: Plan, { progress }: Options): Promise<SwapRow> {
  progress(`${linkage} under traffic in ${mode} mode`);
  using ends = wire("bs", 1, "softirq");
  using sender = await startSender(ends.near, "minimum", senderOf(0));
  const live = await attach(generation(linkage, 1), ends.far, { mode });
  try {
    const dropped = ends.dropped();
    const done = new AbortController();
    const sending = sender.send(plan.milliseconds).finally(() => done.abort());
    let swaps = 0;
    const start = performance.now();
    while (!done.signal.aborted) {
      await live.update(generation(linkage, (++swaps % 255) + 1), { mode });
      await setImmediate();
    }
    const { sent } = await sending;
    const milliseconds = performance.now() - start;
    const [first, last] = [counted(live, "first"), counted(live, "last")];
    const lost = sent - (ends.dropped() - dropped) - first.seen;
    return {
      kind: "traffic",
      linkage,
      mode,
      programs: FEW,
      swaps,
      milliseconds,
      frames: first.seen,
      lost,
      between: first.seen - last.seen,
      mixed: last.mixed,
    };
  } finally {
    await live.detach();
  }
}

/** `struct counts` of bench/bpf/generation.c, of all processors. */
function counted(live: Attachment, program: string): { readonly seen: number; readonly mixed: number } {
  const { maps } = live.status().programs.find(({ name }) => name === program)!;
  using map = openMap(maps.find(({ name }) => name === "frames")!.pin);
  const value = map.lookup(new Uint8Array(4));
  const words = new BigUint64Array(value.buffer, value.byteOffset, value.length / 8);
  const sum = (word: number): number =>
    words.reduce((total, each, index) => total + (index % 2 === word ? Number(each) : 0), 0);
  return { seen: sum(0), mixed: sum(1) };
}
