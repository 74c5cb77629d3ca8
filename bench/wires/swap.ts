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
 *     graceShare      of `commit` and `grace` in the whole, the median: what only the kernel could make shorter
 *     swapsPerSecond  one after the other, by the median
 * Rows `kind: "several"`: the same change on 16 interfaces at once, one process:
 *     linkage, programs, interfaces
 *     together        one attachment of all, which share a dispatcher; else one each, updated at the same time
 *     milliseconds    {min, median, max} for all together
 *     swapsPerSecond  of all, by the median
 * Rows `kind: "traffic"`: swaps under traffic, as many as go:
 *     linkage, mode, programs
 *     change          `swap`; or what shows that the counts below see what is wrong: `detach`, and attached again, which must lose
 *                     frames, and `two swaps`, one for each of two programs, which must mix some
 *     swaps, milliseconds
 *     frames          that the first program of the chain saw
 *     lost            sent, less those that found the ring full, less those that the first program saw: 0
 *     between         those that the first program saw, less those that the last one saw: 0
 *     mixed           whose first program was of another generation than their last one: 0
 */
import { rmSync } from "node:fs";
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
      readonly change: "swap" | "detach" | "two swaps";
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

/** An emulated processor is ten to twenty times as slow, and sender and swaps share it. */
const IN_GUEST: Plan = { lengths: [1, 10], rounds: 5, interfaces: 4, milliseconds: 30_000 };

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
    "into the frame, and the last one reads it; both count. That these counts see what is wrong is shown by a chain that is " +
    "detached and attached again, and by one whose two ends change in two swaps.",
  caveats: [
    "The programs are a few instructions: of real ones the step `load` takes longer.",
    "A grace period takes as long as the machine's other processors need to pass through a quiet state: it varies with load and CONFIG_HZ.",
    "Sender and swaps share two processors: under traffic swaps take longer than without.",
  ],
  prepare() {
    for (const version of VERSIONS) objectOf("lean", version);
    generationObject();
    senderObject();
  },
  async measure(options) {
    const scope = scopeOf(options);
    const plan = scope === "full" && process.env["XDPGEN_VM"] !== undefined ? IN_GUEST : PLANS[scope];
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
        for (const mode of MODES) rows.push(await underTraffic(linkage, mode, "swap", plan, options));
      }
      for (const change of ["detach", "two swaps"] as const)
        rows.push(await underTraffic("call", "native", change, plan, options));
      return rows;
    } finally {
      unpinAll();
    }
  },
  show: (rows) => ["One change of a chain, in ms: median (minimum to maximum), and its steps", ...rows.map(shown)],
  failure(rows) {
    const wrong = rows.filter((row) => row.kind === "traffic" && !isAsExpected(row));
    return wrong.length === 0 ? undefined : wrong.map(shown).join("\n  ");
  },
};

/** A section that takes hardly any time may not meet a frame. */
function isAsExpected({ change, lost, between, mixed, swaps }: Extract<SwapRow, { kind: "traffic" }>): boolean {
  switch (change) {
    case "swap":
      return lost === 0 && between === 0 && mixed === 0;
    case "detach":
      return lost > 0 || swaps < FEW;
    case "two swaps":
      return (lost === 0 && between === 0 && mixed > 0) || swaps < FEW;
  }
}

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
      const { mode, change, swaps, frames, lost, between, mixed, milliseconds } = row;
      const rate = `${(swaps / (milliseconds / 1000)).toFixed(0)}/s under ${(frames / milliseconds / 1000).toFixed(2)} million frames/s`;
      return `${what} ${mode}, ${change}: ${swaps} times, ${rate}: ${frames} frames, ${lost} lost, ${between} lost between, ${mixed} mixed`;
    }
  }
}

/** Of the last program. Three in turn: what runs and the generation that is kept have not loaded the one that comes. */
const VERSIONS = [0, 1, 2] as const;

/** Chains that differ in the last program's object, one for each change in turn. */
function inTurn(linkage: Linkage, programs: number): (change: number) => Chain {
  const others = same(programs - 1);
  const chains = VERSIONS.map((version) => passing(linkage, [...others, version]));
  return (change) => {
    const chain = chains[change % chains.length]!;
    // One loaded program alone would be replaced in its slot, and the dispatcher run on.
    return linkage === "tail" && change % 2 === 1 ? { ...chain, end: "pass" } : chain;
  };
}

async function timeOf(linkage: Linkage, programs: number, { rounds }: Plan): Promise<SwapRow> {
  using ends = wire("bs", 1, "softirq");
  const chain = inTurn(linkage, programs);
  const clock = timed(openKernel());
  const machine = { ...thisMachine("bench", () => {}), kernel: clock.kernel };
  const live = await attach(chain(0), ends.far, { machine });
  try {
    await live.update(chain(1));
    const samples: { readonly whole: number; readonly parts: Readonly<Record<Part, number>> }[] = [];
    for (let round = 0; round < 2 * rounds; round++) {
      clock.reset();
      const start = performance.now();
      const { outcome } = await live.update(chain(round + 2));
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
      graceShare: spread(samples.map(({ whole, parts }) => (parts.commit + parts.grace) / whole)).median,
      swapsPerSecond: 1000 / milliseconds.median,
    };
  } finally {
    await live.detach();
  }
}

async function several(linkage: Linkage, together: boolean, { rounds, interfaces }: Plan): Promise<SwapRow> {
  const wires = Array.from({ length: interfaces }, (_, k) => wire(`bs${k}`, 1, "softirq"));
  const chain = inTurn(linkage, FEW);
  const live: (Attachment | Attachments)[] = [];
  try {
    const ends = wires.map(({ far }) => far);
    if (together) live.push(await attachAll(chain(0), ends));
    else for (const end of ends) live.push(await attach(chain(0), end));
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      await Promise.all(live.map((one) => one.update(chain(round + 1))));
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

/** Where the counts of the two ends are, so that they outlive an attachment. */
const COUNTS = "/sys/fs/bpf/xdpgen-bench-counts";
const countsOf = (name: "first" | "last"): string => `${COUNTS}/${name}`;

/** A chain whose first program is of generation `first`, and its last one of generation `last`. */
function generation(linkage: ObjectLinkage, first: number, last = first): Chain {
  const end = (name: "first" | "last", priority: number): Program => ({
    name,
    priority,
    object: "generation.bpf.o",
    bytes: generationObject(),
    globals: { first: name === "first" ? 1 : 0, number: name === "first" ? first : last },
    maps: { frames: { pin: countsOf(name) } },
  });
  const between = passing(linkage, same(FEW - 2)).programs.map((program, k) => ({ ...program, priority: k + 1 }));
  const programs = [end("first", 0), ...between, end("last", FEW)];
  return chainOf(programs, { name: "bench", linkage, end: "drop" });
}

async function underTraffic(
  linkage: ObjectLinkage,
  mode: Mode,
  change: "swap" | "detach" | "two swaps",
  plan: Plan,
  { progress }: Options,
): Promise<SwapRow> {
  progress(`${change} by ${linkage} under traffic in ${mode} mode`);
  using ends = wire("bs", 1, "softirq");
  using sender = await startSender(ends.near, "minimum", senderOf(0));
  let live = await attach(generation(linkage, 1), ends.far, { mode });
  try {
    const dropped = ends.dropped();
    const done = new AbortController();
    const sending = sender.send(plan.milliseconds).finally(() => done.abort());
    let swaps = 0;
    const start = performance.now();
    while (!done.signal.aborted) {
      const [old, next] = [(swaps % 255) + 1, ((swaps + 1) % 255) + 1];
      if (change === "detach") {
        await live.detach();
        live = await attach(generation(linkage, next), ends.far, { mode });
      } else {
        if (change === "two swaps") await live.update(generation(linkage, next, old), { mode });
        await live.update(generation(linkage, next), { mode });
      }
      swaps++;
      await setImmediate();
    }
    const { sent } = await sending;
    const milliseconds = performance.now() - start;
    const [first, last] = [counted("first"), counted("last")];
    const lost = sent - (ends.dropped() - dropped) - first.seen;
    return {
      kind: "traffic",
      linkage,
      mode,
      programs: FEW,
      change,
      swaps,
      milliseconds,
      frames: first.seen,
      lost,
      between: first.seen - last.seen,
      mixed: last.mixed,
    };
  } finally {
    await live.detach();
    rmSync(COUNTS, { recursive: true, force: true });
  }
}

/** `struct counts` of bench/bpf/generation.c, of all processors. */
function counted(program: "first" | "last"): { readonly seen: number; readonly mixed: number } {
  using map = openMap(countsOf(program));
  const value = map.lookup(new Uint8Array(4));
  const words = new BigUint64Array(value.buffer, value.byteOffset, value.length / 8);
  const sum = (word: number): number =>
    words.reduce((total, each, index) => total + (index % 2 === word ? Number(each) : 0), 0);
  return { seen: sum(0), mixed: sum(1) };
}
