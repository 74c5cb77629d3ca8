/**
 * The transaction on a real kernel: several interfaces at once under traffic, a failure on one of them, cancelling at each
 * step, a lock that another process has, a link that another process changes.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { setImmediate, setTimeout } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  attach,
  attachAll,
  type Attachments,
  detach,
  open,
  openKernel,
  status,
  type SwapEvent,
} from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { networkNamespace } from "../../src/loader/machine/interface.ts";
import { KernelError } from "../../src/loader/machine/kernel.ts";
import { ethernet, frame, payload } from "../../src/packets/index.ts";
import { chainOf, sampleProgram } from "../support/chains.ts";
import { counted } from "../support/counted.ts";
import { loaderLinkages } from "../support/linkages.ts";
import { wordsToStart } from "../support/processes.ts";
import { traffic } from "../support/traffic.ts";
import { numbered, verdictPacket, visited } from "../support/verdict-program.ts";
import { type Veth, veth } from "../support/veth.ts";
import { watched } from "../support/watched-kernel.ts";
import { json, run, XDPGEN } from "./cli/command.ts";
import {
  attachmentFolder,
  EMULATED,
  expectUnchanged,
  type Folder,
  folder,
  hostOnly,
  leftToHost,
  LONG,
  numberedChain,
  snapshot,
  type Snapshot,
} from "./cli/world.ts";

/** Traffic flows until both are reached. */
const [FRAMES, SWAPS] = EMULATED ? [10_000, 4] : [1_000_000, 20];
const BATCH = FRAMES / 10;

const data = frame(ethernet(), payload(46));
const INTRUDER = wordsToStart(new URL("intruder-child.ts", import.meta.url));

let pairs: readonly Veth[];
let here: Folder;
let before: Snapshot;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  pairs = [veth("xe-a"), veth("xe-b")];
  here = folder();
  before = snapshot();
});
afterEach(async () => {
  for (const { far } of pairs) await detach(far);
  for (const pair of pairs) pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

const devices = (): readonly string[] => pairs.map(({ far }) => far);

/** Frames that a counter has counted. */
const countedOn = (device: string, program: string): number => counted(status(device)[0]!, program);

const countedOnEach = (program: string): readonly number[] => devices().map((device) => countedOn(device, program));

/** Another process, which has the lock of an attachment until it is killed. */
async function lockHolder(dir: string): Promise<ChildProcess> {
  const script = "echo locked; exec sleep 60";
  const holder = spawn("flock", ["--no-fork", dir, "sh", "-c", script], { stdio: ["ignore", "pipe", "ignore"] });
  await once(holder.stdout, "data");
  return holder;
}

async function running(device: string): Promise<readonly number[]> {
  await using live = await open(device);
  const { dataOut } = await live.testRun({ data: verdictPacket([2, 2, 2, 2, 2, 2]) });
  return visited(dataOut);
}

const dispatchers = (): readonly number[] => devices().map((device) => status(device)[0]!.dispatcher.id);

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  const first = { ...sampleProgram("counter"), name: "first", priority: 1 };
  const last = { ...sampleProgram("counter"), name: "last", priority: 99 };
  const added = { ...sampleProgram("denylist"), priority: 50 };
  const counting = chainOf([first, last], { name: "xe", linkage, end: "drop" });
  const more = chainOf([first, last, added], { name: "xe", linkage, end: "drop" });
  const named = (...programs: readonly number[]) =>
    chainOf(
      programs.map((k) => numbered(k)),
      { name: "xe", linkage },
    );

  /** Sends into interfaces until `work` is done and enough was sent; gives what went into each. All must run a program. */
  async function underTraffic(into: readonly Veth[], work: () => Promise<unknown>): Promise<readonly number[]> {
    const done = new AbortController();
    const sources = into.map(({ near }) => traffic(openKernel(), near));
    const sending = sources.map(async (source) => {
      while (!done.signal.aborted) await source.send(data, BATCH);
    });
    try {
      await work();
      while (sources.some((source) => source.sent() < FRAMES)) await setTimeout(1);
    } finally {
      done.abort();
      await Promise.all(sending);
    }
    const sent = sources.map((source) => source.sent());
    for (const source of sources) source[Symbol.dispose]();
    return sent;
  }

  it("two interfaces that share a dispatcher lose no frame while it is swapped under both", async () => {
    const live: Attachments = await attachAll(counting, devices(), { mode: "native" });
    const sent = await underTraffic(pairs, async () => {
      for (let swaps = 0; swaps < SWAPS; swaps++) {
        const results = await live.update(swaps % 2 === 0 ? more : counting);
        expect(results.map(({ outcome, generation }) => [outcome, generation])).toEqual(
          devices().map(() => ["swapped", swaps + 2]),
        );
        expect(new Set(dispatchers()).size).toBe(1);
        await setImmediate();
      }
    });
    const frames = sent.reduce((sum, one) => sum + one);
    expect({ first: countedOnEach("first"), last: countedOnEach("last") }).toEqual({
      first: [frames, frames],
      last: [frames, frames],
    });
    console.log(`linkage ${linkage}: ${sent.join(" + ")} frames, ${SWAPS} swaps of both, every frame counted once`);

    // One that leaves takes nothing from the other.
    const [alone, other] = devices();
    await detach(alone!);
    const [after] = await underTraffic(pairs.slice(1), async () => {});
    expect(status(other)[0]!.sharedWith).toEqual([]);
    expect(countedOn(other!, "last")).toBe(frames + after!);
    await detach(other!);
    await expectUnchanged(before);
  });

  it("an interface that the driver refuses leaves the others what they had, under traffic", async () => {
    // veth takes no native XDP while a frame of its peer may be larger than a page (drivers/net/veth.c, veth_xdp_set).
    execFileSync("ip", ["link", "set", pairs[1]!.near, "mtu", "9000"]);
    before = snapshot();
    const attempt = attachAll(counting, devices(), { mode: "native" });
    await expect(attempt).rejects.toMatchObject({ code: "environment" });
    await expect(attempt).rejects.toThrow(`${pairs[1]!.far} refuses XDP in native mode (ERANGE: its MTU`);
    await expectUnchanged(before);

    await attach(counting, pairs[0]!.far, { mode: "native" });
    const [{ dispatcher, generation } = expect.fail()] = status(pairs[0]!.far);
    before = snapshot();
    const source = traffic(openKernel(), pairs[0]!.near);
    const sending = source.send(data, BATCH);
    await expect(attachAll(more, devices(), { mode: "native" })).rejects.toMatchObject({ code: "environment" });
    const sent = await sending;
    source[Symbol.dispose]();
    expect(status(pairs[0]!.far)).toMatchObject([{ dispatcher, generation }]);
    expect(countedOn(pairs[0]!.far, "last")).toBe(sent);
    await expectUnchanged(before);
  });

  it("a swap that one interface refuses is put back on those before it", async () => {
    const live = await attachAll(named(1, 2), devices());
    const old = dispatchers();
    before = snapshot();
    let updates = 0;
    const kernel = watched(openKernel(), (_, call) => {
      if (call === "updateLink" && ++updates === 2) throw new KernelError("bpf_link_update", 12, "ENOMEM");
    });
    const machine = { kernel, root: "/sys/fs/bpf/xdpgen", netns: networkNamespace() };
    await expect(attachAll(named(2, 3), devices(), { machine })).rejects.toThrow(/ENOMEM/);
    expect(updates).toBe(3);
    expect(dispatchers()).toEqual(old);
    for (const device of devices()) expect(await running(device)).toEqual([1, 2]);
    await expectUnchanged(before);
    await live.update(named(2, 3));
    for (const device of devices()) expect(await running(device)).toEqual([2, 3]);
  });

  it("one that is changed alone leaves, and the other runs on", async () => {
    const live = await attachAll(counting, devices());
    const [one, other] = devices();
    await attach(more, one!);
    expect(new Set(dispatchers()).size).toBe(2);
    expect(status(one)[0]!.programs.map(({ name }) => name)).toEqual(["first", "denylist", "last"]);
    expect(status(other)[0]).toMatchObject({ generation: 1, sharedWith: [] });
    // The maps stay shared.
    await using changed = await open(one!);
    await changed.testRun({ data });
    expect(countedOnEach("first")).toEqual([1, 1]);
    await attach(counting, one!);
    expect((await live.update(counting)).map(({ outcome }) => outcome)).toEqual(["unchanged", "unchanged"]);
    await live.update(more);
    expect(new Set(dispatchers()).size).toBe(1);
  });

  it(
    "cancelled before any step of it, a swap has changed nothing in the kernel",
    async () => {
      // Of a generation that is kept a program is loaded already, which is a step less.
      const old = { ...named(1, 2), history: 0 };
      const checked = {
        ...named(2, 3),
        history: 0,
        checks: [
          {
            name: "passes",
            packet: Buffer.from(verdictPacket([2, 2, 2, 2])).toString("hex"),
            expect: ["pass" as const],
          },
        ],
      };
      await attachAll(old, devices());
      before = snapshot();
      let now = dispatchers();
      const steps: string[] = [];
      for (let at = 1; steps.at(-1) !== "clear"; at++) {
        const controller = new AbortController();
        let begun = 0;
        const events = (event: SwapEvent): void => {
          if (event.kind !== "begin" || ++begun !== at) return;
          steps.push(event.step);
          controller.abort();
        };
        const ended = await attachAll(checked, devices(), { events, signal: controller.signal }).catch(
          (error: unknown) => error,
        );
        expect(begun, `before step ${at}`).toBeGreaterThanOrEqual(at);
        // The second interface's commit, and what comes after: the first has the new chain already.
        if (steps.filter((step) => step === "commit").length > 1 || steps.at(-1) === "clear") {
          expect(ended).toMatchObject({ results: [{ outcome: "swapped" }, { outcome: "swapped" }] });
          for (const device of devices()) expect(await running(device)).toEqual([2, 3]);
          await attachAll(old, devices());
          now = dispatchers();
          continue;
        }
        expect(ended, `before step ${at}, ${steps.at(-1)}`).toMatchObject({ code: "aborted" });
        expect(dispatchers()).toEqual(now);
        await expectUnchanged(before);
      }
      expect(new Set(steps)).toEqual(
        new Set(["synthesise", "lock", "read", "load", "bind", "check", "commit", "clear"]),
      );
    },
    LONG,
  );
});

describe("other processes", () => {
  const chain = (...programs: readonly number[]) =>
    chainOf(
      programs.map((k) => numbered(k)),
      { name: "xe", linkage: "call" },
    );

  it("that have the lock are named, waited for and given up on", async () => {
    const { far } = pairs[0]!;
    await attach(chain(1), far);
    const dir = attachmentFolder(openKernel().interfaceIndex(far));
    const holder = await lockHolder(dir);
    try {
      const events: SwapEvent[] = [];
      const attempt = attach(chain(2), far, { lockTimeout: 100, events: (event) => void events.push(event) });
      const who = `process ${holder.pid} (sleep 60)`;
      await expect(attempt).rejects.toMatchObject({ code: "conflict" });
      await expect(attempt).rejects.toThrow(`${who} still held the lock on ${dir} after 100 ms; nothing was changed`);
      expect(events.filter(({ kind }) => kind === "waiting")).toEqual([
        { kind: "waiting", interface: far, holder: { pid: holder.pid, command: "sleep 60" } },
      ]);
      const controller = new AbortController();
      const cancelled = attach(chain(2), far, {
        signal: controller.signal,
        events: ({ kind }) => void (kind === "waiting" && controller.abort()),
      });
      await expect(cancelled).rejects.toMatchObject({ code: "aborted" });
    } finally {
      holder.kill("SIGKILL");
    }
    // Death releases it.
    expect((await attach(chain(2), far)).result).toMatchObject({ outcome: "swapped" });
  });

  it(
    "that change the link in the middle are noticed: left alone, or overtaken where that is asked for",
    async () => {
      const { far } = pairs[0]!;
      const link = `${attachmentFolder(openKernel().interfaceIndex(far))}/link`;
      await attach(chain(1), far);
      for (const replace of [false, true]) {
        let intruded = false;
        const events: SwapEvent[] = [];
        const listen = (event: SwapEvent): void => {
          events.push(event);
          if (event.kind !== "begin" || event.step !== "commit" || intruded) return;
          intruded = true;
          const [command, ...words] = [...INTRUDER, link];
          expect(spawnSync(command, words, { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
        };
        const ended = await attach(chain(2), far, { events: listen, replace }).catch((error: unknown) => error);
        expect(events.filter(({ kind }) => kind === "again")).toEqual([{ kind: "again", interface: far, attempt: 1 }]);
        if (replace) {
          expect(ended).toMatchObject({ result: { outcome: "swapped", generation: 2 } });
          expect(await running(far)).toEqual([2]);
        } else {
          expect(ended).toMatchObject({ code: "interface-occupied" });
          expect((ended as Error).message).toMatch(/runs program \d+ \(verdict_9\)/);
          // As it was, for the second time round.
          await attach(chain(1), far, { replace: true });
          await detach(far);
          await attach(chain(1), far);
        }
      }
    },
    LONG,
  );

  it(
    "Ctrl-C while apply waits changes nothing and ends it by the signal",
    hostOnly("a process takes seconds to start in emulation; the steps are cancelled above there too", async () => {
      const { far } = pairs[0]!;
      await attach(chain(1), far);
      before = snapshot();
      const path = numberedChain(here, "chain", [2], "linkage: call\n");
      const dir = attachmentFolder(openKernel().interfaceIndex(far));
      const holder = await lockHolder(dir);
      try {
        const child = spawn(process.execPath, [...XDPGEN.slice(1), "apply", path, "--dev", far], {
          stdio: ["ignore", "ignore", "pipe"],
        });
        const exit = once(child, "exit");
        let said = "";
        child.stderr.on("data", (text: Buffer) => {
          said += text.toString();
          if (said.includes("waiting for")) child.kill("SIGINT");
        });
        expect(await exit).toEqual([null, "SIGINT"]);
        expect(said).toContain(`${far}: waiting for process ${holder.pid} (`);
        expect(said).toMatch(/^error: cancelled: attach chain xe to \S+; nothing was changed$/m);
      } finally {
        holder.kill("SIGKILL");
      }
      await expectUnchanged(before);
    }),
  );
});

it("apply gives several interfaces the chain at once, and says what they share", async (context) => {
  leftToHost(context);
  const path = numberedChain(here, "chain", [1, 2], "linkage: call\n");
  const [one, other] = devices();
  const planned = json(await run(["plan", path, "--dev", one!, "--dev", other!, "--json"]));
  expect(planned).toMatchObject({ planned: [{ sharedWith: [other] }, { sharedWith: [one] }] });
  const applied = json(await run(["apply", path, "--dev", one!, "--dev", other!, "--json"])) as {
    readonly events: readonly SwapEvent[];
  };
  expect(applied).toMatchObject({ applied: [{ interface: one }, { interface: other }] });
  const ended = applied.events.flatMap((event) =>
    event.kind === "end" ? [`${event.step} ${event.interfaces.length}`] : [],
  );
  expect(ended).toEqual([
    "synthesise 2",
    "lock 2",
    "read 2",
    "load 2",
    "bind 2",
    "bind 1",
    "commit 1",
    "commit 1",
    "clear 2",
  ]);
  expect((await run(["status", one!])).out).toContain(`  shared with ${other}, and so are its maps\n`);
  expect(new Set(dispatchers()).size).toBe(1);
  expect((await run(["apply", path, "--dev", one!, "--dev", other!])).out).toBe(
    devices()
      .map((device) => `${device}: nothing to change: chain xe, generation 1, 2 programs by call, native mode\n`)
      .join(""),
  );
});
