/**
 * Frames per second and processor time through a veth pair, for chains whose every frame goes through the whole chain and is
 * dropped at its end.
 *
 *     contestant          `no program` (the kernel makes an skb and its stack drops it), `one program` (plain XDP), or a linkage
 *     programs            of the chain
 *     mode                native or generic
 *     frames              `minimum`: 60 bytes; `mix`: 60, 590 and 1514 bytes, 7 : 4 : 1; without the frame check sequence
 *     flows               senders, each on a processor and with a queue of its own
 *     napi                where the receiver runs: `threaded`, in kernel threads on other processors than their senders, or
 *                         `softirq`, on the sender's
 *     framesPerSecond     {min, median, max} of rounds: received, all flows together
 *     senderNanoseconds   processor time of the senders for each frame that they sent; in softirqs the receiver's is in it
 *     receiverNanoseconds processor time of the receivers for each frame received; absent in softirqs
 *     dropped             share of frames sent that found the ring full, by the median
 *     lost                frames neither received nor dropped, in all rounds: 0
 */
import { setTimeout } from "node:timers/promises";
import { MODES, type Mode } from "../../src/chain/index.ts";
import { type Options, scopeOf } from "../section.ts";
import { showSpread, type Spread, spread } from "../statistics.ts";
import { endsWith, objectOf, unpinAll } from "./chains.ts";
import type { Experiment } from "./experiment.ts";
import { type Frames, type Sender, senderObject, startSender } from "./sender.ts";
import { nothing, type Subject, subjects } from "./subject.ts";
import { type Napi, senderOf, type Wire, wire } from "./wire.ts";

interface Setting {
  readonly mode: Mode;
  readonly frames: Frames;
  readonly flows: number;
  readonly napi: Napi;
}

export interface VethRow extends Setting {
  readonly contestant: string;
  readonly programs: number;
  readonly framesPerSecond: Spread;
  readonly senderNanoseconds: Spread;
  readonly receiverNanoseconds?: Spread;
  readonly dropped: number;
  readonly lost: number;
}

interface Plan {
  readonly settings: readonly Setting[];
  readonly lengths: readonly number[];
  readonly rounds: number;
  /** Of one figure. */
  readonly milliseconds: number;
}

const ALL: readonly Setting[] = MODES.flatMap((mode) =>
  (["minimum", "mix"] as const).flatMap((frames) =>
    [1, 2].flatMap((flows) => (["threaded", "softirq"] as const).map((napi) => ({ mode, frames, flows, napi }))),
  ),
);
const of = (modes: readonly Mode[], napis: readonly Napi[]): readonly Setting[] =>
  ALL.filter(
    ({ mode, frames, flows, napi }) =>
      modes.includes(mode) && frames === "minimum" && flows === 1 && napis.includes(napi),
  );

const PLANS: Readonly<Record<"full" | "quick" | "smoke", Plan>> = {
  full: { settings: ALL, lengths: [1, 10, 32], rounds: 5, milliseconds: 500 },
  quick: { settings: of(MODES, ["threaded", "softirq"]), lengths: [1, 10], rounds: 5, milliseconds: 250 },
  smoke: { settings: of(["native"], ["softirq"]), lengths: [2], rounds: 1, milliseconds: 10 },
};

export const vethPair: Experiment<VethRow> = {
  name: "veth",
  method:
    "BPF_PROG_TEST_RUN with live frames, in batches of 64, in a process on one processor, redirects frames to one end of a veth " +
    "pair. The other end has GRO on, so that it receives without a program too, and in generic mode, where the kernel makes an " +
    "skb of each frame before programs meet it. All contestants of a setting run in turn in each round. Processor time is the " +
    "process's (getrusage), with ksoftirqd's in softirqs, and the NAPI threads' (/proc/PID/schedstat); frames are the sender's own count, rx_packets of the " +
    "receiving end and tx_dropped of the sending one.",
  caveats: [
    "A veth pair is no network card: no DMA, no interrupts, and frames that are warm in the cache.",
    "Senders and NAPI threads run at nice -15, before what else there is: on a busy machine figures of `threaded` spread all the same.",
    "Rates are a few hundredths too low: at both ends of a sample the kernel makes and frees its pages, and nothing is sent.",
    "A sender does not wait for its receiver: with `threaded`, what the receiver cannot take is dropped and costs the sender little.",
    "`no program` and generic mode pay for an skb; with `mix` most of that is its memory.",
    "NAPI threads are woken by their senders: with chains so short that the receiver is the faster, it counts waking, too.",
  ],
  prepare() {
    senderObject();
    objectOf("lean");
    endsWith("DROP");
  },
  async measure(options) {
    const plan = PLANS[scopeOf(options)];
    const rows: VethRow[] = [];
    try {
      for (const setting of plan.settings) rows.push(...(await measured(setting, plan, options)));
    } finally {
      unpinAll();
    }
    return rows;
  },
  show: (rows) => [
    "Frames through a veth pair: a million per second, and ns of processor for each frame, sender's and receiver's",
    ...rows.map((row, index) => {
      const { contestant, programs, framesPerSecond, senderNanoseconds, receiverNanoseconds, dropped, lost } = row;
      const about = describe(row);
      const title = index === 0 || describe(rows[index - 1]!) !== about ? `${about}\n    ` : "  ";
      const rate = scaled(framesPerSecond, 1e6);
      const receiver = receiverNanoseconds ? showSpread(receiverNanoseconds, 0) : "";
      const rest = `${(100 * dropped).toFixed(0)} % dropped${lost === 0 ? "" : `, ${lost} LOST`}`;
      const ratio = (
        costOf(row) / costOf(rows.find((one) => describe(one) === about && one.contestant === ONE)!)
      ).toFixed(2);
      return (
        `${title}${`${programs}`.padStart(2)} by ${contestant.padEnd(11)} ${showSpread(rate, 2).padEnd(24)} ` +
        `${showSpread(senderNanoseconds, 0).padEnd(24)} ${receiver.padEnd(24)} ${ratio} of one program  ${rest}`
      );
    }),
  ],
  failure(rows) {
    const losing = rows.filter(({ lost }) => lost !== 0);
    if (losing.length === 0) return undefined;
    const lines = losing.map(
      (row) => `${row.lost} frames lost by ${row.contestant}, ${row.programs} programs, ${describe(row)}`,
    );
    return lines.join("\n  ");
  },
};

const ONE = "one program";
const describe = ({ mode, frames, flows, napi }: Setting): string =>
  `${mode} mode, ${frames} frames, ${flows} flow${flows === 1 ? "" : "s"}, ${napi}`;
const scaled = ({ min, median, max }: Spread, by: number): Spread => ({
  min: min / by,
  median: median / by,
  max: max / by,
});
/** What a frame costs whoever runs the programs. */
const costOf = ({ senderNanoseconds, receiverNanoseconds }: VethRow): number =>
  (receiverNanoseconds ?? senderNanoseconds).median;

async function measured(setting: Setting, plan: Plan, { progress }: Options): Promise<readonly VethRow[]> {
  const { mode, frames, flows, napi } = setting;
  const senders: Sender[] = [];
  using pair = wire("bv", flows, napi);
  try {
    for (let flow = 0; flow < flows; flow++) senders.push(await startSender(pair.near, frames, senderOf(flow)));
    const all = [nothing, ...subjects(plan.lengths, "DROP")];
    const figures = new Map(all.map((subject): [Subject, Figure[]] => [subject, []]));
    for (let round = 0; round < plan.rounds; round++) {
      progress(`${describe(setting)}: round ${round + 1} of ${plan.rounds}`);
      // In turn, so that a change of the machine's speed meets all of them.
      for (const [subject, list] of figures) {
        await using _ = await subject.attach(pair.far, mode);
        list.push(await sample(pair, senders, plan.milliseconds));
      }
    }
    return [...figures].map(([{ contestant, programs }, list]) => ({
      contestant,
      programs,
      ...setting,
      ...summary(list),
    }));
  } finally {
    for (const sender of senders) sender[Symbol.dispose]();
  }
}

interface Figure {
  readonly rate: number;
  readonly sender: number;
  readonly receiver: number | undefined;
  readonly dropped: number;
  readonly lost: number;
}

async function sample(pair: Wire, senders: readonly Sender[], milliseconds: number): Promise<Figure> {
  const [frames, drops, nanoseconds] = [pair.frames(), pair.dropped(), pair.received()];
  const runs = await Promise.all(senders.map((sender) => sender.send(milliseconds)));
  const sum = (key: keyof (typeof runs)[number]): number => runs.reduce((total, run) => total + run[key], 0);
  const [sent, rate] = [sum("sent"), 1e9 / (sum("wall") / runs.length)];
  const taken = pair.frames() - frames;
  const missing = (): number => sent - (pair.dropped() - drops) - (pair.frames() - frames);
  // A NAPI thread still has its ring before it, and on a busy machine waits for its processor.
  for (let waited = 0; missing() !== 0 && waited < PATIENCE; waited++) await setTimeout(1);
  const [received, dropped, after] = [pair.frames() - frames, pair.dropped() - drops, pair.received()];
  const apart = pair.napi === "threaded";
  return {
    rate: taken * rate,
    sender: (sum("processor") + (apart ? 0 : after - nanoseconds)) / sent,
    receiver: apart ? (after - nanoseconds) / received : undefined,
    dropped: dropped / sent,
    lost: missing(),
  };
}

/** Milliseconds. */
const PATIENCE = 2000;

function summary(list: readonly Figure[]): Omit<VethRow, keyof Setting | "contestant" | "programs"> {
  const receiver = list.flatMap((figure) => figure.receiver ?? []);
  return {
    framesPerSecond: spread(list.map(({ rate }) => rate)),
    senderNanoseconds: spread(list.map(({ sender }) => sender)),
    ...(receiver.length > 0 && { receiverNanoseconds: spread(receiver) }),
    dropped: spread(list.map(({ dropped }) => dropped)).median,
    lost: list.reduce((sum, { lost }) => sum + Math.abs(lost), 0),
  };
}
