/** The judge of a soak: a good run passes, and each single fault is named. */
import { describe, expect, test } from "vitest";
import type { Held } from "../../soak/leftovers.ts";
import { failuresOf, type Report, reportText } from "../../soak/report.ts";

const HELD: Held = {
  loaded: {
    "program xdp xdpgen_generati": { count: 2, bytes: 8192 },
    "map percpu_array generation_seen": { count: 1, bytes: 512 },
    "link xdp": { count: 1, bytes: 0 },
  },
  pins: 19,
  fds: { "/dev/null": 1, pipe: 4, "anon_inode:bpf-map": 27 },
};

type Seen = Omit<Report, "failures">;

const GOOD: Seen = {
  kernel: "6.12.1",
  seed: 7,
  seconds: 61.4,
  swaps: 210,
  deeds: { swap: { done: 200, changed: 200 }, "process that is killed": { done: 12, changed: 10 } },
  linkages: { call: 200, inline: 90, tail: 70 },
  refused: { freplace: "attaching fails with EPERM" },
  modes: { native: 210 },
  kills: { done: 12, inside: 9 },
  frames: { sent: 1_000_000, seen: 1_000_000, mixed: 0, quietSwaps: 3 },
  before: HELD,
  after: HELD,
  memory: { bytes: 150_000_000, swaps: 105, perSwap: 9000.4 },
};

const withLoaded = (what: string, loaded: { count: number; bytes: number }): Seen => ({
  ...GOOD,
  after: { ...HELD, loaded: { ...HELD.loaded, [what]: loaded } },
});
const withFds = (what: string, count: number): Seen => ({
  ...GOOD,
  after: { ...HELD, fds: { ...HELD.fds, [what]: count } },
});

test("a good run passes", () => {
  expect(failuresOf(GOOD)).toEqual([]);
});

test("less than before is no fault", () => {
  expect(failuresOf({ ...GOOD, after: { loaded: {}, pins: 0, fds: {} } })).toEqual([]);
});

test("memory that could not be judged is no fault", () => {
  expect(failuresOf({ ...GOOD, memory: { ...GOOD.memory, perSwap: undefined } })).toEqual([]);
});

const FAULTS: readonly (readonly [name: string, seen: Seen, failure: RegExp])[] = [
  ["no traffic", { ...GOOD, frames: { sent: 0, seen: 0, mixed: 0, quietSwaps: 0 } }, /^no frame went in; /],
  ["a lost frame", { ...GOOD, frames: { ...GOOD.frames, seen: 999_999 } }, /^1000000 frames went in, and 999999 came/],
  ["a frame too many", { ...GOOD, frames: { ...GOOD.frames, seen: 1_000_001 } }, /^1000000 frames .* 1000001 came/],
  ["a mixed frame", { ...GOOD, frames: { ...GOOD.frames, mixed: 1 } }, /^1 frames met two generations; /],
  [
    "swaps without traffic",
    { ...GOOD, frames: { ...GOOD.frames, quietSwaps: 32 } },
    /^no frame passed during 32 of 210/,
  ],
  [
    "one more program",
    withLoaded("program xdp xdpgen_generati", { count: 3, bytes: 8192 }),
    /^program xdp xdpgen_generati: 2 before, 3 after; .*bpftool prog show/,
  ],
  [
    "a program of another name",
    withLoaded("program ext counter", { count: 1, bytes: 4096 }),
    /^program ext counter: 0 before, 1 after/,
  ],
  [
    "one more map",
    withLoaded("map percpu_array generation_seen", { count: 2, bytes: 512 }),
    /^map percpu_array generation_seen: 1 before, 2 after; .*bpftool map show/,
  ],
  [
    "one more link",
    withLoaded("link xdp", { count: 2, bytes: 0 }),
    /^link xdp: 1 before, 2 after; .*bpftool link show/,
  ],
  [
    "more locked memory",
    withLoaded("map percpu_array generation_seen", { count: 1, bytes: 520 }),
    /^map percpu_array generation_seen: 512 bytes locked before, 520 after; .*bytes_memlock/,
  ],
  ["one more pin", { ...GOOD, after: { ...HELD, pins: 20 } }, /^pins: 19 before, 20 after; /],
  ["one more fd", withFds("pipe", 5), /^fds of pipe: 4 before, 5 after; /],
  ["an fd of another kind", withFds("anon_inode:inotify", 1), /^fds of anon_inode:inotify: 0 before, 1 after; /],
  [
    "growing memory",
    { ...GOOD, memory: { ...GOOD.memory, perSwap: 30_000 } },
    /^resident memory grows by 30,000 bytes for each swap, over the last 105, .*heap snapshots/,
  ],
  [
    "growing memory, over thousands of swaps",
    { ...GOOD, memory: { ...GOOD.memory, swaps: 1000, perSwap: 5000 } },
    /^resident memory grows by 5,000 bytes for each swap, over the last 1000, of 4,096 at most; /,
  ],
  ["no kill inside", { ...GOOD, kills: { done: 12, inside: 0 } }, /^none of 12 kills hit a transaction; /],
  ["too few swaps", { ...GOOD, swaps: 49 }, /^49 swaps say too little, it takes 50: /],
  [
    "a deed that was never done",
    { ...GOOD, deeds: { ...GOOD.deeds, rollback: { done: 0, changed: 0 } } },
    /^rollback: never done; /,
  ],
  [
    "a linkage that hardly ran",
    { ...GOOD, linkages: { ...GOOD.linkages, tail: 4 } },
    /^linkage tail: ran after 4 swaps, of 5 at least; /,
  ],
];

test.each(FAULTS)("%s is named, and nothing else", (_, seen, failure) => {
  expect(failuresOf(seen)).toEqual([expect.stringMatching(failure)]);
});

describe("the report", () => {
  test("says what ran, on what, and that all held", () => {
    expect(reportText({ ...GOOD, failures: [] })).toBe(
      [
        "210 swaps in 61 s on Linux 6.12.1, seed 7",
        "  swap                                     200, of which 200 changed the chain",
        "  process that is killed                    12, of which 10 changed the chain",
        "linkages, with the swaps after which they ran: 200 call, 90 inline, 70 tail",
        "linkage freplace left out: attaching fails with EPERM",
        "modes, likewise: 210 native",
        "kills: 12, of which 9 inside a transaction",
        "frames: 1,000,000 in, 1,000,000 out, 0 met two generations; 3 swaps met none",
        "programs: 2 before, 2 after",
        "maps: 1 before, 1 after",
        "links: 1 before, 1 after",
        "locked: 8,704 bytes before, 8,704 after",
        "pins: 19 before, 19 after",
        "fds: 1 /dev/null, 4 pipe, 27 anon_inode:bpf-map",
        "resident memory: 150,000,000 bytes, growing by 9,000 for each of the last 105 swaps",
        "Programs, maps and links are those of the whole machine: let nobody else load any meanwhile.",
        "all held",
        "",
      ].join("\n"),
    );
  });

  test("lists what failed in place of that", () => {
    const text = reportText({ ...GOOD, failures: ["one", "two"] });
    expect(text.split("\n").slice(-4)).toEqual([expect.stringMatching(/^Programs/), "FAILED: one", "FAILED: two", ""]);
  });

  test("says that memory was not judged, and why", () => {
    const text = reportText({ ...GOOD, memory: { bytes: 1e8, swaps: 40, perSwap: undefined }, failures: [] });
    expect(text).toContain("growth not judged: the later half has 40 swaps, and it takes 100");
  });
});
