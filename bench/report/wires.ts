/** What a chain costs on interfaces, and what it costs to change one: sections `veth`, `latency`, `swap`, `change` and `start`. */
import { type Mode, MODES } from "../../src/chain/index.ts";
import type { Claim } from "../contest/claims.ts";
import type { Kept } from "../kept.ts";
import type { Spread } from "../statistics.ts";
import type { ChangeRow } from "../wires/change.ts";
import type { LatencyRow } from "../wires/latency.ts";
import type { StartRow } from "../wires/start.ts";
import type { SwapRow } from "../wires/swap.ts";
import type { VethRow } from "../wires/veth.ts";
import { type BarChart, drawBars } from "./chart/bars.ts";
import { drawLines, type Line } from "./chart/lines.ts";
import type { Look } from "./chart/look.ts";
import { lookOf } from "./looks.ts";
import { type Lines, percent, spreadText, tableOf } from "./markdown.ts";

const NAPIS = ["softirq", "threaded"] as const;
const RUNS = {
  softirq: "the receiver in softirqs of the sender",
  threaded: "the receiver on the other processor",
} as const;

/** `no program`, `one program`, `10 by call`. */
const subjectOf = ({ contestant, programs }: { readonly contestant: string; readonly programs: number }): string =>
  contestant.endsWith(" program") ? contestant : `${programs} by ${contestant}`;

/** Of minimum-size frames of one flow. */
export function framesChart({ rows }: Kept<VethRow>, mode: Mode): string {
  const groups = NAPIS.map((napi) => ({
    name: RUNS[napi],
    bars: rows
      .filter((row) => row.mode === mode && row.frames === "minimum" && row.flows === 1 && row.napi === napi)
      .map((row) => {
        const { min, median, max } = row.framesPerSecond;
        const hue = lookOf(row.contestant).hue;
        return { name: subjectOf(row), parts: [{ value: median / 1e6, hue }], low: min / 1e6, high: max / 1e6 };
      }),
  }));
  return drawBars({
    title: `Frames through a veth pair, ${mode} mode`,
    note: "60 bytes, one flow; every frame goes through the whole chain; whiskers from the least to the most of the rounds",
    label: "million frames per second",
    groups,
  });
}

/** Processor time of a frame for whoever runs the programs, of that of one plain program in the same setting. */
export function framesTable({ rows }: Kept<VethRow>): Lines {
  const subjects = [...new Set(rows.map(subjectOf))];
  const settings = MODES.flatMap((mode) => NAPIS.map((napi) => ({ mode, napi })));
  const cell = (subject: string, mode: Mode, napi: VethRow["napi"]): string => {
    const of = (name: string): VethRow | undefined =>
      rows.find(
        (row) =>
          subjectOf(row) === name &&
          row.mode === mode &&
          row.napi === napi &&
          row.frames === "minimum" &&
          row.flows === 1,
      );
    const [row, one] = [of(subject), of("one program")];
    return row && one ? `${costOf(row).toFixed(0)} (${(costOf(row) / costOf(one)).toFixed(2)})` : "";
  };
  return tableOf(
    ["ns per frame (of one program)", ...settings.map(({ mode, napi }) => `${mode}, ${napi}`)],
    subjects.map((subject) => [subject, ...settings.map(({ mode, napi }) => cell(subject, mode, napi))]),
  );
}

const costOf = ({ senderNanoseconds, receiverNanoseconds }: VethRow): number =>
  (receiverNanoseconds ?? senderNanoseconds).median;

/** Everything that was measured of frames. */
export function allFramesTable({ rows }: Kept<VethRow>): Lines {
  const cells = rows.map((row) => [
    `${row.mode}, ${row.frames}, ${row.flows} flow${row.flows === 1 ? "" : "s"}, ${row.napi}: ${subjectOf(row)}`,
    spreadText(scaled(row.framesPerSecond, 1e6), 2),
    spreadText(row.senderNanoseconds, 0),
    row.receiverNanoseconds ? spreadText(row.receiverNanoseconds, 0) : "",
    percent(row.dropped),
    `${row.lost}`,
  ]);
  return tableOf(["", "million frames per second", "sender, ns", "receiver, ns", "ring full", "lost"], cells);
}

const scaled = ({ min, median, max }: Spread, by: number): Spread => ({
  min: min / by,
  median: median / by,
  max: max / by,
});

const SHARES = ["p50", "p90", "p99", "p999"] as const;
const SHARE_NAMES = ["half", "90 %", "99 %", "99.9 %"];

/** Percentiles of the longest chains, and of one plain program. */
export function latencyChart({ rows }: Kept<LatencyRow>): string {
  const programs = Math.max(...rows.map((row) => row.programs));
  const shown = rows.filter(
    (row) => row.napi === "softirq" && (row.programs === programs || row.contestant === "one program"),
  );
  return drawLines({
    title: "One round trip through a veth pair",
    note: `Chains of ${programs} trivial programs, both ends in softirqs of one processor; in steps of 16 ns`,
    x: {
      label: "of the round trips took at most",
      scale: "linear",
      ticks: SHARE_NAMES.map((text, at) => ({ at, text })),
    },
    y: { label: "nanoseconds", scale: "logarithmic" },
    lines: shown.map((row) => ({
      name: subjectOf(row),
      look: lookOf(row.contestant),
      points: SHARES.map((share, x) => ({ x, y: row.nanoseconds[share] })),
    })),
  });
}

export function latencyTable({ rows }: Kept<LatencyRow>): Lines {
  const cells = rows.map((row) => [
    `${row.napi}: ${subjectOf(row)}`,
    ...SHARES.map((share) => `${row.nanoseconds[share]}`),
    spreadText(row.medians, 0),
  ]);
  return tableOf(["ns", ...SHARE_NAMES, "half, of the rounds"], cells);
}

type Of<Kind extends SwapRow["kind"]> = Extract<SwapRow, { readonly kind: Kind }>;
const ofKind = <Kind extends SwapRow["kind"]>({ rows }: Kept<SwapRow>, kind: Kind): readonly Of<Kind>[] =>
  rows.filter((row): row is Of<Kind> => row.kind === kind);

/** In the order of the work; what lies side by side differs in lightness. */
const STEPS: Readonly<Record<keyof Of<"time">["steps"], Look["hue"]>> = {
  read: "grey",
  open: "blue",
  load: "sky",
  bind: "black",
  pin: "ochre",
  commit: "purple",
  grace: "green",
  own: "orange",
};

/** Where the time of a swap goes. */
export function swapChart(result: Kept<SwapRow>): string {
  const rows = ofKind(result, "time");
  const groups: BarChart["groups"] = [...new Set(rows.map(({ programs }) => programs))].map((programs) => ({
    name: `${programs} program${programs === 1 ? "" : "s"}`,
    bars: rows
      .filter((row) => row.programs === programs)
      .map(({ linkage, steps }) => ({
        name: linkage,
        parts: Object.entries(STEPS).map(([name, hue]) => ({ name, hue, value: steps[name as keyof typeof STEPS] })),
      })),
  }));
  return drawBars({
    title: "Where the time of a swap goes",
    note: "One program's object replaced, by a call of the library in a process that runs; medians of each step",
    label: "milliseconds",
    groups,
  });
}

export function swapTable(result: Kept<SwapRow>): Lines {
  const rows = ofKind(result, "time").map(({ linkage, programs, milliseconds, graceShare, swapsPerSecond }) => [
    `${programs} by ${linkage}`,
    spreadText(milliseconds, 1),
    percent(graceShare),
    swapsPerSecond.toFixed(0),
  ]);
  return tableOf(["", "ms", "waiting for the kernel's grace periods", "swaps per second"], rows);
}

export function severalTable(result: Kept<SwapRow>): Lines {
  const rows = ofKind(result, "several").map(({ linkage, interfaces, together, milliseconds, swapsPerSecond }) => [
    `${interfaces} interfaces ${together ? "together" : "each for itself"}, ${linkage}`,
    spreadText(milliseconds, 1),
    swapsPerSecond.toFixed(0),
  ]);
  return tableOf(["", "ms, all of them", "swaps per second"], rows);
}

/** The changes that are made wrong on purpose last. */
const CHANGES: Readonly<Record<Of<"traffic">["change"], string>> = {
  swap: "swapped",
  detach: "detached, and attached again",
  "two swaps": "one swap for each of two programs",
};

export function trafficTable(result: Kept<SwapRow>): Lines {
  const rows = ofKind(result, "traffic").map((row) => [
    `${row.linkage}, ${row.mode}: ${CHANGES[row.change]}`,
    `${row.swaps}`,
    (row.frames / 1e6).toFixed(2),
    (row.frames / row.milliseconds / 1000).toFixed(2),
    `${row.lost}`,
    `${row.between}`,
    `${row.mixed}`,
  ]);
  return tableOf(
    ["", "times", "million frames", "million a second", "lost", "lost between programs", "mixed generations"],
    rows,
  );
}

/** What adds the last program: in turn our commands, a process that runs, and xdp-loader. */
function adding({ rows }: Kept<ChangeRow>, value: (row: ChangeRow) => number | undefined): readonly Line[] {
  const ofAdd = rows.filter((row) => row.change === "add" && row.kind === "lean" && row.process !== "first");
  const name = ({ contestant, process }: ChangeRow): string =>
    contestant === "xdp-loader" ? contestant : `${contestant}, ${process === "running" ? "a call" : "a command"}`;
  return [...new Set(ofAdd.map(name))].map((each) => {
    const own = ofAdd.filter((row) => name(row) === each);
    const look = lookOf(own[0]!.contestant);
    const points = own.flatMap((row) => {
      const y = value(row);
      return y === undefined ? [] : [{ x: row.programs, y }];
    });
    return { name: each, look: own[0]!.process === "running" ? { ...look, dash: "7 4" } : look, points };
  });
}

const programTicks = ({ rows }: Kept<ChangeRow>) =>
  [...new Set(rows.map(({ programs }) => programs))].map((at) => ({ at, text: `${at}` }));

export function changeCallsChart(result: Kept<ChangeRow>): string {
  return drawLines({
    title: "System calls bpf(2) that add a program",
    note: "To a chain that runs: by a command, by a call of the library in a process that made others before, by xdp-loader",
    x: { label: "programs, the added one among them", scale: "linear", ticks: programTicks(result) },
    y: { label: "calls of bpf(2)", scale: "linear" },
    lines: adding(result, ({ calls }) => calls.bpf),
  });
}

export function changeTimeChart(result: Kept<ChangeRow>): string {
  return drawLines({
    title: "Time that adding a program takes",
    note: "On an emulated processor, ten to twenty times as slow as a real one; commands of ours start Node, most of their time",
    x: { label: "programs, the added one among them", scale: "linear", ticks: programTicks(result) },
    y: { label: "milliseconds", scale: "logarithmic" },
    lines: adding(result, ({ milliseconds }) => milliseconds?.median),
  });
}

/** Whether calls are as few as wanted, for each way to add a program and all lengths of the chain. */
export function changeClaims({ rows }: Kept<ChangeRow>): readonly Claim[] {
  const ofAdd = rows.filter((row) => row.change === "add" && row.kind === "lean" && row.contestant !== "xdp-loader");
  const ways = new Map(ofAdd.map(({ contestant, process }) => [`${contestant}, ${process}`, { contestant, process }]));
  return [...ways.values()].map(({ contestant, process }) => {
    const own = ofAdd.filter((row) => row.contestant === contestant && row.process === process);
    const wanted = process === "running" ? "8+3n" : "25+4n";
    return {
      says: `one program more by ${contestant} takes at most ${wanted} calls of bpf(2), ${PROCESSES[process]}`,
      found: own.map(({ programs, calls, allowed }) => `${calls.bpf} of ${allowed} (n = ${programs})`).join(", "),
      holds: own.every(({ calls, allowed }) => calls.bpf <= allowed),
    };
  });
}

const PROCESSES: Readonly<Record<ChangeRow["process"], string>> = {
  command: "a command",
  first: "the first call of a process",
  running: "a call of a process that has made others",
};

/** What adds a program to a chain, in calls, time and memory. */
export const addingTable = (result: Kept<ChangeRow>): Lines =>
  changeTable({
    ...result,
    rows: result.rows.filter((row) => row.change === "add" && row.kind === "lean" && row.process !== "first"),
  });

/** Calls of bpf(2) that add a program, of each linkage, to programs without maps and with one each. */
export function callsTable({ rows }: Kept<ChangeRow>): Lines {
  const ways = (["command", "running"] as const).flatMap((process) =>
    [2, 5, 10].map((programs) => ({ process, programs })),
  );
  const adds = rows.filter(({ change, contestant }) => change === "add" && contestant !== "xdp-loader");
  const contestants = new Map(adds.map((row) => [`${row.contestant}, ${row.kind}`, row]));
  const cell = (wanted: Partial<ChangeRow>, figure: (row: ChangeRow) => number): string => {
    const found = adds.find((row) =>
      Object.entries(wanted).every(([key, value]) => row[key as keyof ChangeRow] === value),
    );
    return found ? `${figure(found)}` : "";
  };
  const cells = [...contestants].map(([name, { contestant, kind }]) => [
    name,
    ...ways.map((way) => cell({ ...way, contestant, kind }, ({ calls }) => calls.bpf)),
  ]);
  const wanted = ["wanted at most", ...ways.map((way) => cell(way, ({ allowed }) => allowed))];
  return tableOf(["", ...ways.map(({ process, programs }) => `${process}, ${programs}`)], [...cells, wanted]);
}

export function changeTable({ rows }: Pick<Kept<ChangeRow>, "rows">): Lines {
  const cells = rows.map(({ contestant, kind, programs, change, process, calls, allowed, milliseconds, memory }) => [
    `${change}, ${programs} ${kind}: ${contestant}, ${process}`,
    `${calls.bpf}`,
    contestant === "xdp-loader" ? "" : `${allowed}`,
    `${calls.all}`,
    milliseconds ? spreadText(milliseconds, 1) : "",
    memory === undefined ? "" : (memory / 1e6).toFixed(0),
  ]);
  return tableOf(["", "bpf(2)", "wanted at most", "all system calls", "ms", "MB"], cells);
}

export function startTable({ rows }: Kept<StartRow>): Lines {
  const cells = rows.map(({ command, programs, milliseconds, memory }) => [
    programs === undefined ? command : `${command}, ${programs} program${programs === 1 ? "" : "s"}`,
    spreadText(milliseconds, 0),
    (memory / 1e6).toFixed(0),
  ]);
  return tableOf(["", "ms", "MB"], cells);
}
