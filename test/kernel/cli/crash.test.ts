/**
 * What may happen while a chain runs: writers at once, a process killed at any moment, interfaces that go, are renamed or
 * move. Whatever it is, one generation runs whole, and the next command clears what is left.
 */
import { execFileSync, spawn as start } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { library } from "../../../src/cli/library.ts";
import { type AttachmentStatus, open, openKernel } from "../../../src/loader/index.ts";
import { loaderLinkages } from "../../support/linkages.ts";
import { verdictPacket, visited } from "../../support/verdict-program.ts";
import { type Veth, veth } from "../../support/veth.ts";
import { type Ended, expectRefusal, json, run, spawn, spawnAll, XDPGEN } from "./command.ts";
import type { RunOptions } from "./run.ts";
import {
  attachmentFolder,
  bpfFds,
  EMULATED,
  expectUnchanged,
  type Folder,
  freshWorld,
  hostOnly,
  leftToHost,
  LONG,
  numberedChain,
  skipInShort,
  snapshot,
  type Snapshot,
  tree,
} from "./world.ts";

const SLOW_PROCESSES =
  "each process takes seconds to start in emulation; loader.test.ts kills at each call of the kernel there too";

let pair: Veth;
let here: Folder;
let before: Snapshot;
beforeEach(() => void ({ pair, here, before } = freshWorld()));
afterEach(async () => {
  try {
    pair[Symbol.dispose]();
  } catch (error) {
    // It went with its other end, or goes with the namespace of that, which the kernel removes a little later.
    if (openKernel().interfaceIndex(pair.near) !== 0) throw error;
  }
  await clear();
  here[Symbol.dispose]();
});

/** Any command that changes something clears what interfaces that are gone have left; this one does no more. */
async function clear(): Promise<void> {
  using other = veth("xe-c");
  expect(await run(["detach", other.far])).toMatchObject({ status: 0 });
}

const apply = (path: string, device = pair.far, ...more: readonly string[]) =>
  run(["apply", path, "--dev", device, ...more]);
const statusOf = async (...device: readonly string[]): Promise<readonly AttachmentStatus[]> =>
  json(await run(["status", "--json", ...device])) as AttachmentStatus[];

async function running(): Promise<readonly number[]> {
  await using live = await open(pair.far);
  const { dataOut } = await live.testRun({ data: verdictPacket([2, 2, 2, 2, 2, 2]) });
  return visited(dataOut);
}

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  const numbered = (name: string, ...programs: readonly number[]): string =>
    numberedChain(here, name, programs, `linkage: ${linkage}\n`);

  /**
   * Applies a chain in a process of its own. It says a line before it begins; `after` so many milliseconds it is killed.
   * Gives the milliseconds from that line to its end, and whether it ended by itself.
   */
  async function applied(path: string, after?: number): Promise<{ readonly took: number; readonly whole: boolean }> {
    const [command, ...words] = [...XDPGEN, "apply", path, "--dev", pair.far];
    const child = start(command, words, { stdio: ["ignore", "ignore", "pipe"] });
    const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    await once(child.stderr, "data");
    const from = performance.now();
    if (after !== undefined) void setTimeout(after).then(() => child.kill("SIGKILL"));
    const [code] = await exit;
    return { took: performance.now() - from, whole: code === 0 };
  }

  it(
    "a process killed at any moment leaves the old or the new generation",
    hostOnly(SLOW_PROCESSES, async () => {
      // Without a history, what is pinned afterwards is what is live.
      const head = `linkage: ${linkage}\nhistory: 0\n`;
      const [one, two] = [numberedChain(here, "one", [1, 2], head), numberedChain(here, "two", [2, 3], head)];
      const KILLS = 6;
      await apply(one);
      const { took, whole } = await applied(two);
      expect(whole).toBe(true);
      const ends = { old: 0, new: 0, whole: 0 };
      for (let i = 0; i < KILLS; i++) {
        await apply(one);
        const ended = await applied(two, (took * i) / KILLS);
        const found = await running();
        expect([
          [1, 2],
          [2, 3],
        ]).toContainEqual(found);
        ends[ended.whole ? "whole" : found[0] === 1 ? "old" : "new"]++;
        expect(await apply(two)).toMatchObject({ status: 0 });
        expect(await running()).toEqual([2, 3]);
        const { generation } = (await statusOf(pair.far))[0]!;
        const left = tree(attachmentFolder(openKernel().interfaceIndex(pair.far)));
        expect(left.filter((path) => /\/gen-\d+\/$/.test(path))).toHaveLength(1);
        expect(left.some((path) => path.endsWith(`/gen-${generation}/dispatcher`))).toBe(true);
        expect(left.some((path) => path.includes("/p1-"))).toBe(false);
      }
      console.log(
        `linkage ${linkage}: of ${KILLS} killed, ${ends.old} kept the old, ${ends.new + ends.whole} had the new`,
      );
      expect(ends.old).toBeGreaterThan(0);
      expect(await run(["detach", pair.far])).toMatchObject({ status: 0 });
      await expectUnchanged(before);
    }),
    LONG,
  );

  it("writers at once take turns", async () => {
    // In emulation each can take seconds, and a command waits for the lock no longer than ten.
    const patient: RunOptions["library"] = {
      apply: (chain, devices, options) => library.apply(chain, devices, { ...options, lockTimeout: LONG }),
      detach: (device, options) => library.detach(device, { ...options, lockTimeout: LONG }),
    };
    const patiently = (...words: readonly string[]): Promise<Ended> => run(words, { library: patient });
    const writers = [1, 2, 3, 4, 5, 6];
    const chains = writers.map((k) => numbered(`only${k}`, k));
    const ended = await Promise.all(chains.map((path) => patiently("apply", path, "--dev", pair.far, "--json")));
    const generations = ended.map((end) => (json(end) as { applied: { generation: number }[] }).applied[0]!.generation);
    expect(generations.toSorted((a, b) => a - b)).toEqual(writers);
    const last = generations.indexOf(writers.length) + 1;
    expect(await running()).toEqual([last]);
    const mixed = await Promise.all([
      patiently("apply", chains[0]!, "--dev", pair.far),
      patiently("detach", pair.far),
      patiently("apply", chains[1]!, "--dev", pair.far),
      patiently("status"),
    ]);
    expect(mixed.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect(await run(["detach", pair.far])).toMatchObject({ status: 0 });
    await expectUnchanged(before);
  });

  it("the interface is deleted under the chain", async () => {
    const path = numbered("chain", 1, 2);
    const { far, near } = pair;
    await apply(path);
    const index = openKernel().interfaceIndex(far);
    execFileSync("ip", ["link", "del", near]);
    expect((await statusOf()).filter(({ ifindex }) => ifindex === index)).toMatchObject([{ defunct: true }]);
    expect((await run(["status"])).out).toMatch(new RegExp(`interface ${index} \\(gone\\)[\\s\\S]*NOT RUNNING`));
    expectRefusal(await apply(path, far), 1, `no interface ${far}`);
    expectRefusal(await run(["status", far]), 1, `no interface ${far}`);
    const ended = await run(["detach", far]);
    expectRefusal(ended, 1, `no interface ${far}`);
    expect(ended.out).toBe(`cleared an attachment whose interface (index ${index}) no longer exists\n`);
    expectRefusal(await run(["detach", far]), 1, `no interface ${far}`);
    expect(existsSync(attachmentFolder(index))).toBe(false);
    pair = veth("xe");
    expect(await apply(path)).toMatchObject({ status: 0 });
  });

  it("the interface is renamed", async () => {
    const path = numbered("chain", 1);
    await apply(path);
    const index = openKernel().interfaceIndex(pair.far);
    execFileSync("ip", ["link", "set", pair.far, "down"]);
    execFileSync("ip", ["link", "set", pair.far, "name", "xe-renamed"]);
    const renamed = (await statusOf()).filter(({ ifindex }) => ifindex === index);
    expect(renamed).toMatchObject([{ interface: "xe-renamed", generation: 1, defunct: false }]);
    expectRefusal(await run(["status", pair.far]), 1, `no interface ${pair.far}`);
    expect((await apply(path, "xe-renamed")).out).toMatch(/^xe-renamed: nothing to change: /);
    expect((await run(["detach", "xe-renamed"])).out).toBe("detached the chain from xe-renamed\n");
    expect(snapshot().pins).toEqual(before.pins);
  });

  it(
    "uses nothing more after many swaps than after the first",
    async () => {
      // Every swap costs seconds of emulation.
      const swaps = EMULATED ? 6 : 200;
      const paths = [numbered("odd", 1, 2), numbered("even", 2, 3)];
      await apply(paths[0]!);
      await apply(paths[1]!);
      const first = snapshot();
      const names = (pins: readonly string[]): readonly string[] => pins.map((pin) => pin.replace(/gen-\d+/, "gen"));
      for (let i = 0; i < swaps; i++) expect(await apply(paths[i % 2]!)).toMatchObject({ status: 0 });
      expect((await statusOf(pair.far))[0]!.generation).toBe(swaps + 2);
      expect(bpfFds()).toEqual(first.fds);
      const last = snapshot();
      expect(names(last.pins).toSorted()).toEqual(names(first.pins).toSorted());
      for (let tries = 0; tries < 100 && snapshot().loaded.length > first.loaded.length; tries++) await setTimeout(50);
      expect(snapshot().loaded.length).toBeLessThanOrEqual(first.loaded.length);
      expect(await run(["detach", pair.far])).toMatchObject({ status: 0 });
      await expectUnchanged(before);
    },
    LONG,
  );
});

it("leftovers of a first apply that was killed go, even when their interface is gone", async () => {
  const index = openKernel().interfaceIndex(pair.far);
  const left = attachmentFolder(index);
  mkdirSync(`${left}/programs/p1-0123456789abcdef/maps`, { recursive: true });
  mkdirSync(`${left}/gen-1`);
  expectRefusal(await run(["status", pair.far]), 1, `xdpgen has nothing on ${pair.far}`);
  await clear();
  expect(existsSync(left)).toBe(true);
  pair[Symbol.dispose]();
  await clear();
  expect(existsSync(left)).toBe(false);
});

it("one interface of several does not exist: none is changed", async () => {
  const path = numberedChain(here, "chain", [1], `interfaces: [${pair.far}, xe-none]\n`);
  expectRefusal(await run(["apply", path]), 1, "no interface xe-none");
  await expectUnchanged(before);
  expect(await run(["apply", path, "--dev", pair.far, "--dev", pair.near, "--dev", pair.far])).toMatchObject({
    status: 0,
    out: expect.stringMatching(/^\S+: attached .*\n\S+: attached .*\n$/) as string,
  });
});

describe("in a network namespace of its own", () => {
  const NAMESPACE = `xe-${process.pid}`;
  beforeEach(() => void execFileSync("ip", ["netns", "add", NAMESPACE]));
  afterEach(() => void execFileSync("ip", ["netns", "del", NAMESPACE]));

  it(
    "detach --all takes off every chain, and clears those whose interface is gone",
    hostOnly(SLOW_PROCESSES, async () => {
      const path = numberedChain(here, "chain", [1]);
      const script = [
        "for end in a b c; do ip link add xe-$end type veth peer name xp-$end; done",
        `"$@" apply ${path} --mode generic --dev xe-a --dev xe-b --dev xe-c`,
        'ip link del xe-a; "$@" detach --all; ip link del xe-b; "$@" detach --all --json',
        `"$@" apply ${path} --mode generic --dev xe-c; ip link del xe-c; "$@" detach --all; "$@" detach --all`,
      ];
      const { out, status } = spawn([], ["ip", "netns", "exec", NAMESPACE, "sh", "-ec", script.join("\n"), "sh"]);
      expect(status).toBe(0);
      expect(
        out
          .replaceAll(/index \d+/g, "index N")
          .split("\n")
          .slice(3),
      ).toEqual([
        "cleared an attachment whose interface (index N) no longer exists",
        "detached the chain from xe-b",
        "detached the chain from xe-c",
        "{",
        '  "detached": [],',
        '  "events": []',
        "}",
        expect.stringMatching(/^xe-c: attached/),
        "cleared an attachment whose interface (index N) no longer exists",
        "xdpgen has nothing on any interface: nothing was changed",
        "",
      ]);
      await expectUnchanged(before);
    }),
  );

  it("an interface that moved in brings its chain along, and its pins follow with the next command there", async (context) => {
    skipInShort(context, "its processes take two minutes in emulation; the host runs it");
    const counting = here.write(
      "counting.yaml",
      `chain: xe\nprograms: [{ name: counter, object: ${here.object("counter")} }]\n`,
    );
    await apply(counting);
    const [old] = await statusOf(pair.far);
    execFileSync("ip", ["link", "set", pair.far, "netns", NAMESPACE]);
    expect((await run(["status"])).out).toMatch(
      new RegExp(`${pair.far} in network namespace ${NAMESPACE} \\(\\d+\\): chain xe, generation 1`),
    );
    const more = numberedChain(here, "more", [1, 2]);
    const own = ["ip", "netns", "exec", NAMESPACE];
    const commands = [
      ["status", pair.far, "--json"],
      ["plan", counting, "--dev", pair.far],
      ["apply", counting, "--dev", pair.far],
      ["status", pair.far, "--json"],
      ["apply", more, "--dev", pair.far, "--json"],
      ["detach", pair.far],
    ];
    const [before1, planned, same, after1, swapped, detached] = spawnAll(commands, own);
    const maps = (ended: Ended) => (json(ended) as AttachmentStatus[])[0]!.programs[0]!.maps.map(({ id }) => id);
    expect(json(before1!)).toMatchObject([{ interface: pair.far, moved: true, namespace: { kind: "own" } }]);
    expect(planned!.out).toContain("nothing to change");
    expect(same!.out).toMatch(/nothing to change: chain xe, generation 1/);
    expect(same!.err).toMatch(/came from another network namespace \(\d+, index \d+\) with its chain: its pins are in/);
    expect(json(after1!)).toMatchObject([{ moved: false, troubles: [] }]);
    expect(maps(after1!)).toEqual(old!.programs[0]!.maps.map(({ id }) => id));
    expect(json(swapped!)).toMatchObject({ applied: [{ outcome: "swapped", generation: 2 }] });
    expect(detached).toMatchObject({ status: 0, out: `detached the chain from ${pair.far}\n` });
    expect(snapshot().pins).toEqual(before.pins);
  });

  it("an interface that moved in is not mistaken for the one that has its index now", async (context) => {
    leftToHost(context);
    await apply(numberedChain(here, "chain", [1]));
    const index = openKernel().interfaceIndex(pair.far);
    execFileSync("ip", ["link", "set", pair.far, "netns", NAMESPACE]);
    execFileSync("ip", ["link", "add", "xe-new", "index", `${index}`, "type", "veth", "peer", "name", "xe-peer"]);
    try {
      const other = numberedChain(here, "other", [2]);
      const attempt = await run(["apply", other, "--dev", "xe-new", "--mode", "generic"]);
      expectRefusal(attempt, 1, "chain xe", "moved to another network namespace", "--replace");
      const moved = execFileSync("ip", ["-n", NAMESPACE, "-j", "link", "show", pair.far], { encoding: "utf8" });
      expect(JSON.parse(moved)).toMatchObject([{ xdp: { prog: { name: "xdpgen_xe" } } }]);
      const taken = await run(["apply", other, "--dev", "xe-new", "--mode", "generic", "--replace"]);
      expect(taken.out).toContain("xe-new: attached chain xe, generation 2, 1 program by");
      expect((await run(["detach", "xe-new"])).status).toBe(0);
    } finally {
      execFileSync("ip", ["link", "del", "xe-new"]);
    }
  });
});
