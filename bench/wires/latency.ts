/**
 * Latency by ping-pong: one frame goes to and fro between the ends of a veth pair. At the one end a chain passes it on and its
 * last program answers (XDP_TX); at the other end a program notes how long it was away, and answers too.
 *
 *     contestant   `one program` (it answers, plain XDP: the floor), or a linkage
 *     programs     of the chain
 *     napi         `threaded`: each end on a processor of its own, or `softirq`: both on one
 *     trips        round trips, of all rounds
 *     nanoseconds  {p50, p90, p99, p999} of one round trip, in steps of 16: the upper end of the step
 *     medians      {min, median, max} of the rounds' p50
 */
import { setTimeout } from "node:timers/promises";
import { setGlobals } from "../../src/codegen/object/globals.ts";
import { loadXdp, openKernel } from "../../src/loader/index.ts";
import { compiled } from "../contest/compiled.ts";
import { peer } from "../contest/sources.ts";
import { type Options, scopeOf } from "../section.ts";
import { showSpread, type Spread, spread } from "../statistics.ts";
import { endsWith, objectOf, unpinAll } from "./chains.ts";
import type { Experiment } from "./experiment.ts";
import { senderObject } from "./sender.ts";
import { type Subject, subjects } from "./subject.ts";
import { type Napi, wire } from "./wire.ts";

const SHARES = { p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999 } as const;
type Percentiles = Readonly<Record<keyof typeof SHARES, number>>;

export interface LatencyRow {
  readonly contestant: string;
  readonly programs: number;
  readonly napi: Napi;
  readonly trips: number;
  readonly nanoseconds: Percentiles;
  readonly medians: Spread;
}

interface Plan {
  readonly napis: readonly Napi[];
  readonly lengths: readonly number[];
  readonly rounds: number;
  /** Of a round. */
  readonly trips: number;
}

const PLANS: Readonly<Record<"full" | "quick" | "smoke", Plan>> = {
  full: { napis: ["softirq", "threaded"], lengths: [1, 10, 32], rounds: 9, trips: 50_000 },
  quick: { napis: ["softirq"], lengths: [1, 10], rounds: 5, trips: 20_000 },
  smoke: { napis: ["softirq"], lengths: [2], rounds: 1, trips: 1000 },
};

const ball = (): Uint8Array => compiled(peer("ball"));

export const latency: Experiment<LatencyRow> = {
  name: "latency",
  method:
    "One frame of 60 bytes, native mode, both ends of a veth pair answering with XDP_TX. bpf_ktime_get_ns at the end that has no " +
    "chain, once for each round trip, into a histogram with steps of 16 ns. Contestants in turn in each round; percentiles " +
    "are of all rounds together.",
  caveats: [
    "The floor is the round trip with one plain program that answers: two passages of a veth pair, two runs of NAPI, one reading of the clock. What a chain adds is above it.",
    "A frame alone never meets a warm batch: each passage pays for its own run of NAPI, with `threaded` for waking a thread too.",
    "Nothing of user space is in it.",
  ],
  prepare() {
    for (const make of [ball, senderObject, objectOf.bind(undefined, "lean"), endsWith.bind(undefined, "TX")]) make();
  },
  async measure(options) {
    const plan = PLANS[scopeOf(options)];
    const rows: LatencyRow[] = [];
    try {
      for (const napi of plan.napis) rows.push(...(await measured(napi, plan, options)));
    } finally {
      unpinAll();
    }
    return rows;
  },
  show: (rows) => [
    "One round trip through a veth pair, in ns: p50, p90, p99, p99.9, and p50 of the rounds: median (minimum to maximum)",
    ...rows.map(({ contestant, programs, napi, nanoseconds, medians }) => {
      const floor = rows.find((row) => row.napi === napi && row.contestant === "one program")!.nanoseconds.p50;
      const shown = Object.values(nanoseconds).map((value) => `${value}`.padStart(7));
      const above = nanoseconds.p50 - floor;
      return (
        `${napi.padEnd(8)} ${`${programs}`.padStart(2)} by ${contestant.padEnd(11)} ${shown.join("")} ` +
        `${showSpread(medians, 0).padEnd(26)} ${above} above one program`
      );
    }),
  ],
};

async function measured(napi: Napi, plan: Plan, { progress }: Options): Promise<readonly LatencyRow[]> {
  using pair = wire("bl", 1, napi);
  const figures = new Map(subjects(plan.lengths, "TX").map((one): [Subject, Uint32Array[]] => [one, []]));
  for (let round = 0; round < plan.rounds; round++) {
    progress(`${napi}: round ${round + 1} of ${plan.rounds}`);
    for (const [subject, list] of figures) {
      await using _ = await subject.attach(pair.far, "native");
      list.push(await game(pair.near, plan.trips));
    }
  }
  return [...figures].map(([{ contestant, programs }, list]) => {
    const all = list[0]!.map((_, place) => list.reduce((sum, times) => sum + times[place]!, 0));
    const trips = all.reduce((sum, count) => sum + count, 0);
    const nanoseconds = Object.fromEntries(
      Object.entries(SHARES).map(([name, share]) => [name, percentile(all, share)]),
    ) as Percentiles;
    const medians = spread(list.map((times) => percentile(times, 0.5)));
    return { contestant, programs, napi, trips, nanoseconds, medians };
  });
}

/** `struct game` of bench/bpf/ball.c. */
const PLAYED = 8;
const TIMES = 12;
const STEP = 16;

/** Histogram of the round trips of one ball. */
async function game(near: string, trips: number): Promise<Uint32Array> {
  const kernel = openKernel();
  const ifindex = kernel.interfaceIndex(near);
  using player = loadXdp(setGlobals(ball(), { most: trips }));
  using server = loadXdp(setGlobals(senderObject(), { ifindex }));
  using _ = kernel.linkXdp(player.fd, ifindex, "native");
  const data = new Uint8Array(60);
  data.set([0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5]);
  await server.testRun({ data, liveFrames: true });
  const games = player.map("games");
  const until = performance.now() + PATIENCE;
  for (;;) {
    const value = games.lookup(new Uint8Array(4));
    const played = new DataView(value.buffer, value.byteOffset).getUint32(PLAYED, true);
    if (played > trips) return new Uint32Array(value.slice(TIMES, TIMES + 4 * 65536).buffer);
    if (performance.now() > until) throw new Error(`the ball was lost after ${played} of ${trips} round trips`);
    await setTimeout(5);
  }
}

/** Milliseconds for one game. */
const PATIENCE = 60_000;

function percentile(times: Uint32Array, share: number): number {
  const wanted = share * times.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  const place = times.findIndex((count) => (seen += count) >= wanted);
  return STEP * (place + 1);
}
