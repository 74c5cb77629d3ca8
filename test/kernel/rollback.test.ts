/** Rollback on a real kernel: under traffic, with what maps hold, after a kill at any moment, and what thousands of swaps leave. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, unlinkSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Linkage } from "../../src/chain/index.ts";
import { encode, exit, layout, mov64Imm, R0 } from "../../src/codegen/asm/index.ts";
import { attach, type Attachment, detach, openKernel, rollback, status } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { networkNamespace } from "../../src/loader/machine/interface.ts";
import { ethernet, frame, payload } from "../../src/packets/index.ts";
import { chainOf, sampleProgram } from "../support/chains.ts";
import { counted, countedAtEnds } from "../support/counted.ts";
import { loaderLinkages, runnableLinkages } from "../support/linkages.ts";
import { wordsToStart } from "../support/processes.ts";
import { traffic } from "../support/traffic.ts";
import { numbered, verdictPacket, visited } from "../support/verdict-program.ts";
import { type Veth, veth } from "../support/veth.ts";
import { skipInShort } from "./cli/world.ts";

const EMULATED = process.env["XDPGEN_VM"] !== undefined;
/** An emulated processor sends some fifty times fewer frames in the same time. */
const [FRAMES, TURNS, SWAPS] = EMULATED ? [50_000, 4, 20] : [3_000_000, 20, 400];

const data = frame(ethernet(), payload(46));
const ROOT = "/sys/fs/bpf/xdpgen";

let pair: Veth;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  pair = veth("xr");
});
afterEach(async () => {
  if (openKernel().interfaceIndex(pair.far) !== 0) await detach(pair.far);
  pair[Symbol.dispose]();
});

const folder = (): string => `${ROOT}/${networkNamespace()}-${openKernel().interfaceIndex(pair.far)}`;

/** Everything in the attachment's folder, generations by how long ago they were. */
function pins(): readonly string[] {
  const dir = folder();
  const { generation } = status(pair.far)[0]!;
  const walk = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true }).flatMap((e) =>
      e.isDirectory() ? [`${path}/${e.name}/`, ...walk(`${path}/${e.name}`)] : [`${path}/${e.name}`],
    );
  return walk(dir)
    .map((path) => path.slice(dir.length).replace(/gen-(\d+)/, (_, n) => `gen-${generation - Number(n)}-ago`))
    .toSorted();
}

/** Which programs run, by the live dispatcher's own doing: all return PASS. */
async function running(live: Attachment): Promise<readonly number[]> {
  const { dataOut } = await live.testRun({ data: verdictPacket([2, 2, 2, 2, 2, 2]) });
  return visited(dataOut);
}

const openFds = (): number => readdirSync("/proc/self/fd").length;

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  const chain = (history: number, ...programs: readonly number[]) =>
    chainOf(
      programs.map((k) => numbered(k)),
      { linkage, history },
    );

  it("loses no frame, and maps keep what was counted since", async () => {
    const first = { ...sampleProgram("counter"), name: "first", priority: 1 };
    const last = { ...sampleProgram("counter"), name: "last", priority: 99 };
    const added = { ...sampleProgram("denylist"), priority: 50 };
    const live = await attach(chainOf([first, last], { linkage, end: "drop" }), pair.far, { mode: "native" });
    await live.update(chainOf([first, added, last], { linkage, end: "drop" }));
    using source = traffic(openKernel(), pair.near);
    const done = new AbortController();
    const sending = (async () => {
      while (!done.signal.aborted) await source.send(data, FRAMES / 10);
    })();
    let turns = 0;
    while (turns < TURNS || source.sent() < FRAMES) {
      const result = await live.rollback(turns % 2 === 0 ? 1 : 2);
      expect(result.generation).toBe(turns % 2 === 0 ? 1 : 2);
      turns++;
      await setImmediate();
    }
    done.abort();
    await sending;
    const frames = source.sent();
    expect(countedAtEnds(live.status())).toEqual({ first: frames, last: frames });
    console.log(`linkage ${linkage}: ${frames} frames, ${turns} rollbacks, every frame counted once at both ends`);
  });

  it("runs the programs of that generation, whole", async () => {
    const live = await attach(chain(2, 1, 2), pair.far);
    await live.update(chain(2, 2, 3));
    await live.update(chain(2, 4));
    const fds = openFds();
    await live.rollback(1);
    expect(await running(live)).toEqual([1, 2]);
    expect(live.status().kept).toMatchObject([
      { generation: 3, programs: ["p4"], whole: true },
      { generation: 2, programs: ["p2", "p3"], whole: true },
    ]);
    await live.rollback(3);
    expect(await running(live)).toEqual([4]);
    await rollback(pair.far);
    expect(await running(live)).toEqual([2, 3]);
    expect(openFds()).toBe(fds);
    expect(await live.update(chain(2, 1, 2))).toMatchObject({ outcome: "swapped", generation: 4 });
    expect(await running(live)).toEqual([1, 2]);
    await live.rollback();
    expect(await running(live)).toEqual([2, 3]);
    await live.detach();
    expect(existsSync(folder())).toBe(false);
  });

  it("a program that comes back while it is kept has its maps, and no more once it is not", async () => {
    const counter = { ...sampleProgram("counter"), priority: 1 };
    const other = numbered(9);
    const of = (...programs: Parameters<typeof chainOf>[0][number][]) => chainOf(programs, { linkage, history: 1 });
    const live = await attach(of(counter, other), pair.far);
    await live.testRun({ data });
    await live.update(of(other));
    await live.update(of(counter, other));
    expect(counted(live.status())).toBe(1);
    await live.testRun({ data });
    await live.update(of(other));
    await live.update(of(other, numbered(8)));
    await live.update(of(counter, other));
    expect(counted(live.status())).toBe(0);
  });

  it.for([0, 1, 3])(
    "many swaps leave no more than a history of %i says",
    { timeout: 600_000 },
    async (history, context) => {
      if (history === 3) skipInShort(context, "takes long in emulation; a history of 1 is seen here");
      const live = await attach(chain(history, 1, 2), pair.far);
      const turn = async (i: number): Promise<void> => {
        await live.update(chain(history, 2, (i % 5) + 3));
      };
      for (let i = 0; i < 10; i++) await turn(i);
      const before = { pins: pins(), fds: openFds() };
      for (let i = 0; i < Math.floor(SWAPS / 5 / 3) * 5; i++) await turn(i);
      expect({ pins: pins(), fds: openFds() }).toEqual(before);
      expect(before.pins.filter((path) => /^\/gen-\d+-ago\/$/.test(path))).toHaveLength(history + 1);
    },
  );
});

const CHILD = wordsToStart(new URL("loader-child.ts", import.meta.url));

/**
 * A swap in a process of its own, which is killed before its `at`-th call of the kernel, once it has swapped, or never. Gives the
 * calls that were made.
 */
function swap(linkage: Linkage, at: number | "swapped" | "never"): readonly string[] {
  const [command, ...words] = [...CHILD, pair.far, linkage, "1", `${at}`, "2", "3"];
  const { signal, stdout, stderr } = spawnSync(command, words, { encoding: "utf8" });
  expect({ signal, stderr }).toEqual({ signal: at === "never" ? null : "SIGKILL", stderr: "" });
  return stdout.trim().split("\n");
}

it.for(loaderLinkages)(
  "linkage %s: a swap that is killed loses neither the live nor the kept",
  { timeout: 600_000 },
  async (linkage) => {
    const chain = (...programs: readonly number[]) =>
      chainOf(
        programs.map((k) => numbered(k)),
        { linkage },
      );
    const live = await attach(chain(1), pair.far);
    await live.update(chain(1, 2));
    // In the virtual machine a process costs seconds.
    const calls = swap(linkage, "never");
    await live.rollback();
    const swapping = calls.indexOf("updateLink") + 1;
    expect(swapping).toBeGreaterThan(1);
    for (const at of [...(EMULATED ? [] : [swapping - 1]), swapping, "swapped"] as const) {
      await live.update(chain(1));
      await live.update(chain(1, 2));
      const old = live.status();
      expect(swap(linkage, at)).toEqual(calls.slice(0, at === "swapped" ? swapping : at - 1));
      const found = live.status();
      const swapped = at === "swapped";
      expect(found.generation !== old.generation).toBe(swapped);
      expect(await running(live)).toEqual(swapped ? [2, 3] : [1, 2]);
      expect(found.kept.map(({ generation }) => generation)).toContain(
        swapped ? old.generation : old.kept[0]!.generation,
      );
      expect(await live.rollback()).toMatchObject({ generation: swapped ? old.generation : old.kept[0]!.generation });
      expect(await running(live)).toEqual(swapped ? [1, 2] : [1]);
      await live.update(chain(5));
      const { kept, generation } = live.status();
      expect(kept).toHaveLength(1);
      expect(pins().filter((path) => path.endsWith("/dispatcher"))).toHaveLength(2);
      expect(generation).toBeGreaterThan(kept[0]!.generation);
      await live.rollback();
    }
  },
);

it("what was rolled back to is what ran last, where somebody removes the link's pin", async () => {
  const chain = (...programs: readonly number[]) => chainOf(programs.map((k) => numbered(k)));
  const live = await attach(chain(1), pair.far);
  await live.update(chain(2));
  await live.rollback();
  expect(pins().filter((path) => path.endsWith("/live/"))).toHaveLength(1);
  unlinkSync(`${folder()}/link`);
  expect(status(pair.far)).toMatchObject([{ generation: 1, kept: [{ generation: 2 }] }]);
  expect(await live.update(chain(3))).toMatchObject({ outcome: "created", generation: 3 });
  expect(live.status().kept).toMatchObject([{ generation: 1, programs: ["p1"] }]);
  expect(pins().filter((path) => path.endsWith("/live/"))).toHaveLength(1);
});

/** What a slot is bound by has a pin of its own with these linkages only. */
const PINNED = ["tail", ...runnableLinkages.filter((linkage) => linkage === "freplace")] as const;

it.each(PINNED)("linkage %s: a kept generation without the pin of a slot is shown and refused", async (linkage) => {
  const instructions = encode(layout([mov64Imm(R0, 2), exit()]));
  using theirs = openKernel().loadProgram({ type: "xdp", name: "passing", instructions });
  const first = linkage === "tail" ? { name: "p1", fd: theirs.number, priority: 1 } : { ...numbered(1), linkage };
  const live = await attach(chainOf([first, numbered(9)]), pair.far);
  await live.update(chainOf([numbered(9)]));
  unlinkSync(`${folder()}/gen-1/slot-p1`);
  expect(live.status()).toMatchObject({ generation: 2, kept: [{ generation: 1, whole: false }] });
  await expect(live.rollback()).rejects.toMatchObject({
    code: "not-kept",
    message: expect.stringMatching(/somebody removed \S+\/gen-1\/slot-p1, which bound p1;/),
  });
  expect(live.status().generation).toBe(2);
  expect(await running(live)).toEqual([9]);
});

it("a slot of linkage tail holds its program while its generation is kept", async () => {
  const instructions = encode(layout([mov64Imm(R0, 1), exit()]));
  const theirs = openKernel().loadProgram({ type: "xdp", name: "dropping", instructions });
  const live = await attach(chainOf([{ name: "theirs", fd: theirs.number, priority: 1 }, numbered(9)]), pair.far);
  await live.update(chainOf([numbered(9)]));
  theirs.close();
  await live.rollback();
  // An empty slot would say 31, and p9 would run.
  const { retval, dataOut } = await live.testRun({ data: verdictPacket(Array(10).fill(2)) });
  expect([retval, visited(dataOut)]).toEqual([1, []]);
});
