/** A swap as a transaction: its steps, what cancels it, who gets in its way. */
import { readdirSync, renameSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Chain, OBJECT_LINKAGES } from "../../../src/chain/chain.ts";
import { attach, open } from "../../../src/loader/attachment.ts";
import type { Kernel } from "../../../src/loader/machine/kernel.ts";
import { detach } from "../../../src/loader/swap/detach.ts";
import { SWAP_STEPS, type SwapEvent, type SwapListener } from "../../../src/loader/swap/events.ts";
import { rollback } from "../../../src/loader/swap/rollback.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { failure } from "./fake-kernel.ts";
import { chain, world, type World } from "./world.ts";

const checked = (...programs: readonly number[]): Chain => ({
  ...chain("freplace", ...programs.map((k) => numbered(k))),
  checks: [
    { name: "passes", packet: "eth", expect: ["pass"] },
    { name: "passes again", packet: "eth", expect: ["pass"] },
  ],
});

/** The steps that begin, with what they are about. */
const begun = (events: readonly SwapEvent[]): readonly string[] =>
  events.flatMap((event) => (event.kind === "begin" ? [`${event.step} ${event.of ?? ""}`.trim()] : []));

/** Somebody without the lock, who puts a program of their own on our link. */
function intrude({ kernel, root }: World): number {
  using link = kernel.openPin(`${root}/42-1/link`);
  using there = kernel.programById(kernel.linkInfo(link.number).programId);
  const theirs = kernel.foreign("theirs");
  kernel.updateLink(link.number, theirs.number, there.number);
  return kernel.programInfo(theirs.number).id;
}

describe("steps", () => {
  it.each(OBJECT_LINKAGES)("are told in their order, each with how long it took, with linkage %s", async (linkage) => {
    using w = world();
    const events: SwapEvent[] = [];
    const options = { machine: w.machine(), events: (event: SwapEvent) => void events.push(event) };
    const live = await attach(chain(linkage, numbered(1), numbered(2)), "lo", options);
    const load =
      linkage === "freplace" ? ["load program p1", "load program p2", "load dispatcher"] : ["load dispatcher"];
    expect(begun(events)).toEqual(["synthesise", "lock", "read", ...load, "bind", "commit", "clear"]);
    const ended = events.filter(({ kind }) => kind === "end");
    expect(ended).toHaveLength(begun(events).length);
    for (const event of ended) expect(event).toMatchObject({ interfaces: ["lo"], milliseconds: expect.any(Number) });

    // What the handle was opened with is told of its updates too.
    events.length = 0;
    await live.update(chain(linkage, numbered(1), numbered(2)));
    expect(begun(events)).toEqual(["synthesise", "lock", "read"]);

    // An extension that runs already is not loaded.
    events.length = 0;
    await live.update(chain(linkage, numbered(2), numbered(3)));
    const next = linkage === "freplace" ? ["load program p3", "load dispatcher"] : ["load dispatcher"];
    expect(begun(events)).toEqual(["synthesise", "lock", "read", ...next, "bind", "commit", "clear"]);
  });

  it("end in undo when one fails", async () => {
    using w = world({ rejects: ["verdict_2"] });
    const events: SwapEvent[] = [];
    const listening = { machine: w.machine(), events: (event: SwapEvent) => void events.push(event) };
    await expect(attach(chain("call", numbered(2)), "lo", listening)).rejects.toThrow(/refuses program p2/);
    expect(events.flatMap((event) => (event.kind === "failed" ? [event.step] : []))).toEqual(["load"]);
    expect(begun(events).at(-1)).toBe("undo");
  });

  it.each([
    [
      "an update",
      (w: World, events: SwapListener) => attach(chain("call", numbered(2)), "lo", { machine: w.machine(), events }),
    ],
    ["a rollback", (w: World, events: SwapListener) => rollback("lo", { machine: w.machine(), events })],
    ["a detach", (w: World, events: SwapListener) => detach("lo", { machine: w.machine(), events })],
  ] as const)("go on whatever a listener throws, which is thrown outside when all is done: %s", async (_, change) => {
    using w = world();
    const kept = (k: number): Chain => ({ ...chain("call", numbered(k)), history: 1 });
    for (const k of [1, 3]) await attach(kept(k), "lo", { machine: w.machine() });
    const order: string[] = [];
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", ({ message }) => order.push(message));
    try {
      // Where something has to be waited for, the event loop turns in the middle.
      const slow: Kernel = Object.assign(Object.create(w.kernel) as Kernel, {
        tryLock: () => order.push("asked") > 3,
        waitForPackets: () => new Promise((resolve) => setTimeout(resolve, 5)),
      });
      await change({ ...w, machine: () => w.machine(slow) }, () => {
        throw new Error("a listener's own");
      });
      expect(order).not.toContain("a listener's own");
      await new Promise((resolve) => setTimeout(resolve));
      expect(order.at(-1)).toBe("a listener's own");
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});

describe("an AbortSignal", () => {
  it.each(["created", "swapped"] as const)(
    "cancels before each step until the commit, and never after: %s",
    async (how) => {
      const reason = new Error("not wanted any more");
      const seen = new Set<string>();
      for (let at = 0, steps = Number.POSITIVE_INFINITY; at < steps; at++) {
        using w = world();
        if (how === "swapped") await attach(checked(1, 2), "lo", { machine: w.machine() });
        const before = w.snapshot();
        const controller = new AbortController();
        const events: SwapEvent[] = [];
        const listen = (event: SwapEvent): void => {
          events.push(event);
          if (event.kind === "begin" && begun(events).length === at + 1) controller.abort(reason);
        };
        const attempt = attach(checked(2, 3), "lo", {
          machine: w.machine(),
          events: listen,
          signal: controller.signal,
        });
        const ended = await attempt.catch((error: unknown) => error);
        const { step } = events.findLast((event) => event.kind === "begin" && event.step !== "undo") as {
          step: string;
        };
        seen.add(step);
        if (step === "clear") {
          expect(ended).toMatchObject({ result: { outcome: how } });
          steps = at + 1;
          continue;
        }
        expect(ended, `before ${step}`).toMatchObject({ code: "aborted", cause: reason });
        expect((ended as Error).message).toBe("cancelled: attach chain test to lo; nothing was changed");
        expect(w.snapshot(), `before ${step}`).toEqual(before);
      }
      // It has no health command, which a signal cancels too (health.test.ts).
      expect([...seen]).toEqual(SWAP_STEPS.filter((step) => step !== "undo" && step !== "health"));
    },
  );

  it("is heard at once when it was aborted before, and while the lock is waited for", async () => {
    using w = world();
    const signal = AbortSignal.abort();
    await expect(attach(chain("call", numbered(1)), "lo", { machine: w.machine(), signal })).rejects.toMatchObject({
      code: "aborted",
    });
    const controller = new AbortController();
    const locked: Kernel = Object.assign(Object.create(w.kernel) as Kernel, { tryLock: () => false });
    const waiting = attach(chain("call", numbered(1)), "lo", {
      machine: w.machine(locked),
      events: ({ kind }) => void (kind === "waiting" && controller.abort()),
      signal: controller.signal,
    });
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
    expect(w.pins()).toEqual([]);
  });

  it("is heard while the lock of pins from another network namespace is waited for", async () => {
    using w = world();
    await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    renameSync(`${w.root}/42-1`, `${w.root}/41-7`);
    // This kernel forgets pins that are renamed.
    using _ = w.kernel.openPin(`${w.root}/41-7/link`);
    const before = w.snapshot();
    const controller = new AbortController();
    let asked = 0;
    // The interface's own folder is free.
    const locked: Kernel = Object.assign(Object.create(w.kernel) as Kernel, { tryLock: () => ++asked === 1 });
    const waiting = attach(chain("call", numbered(2)), "lo", {
      machine: w.machine(locked),
      events: ({ kind }) => void (kind === "waiting" && controller.abort()),
      signal: controller.signal,
    });
    await expect(waiting).rejects.toMatchObject({
      code: "aborted",
      message: "cancelled: attach chain test to lo; nothing was changed",
    });
    expect(w.snapshot()).toEqual(before);
    expect(readdirSync(w.root)).toEqual(["41-7"]);
  });
});

describe("somebody who changes the link in the middle, without the lock", () => {
  const swapOver = async (w: World, times: number, options: { readonly replace?: boolean }) => {
    await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    const events: SwapEvent[] = [];
    let left = times;
    let theirs = 0;
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "updateLink" && left-- > 0) theirs = intrude(w);
    });
    const ended = await attach(chain("call", numbered(2)), "lo", {
      machine: w.machine(kernel),
      events: (event) => void events.push(event),
      ...options,
    }).catch((error: unknown) => error);
    return { ended, again: events.filter(({ kind }) => kind === "again"), theirs };
  };

  it("makes it begin again with what is there", async () => {
    using w = world();
    const before = w.pins();
    const { ended, again, theirs } = await swapOver(w, 1, {});
    expect(again).toEqual([{ kind: "again", interface: "lo", attempt: 1 }]);
    expect(ended).toMatchObject({ code: "interface-occupied" });
    expect((ended as Error).message).toContain(`runs program ${theirs} (theirs)`);
    expect(w.kernel.running()).toBe(theirs);
    expect(w.pins()).not.toEqual(before);
    expect(w.pins().filter((pin) => pin.includes("gen-"))).toEqual(["42-1/gen-1/dispatcher"]);
  });

  it("is overtaken where that is asked for, and is an error when it goes on", async () => {
    using w = world();
    const once = await swapOver(w, 3, { replace: true });
    expect(once.again).toHaveLength(3);
    expect(once.ended).toMatchObject({ result: { outcome: "swapped", generation: 2 } });

    using other = world();
    const { ended, again, theirs } = await swapOver(other, 1000, { replace: true });
    expect(again).toHaveLength(4);
    expect(ended).toMatchObject({ code: "conflict" });
    expect((ended as Error).message).toMatch(/^lo: another process .* 5 times in the middle of this swap/);
    expect(other.kernel.running()).toBe(theirs);
    expect(other.pins().filter((pin) => pin.includes("gen-"))).toEqual(["42-1/gen-1/dispatcher"]);
  });

  it("leaves it time to be cancelled before it begins again", async () => {
    using w = world();
    await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    const controller = new AbortController();
    let theirs = 0;
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "updateLink" && theirs === 0) theirs = intrude(w);
    });
    const attempt = attach(chain("call", numbered(2)), "lo", {
      machine: w.machine(kernel),
      replace: true,
      signal: controller.signal,
      events: ({ kind }) => void (kind === "again" && controller.abort()),
    });
    await expect(attempt).rejects.toMatchObject({ code: "aborted" });
    expect(w.kernel.running()).toBe(theirs);
  });

  it("is not who gets the same errno without a change", async () => {
    using w = world();
    await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    const before = w.snapshot();
    const events: SwapEvent[] = [];
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "updateLink") throw failure("bpf_link_update", "EPERM");
    });
    const options = { machine: w.machine(kernel), events: (event: SwapEvent) => void events.push(event) };
    await expect(attach(chain("call", numbered(2)), "lo", options)).rejects.toMatchObject({ code: "kernel" });
    expect(events.filter(({ kind }) => kind === "again")).toEqual([]);
    expect(w.snapshot()).toEqual(before);
  });

  it("may detach it: the chain is attached anew", async () => {
    using w = world();
    await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    let detached = false;
    const kernel = watched(w.kernel, (_, call) => {
      if (call !== "updateLink" || detached) return;
      detached = true;
      using link = w.kernel.openPin(`${w.root}/42-1/link`);
      w.kernel.detachLink(link.number);
    });
    const { result } = await attach(chain("call", numbered(2)), "lo", { machine: w.machine(kernel) });
    expect(result).toMatchObject({ outcome: "created", generation: 2 });
  });
});

describe("one attachment in many hands", () => {
  it("takes its updates one after the other, in their order, whatever becomes of one", async () => {
    using w = world({ rejects: ["verdict_4"] });
    await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    const events: string[] = [];
    const told = (name: string) => ({
      events: (event: SwapEvent) => void (event.kind === "begin" && events.push(name)),
    });
    const live = await open("lo", { machine: w.machine() });
    const [second, refused, third] = await Promise.allSettled([
      live.update(chain("call", numbered(2)), told("second")),
      live.update(chain("call", numbered(4)), told("refused")),
      live.update(chain("call", numbered(3)), told("third")),
    ]);
    expect(second).toMatchObject({ value: { generation: 2 } });
    expect(refused).toMatchObject({ status: "rejected", reason: { code: "program-rejected" } });
    expect(third).toMatchObject({ value: { generation: 3 } });
    expect([...new Set(events)]).toEqual(["second", "refused", "third"]);
    expect(events).toEqual(events.toSorted((a, b) => "srt".indexOf(a[0]!) - "srt".indexOf(b[0]!)));
    expect(live.status().programs.map(({ name }) => name)).toEqual(["p3"]);
  });

  it("waits for them when it is disposed of, and refuses what comes later", async () => {
    using w = world();
    const live = await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    const pending = live.update(chain("call", numbered(2)));
    await live[Symbol.asyncDispose]();
    expect(w.pins()).toContain("42-1/gen-2/dispatcher");
    expect(await pending).toMatchObject({ outcome: "swapped" });
    const refusal = { code: "usage", message: expect.stringContaining('open("lo")') as string };
    await expect(live.update(chain("call", numbered(3)))).rejects.toMatchObject(refusal);
    await expect(live.detach()).rejects.toMatchObject(refusal);
    await expect(live.testRun({ data: new Uint8Array(64) })).rejects.toMatchObject(refusal);
    expect(() => live.status()).toThrow(/was disposed of/);
    expect((await open("lo", { machine: w.machine() })).status().generation).toBe(2);
  });
});
