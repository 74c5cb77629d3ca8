/** A handle and its interface: whatever becomes of the name, what is acted upon is the interface that it was got for. */
import { describe, expect, it } from "vitest";
import { attach, attachAll } from "../../../src/loader/attachment.ts";
import type { Kernel } from "../../../src/loader/machine/kernel.ts";
import type { Machine } from "../../../src/loader/machine/machine.ts";
import { clearDefunct, detach } from "../../../src/loader/swap/detach.ts";
import type { SwapEvent, SwapListener } from "../../../src/loader/swap/events.ts";
import { rollback } from "../../../src/loader/swap/rollback.ts";
import { numbered } from "../../support/verdict-program.ts";
import { chain, notices, world, type World } from "./world.ts";

const one = chain("call", numbered(1));
const two = chain("call", numbered(2));

/** Such an index is nobody's on this machine: what is left of it can be cleared. */
const INDEX = 2_000_000;

function rename({ kernel: { interfaces } }: World, from: string, to: string): void {
  const index = interfaces.get(from)!;
  interfaces.delete(from);
  interfaces.set(to, index);
}

/** The same kernel, with pins in another bpffs. */
const otherBpffs = (w: World): Machine => ({ ...w.machine(), root: `${w.root}-other` });

describe("an interface that goes away and leaves its name to another", () => {
  it.each(["one handle", "a handle of several"] as const)("%s acts on neither", async (which) => {
    using w = world();
    const machine = w.machine();
    w.kernel.interfaces.set("a", INDEX);
    const live =
      which === "one handle" ? await attach(one, "a", { machine }) : await attachAll(one, ["a"], { machine });
    w.kernel.deleteInterface("a");
    w.kernel.interfaces.set("a", INDEX + 1);
    await attach(two, "a", { machine });
    const running = w.kernel.running(INDEX + 1);
    const gone = { code: "interface-missing", message: expect.stringMatching(/^interface a went away; /) as string };
    await expect(live.update(one)).rejects.toMatchObject(gone);
    await expect(live.rollback()).rejects.toMatchObject(gone);
    await expect(live.detach()).rejects.toMatchObject(gone);
    expect(() => live.status()).toThrow(expect.objectContaining(gone));
    expect(w.kernel.running(INDEX + 1)).toBe(running);
  });

  it("is left as it is by a change of another that was cancelled before it began", async () => {
    using w = world();
    const machine = w.machine();
    w.kernel.interfaces.set("a", INDEX);
    const live = await attach(one, "lo", { machine });
    await attach(two, "a", { machine });
    w.kernel.deleteInterface("a");
    const before = w.pins();
    const signal = AbortSignal.abort();
    const cancelled = { code: "aborted", message: expect.stringMatching(/nothing was changed$/) as string };
    await expect(live.detach({ signal })).rejects.toMatchObject(cancelled);
    await expect(live.rollback(undefined, { signal })).rejects.toMatchObject(cancelled);
    await expect(live.update(two, { signal })).rejects.toMatchObject(cancelled);
    expect(w.pins()).toEqual(before);
    await live.detach();
    expect(w.pins()).toEqual([]);
  });

  it("is cleared by the detach of its handle, which says so", async () => {
    using w = world();
    w.kernel.interfaces.set("a", INDEX);
    const live = await attach(one, "a", { machine: w.machine() });
    w.kernel.deleteInterface("a");
    await expect(live.detach()).rejects.toThrow("interface a went away; what removed interfaces have left was cleared");
    expect(w.pins()).toEqual([]);
  });
});

it("a handle runs packets through what is live, and through nothing that is not", async () => {
  using w = world();
  w.kernel.interfaces.set("a", INDEX);
  const live = await attach(one, "a", { machine: w.machine() });
  const packet = { data: new Uint8Array(14) };
  using link = w.kernel.openPin(`${w.root}/42-${INDEX}/link`);
  w.kernel.detachLink(link.number);
  await expect(live.testRun(packet)).rejects.toMatchObject({ code: "not-attached" });
  await live.update(two);
  w.kernel.deleteInterface("a");
  await expect(live.testRun(packet)).rejects.toMatchObject({ code: "interface-missing" });
});

describe("an interface that is renamed in the middle of a swap", () => {
  it.each(["read", "commit", "clear"] as const)(
    "%s: the chain is attached, and the handle is of that interface",
    async (step) => {
      using w = world();
      const machine = w.machine();
      const events = (event: SwapEvent): void => {
        if (event.kind !== "begin" || event.step !== step || w.kernel.interfaces.get("lo") !== 1) return;
        rename(w, "lo", "renamed");
        w.kernel.interfaces.set("lo", INDEX);
      };
      const live = await attach(one, "lo", { machine, events });
      expect(live.ifindex).toBe(1);
      expect(live.status()).toMatchObject({ interface: "renamed", ifindex: 1, generation: 1 });
      expect(await live.detach()).toEqual({ detached: true });

      rename(w, "renamed", "lo");
      const all = await attachAll(one, ["lo"], { machine, events });
      expect(all.status()).toMatchObject([{ interface: "renamed", ifindex: 1 }]);
    },
  );

  it("is not gone for who attaches anew in the place of a defunct link", async () => {
    using w = world();
    const machine = w.machine();
    await attach(one, "lo", { machine });
    using link = w.kernel.openPin(`${w.root}/42-1/link`);
    w.kernel.detachLink(link.number);
    const events = (event: SwapEvent): void => {
      if (event.kind === "begin" && event.step === "read") rename(w, "lo", "renamed");
    };
    expect((await attach(two, "lo", { machine, events })).result).toMatchObject({ outcome: "created", generation: 2 });
  });
});

describe("an interface whose index another has, when the lock is free at last", () => {
  it.each([
    ["attach", (w: World, events: SwapListener) => attach(two, "lo", { machine: w.machine(), events })],
    ["rollback", (w: World, events: SwapListener) => rollback("lo", { machine: w.machine(), events })],
    ["detach", (w: World, events: SwapListener) => detach("lo", { machine: w.machine(), events })],
  ] as const)("is not taken for the one that was named: %s", async (_, change) => {
    using w = world();
    for (const before of [two, { ...one, history: 1 }]) await attach(before, "lo", { machine: w.machine() });
    const ran = w.kernel.running();
    const pins = w.pins();
    // Whoever has the lock lets it go after the second try.
    let tries = 0;
    const busy: Kernel = Object.assign(Object.create(w.kernel) as Kernel, { tryLock: () => ++tries > 2 });
    const changing = change({ ...w, machine: () => w.machine(busy) }, ({ kind }) => {
      if (kind === "waiting") rename(w, "lo", "another");
    });
    await expect(changing).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringMatching(
        /^interface 1 was lo when this began, and is another now; nothing was changed/,
      ) as string,
    });
    expect(w.kernel.running()).toBe(ran);
    expect(w.pins()).toEqual(pins);
  });
});

describe("detach", () => {
  it("of a name that is no interface's is an error, whatever was cleared meanwhile", async () => {
    using w = world();
    w.kernel.interfaces.set("a", INDEX);
    await attach(one, "lo", { machine: w.machine() });
    await attach(one, "a", { machine: w.machine() });
    w.kernel.deleteInterface("a");
    const { lines, events } = notices();
    await expect(detach("loo", { machine: w.machine(), events })).rejects.toMatchObject({ code: "interface-missing" });
    expect(lines).toEqual([`cleared an attachment whose interface (index ${INDEX}) no longer exists`]);
    expect(w.kernel.running()).not.toBe(0);
    expect(clearDefunct({ machine: w.machine() })).toBe(0);
  });

  it("takes off what runs too where the pins at hand are of a chain that does not", async () => {
    using w = world();
    await attach(one, "lo", { machine: w.machine() });
    using link = w.kernel.openPin(`${w.root}/42-1/link`);
    w.kernel.detachLink(link.number);
    await attach(two, "lo", { machine: otherBpffs(w) });
    expect(w.kernel.running()).not.toBe(0);
    expect(await detach("lo", { machine: w.machine() })).toEqual({ detached: true });
    expect(w.kernel.running()).toBe(0);
    expect(w.pins()).toEqual([]);
  });

  it("takes off what runs here, and leaves the link alone that moved away", async () => {
    using w = world();
    await attach(one, "lo", { machine: w.machine() });
    using link = w.kernel.openPin(`${w.root}/42-1/link`);
    w.kernel.moveInterface("lo");
    await attach(two, "lo", { machine: otherBpffs(w) });
    const { lines, events } = notices();
    expect(await detach("lo", { machine: w.machine(), events })).toEqual({ detached: true });
    expect(w.kernel.running()).toBe(0);
    expect(w.kernel.linkInfo(link.number).ifindex).toBe(1);
    expect(lines.join()).toMatch(/detached the chain from lo.*runs on an interface that once had the index 1 here/);
  });
});
