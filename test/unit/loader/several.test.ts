/** Several interfaces in one swap: what they share, and that they change together or not at all. */
import { cpSync, renameSync, rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Chain, OBJECT_LINKAGES } from "../../../src/chain/chain.ts";
import { attach, attachAll, type Attachments, open, openAll } from "../../../src/loader/attachment.ts";
import type { Kernel } from "../../../src/loader/machine/kernel.ts";
import { type Preview, previewAll } from "../../../src/loader/report/preview.ts";
import { status } from "../../../src/loader/report/status.ts";
import { detach } from "../../../src/loader/swap/detach.ts";
import type { SwapEvent } from "../../../src/loader/swap/events.ts";
import { groupsOf } from "../../../src/loader/swap/groups.ts";
import { programInSlot } from "../../../src/loader/swap/replacement.ts";
import { rollback } from "../../../src/loader/swap/rollback.ts";
import type { SwapResult } from "../../../src/loader/swap/swap.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { failure } from "./fake-kernel.ts";
import { chain, notices, withMap, world, type World } from "./world.ts";

/** Interfaces that exist only here; the sweep leaves those that have a link. */
function several(): World {
  const w = world();
  for (const [name, ifindex] of [
    ["b", 2_000_002],
    ["c", 2_000_003],
  ] as const)
    w.kernel.interfaces.set(name, ifindex);
  return w;
}

const running = (w: World): readonly number[] =>
  ["lo", "b", "c"].map((name) => w.kernel.running(w.kernel.interfaces.get(name)));
/** What `previewAll` foresees is what `attachAll` does. */
async function foreseen(w: World, declared: Chain, devices: readonly string[]): Promise<Attachments> {
  const machine = w.machine();
  const before = w.snapshot();
  const previews = await previewAll(declared, devices, { machine });
  expect(w.snapshot()).toEqual(before);
  const live = await attachAll(declared, devices, { machine });
  const told = ({ interface: device, outcome, generation }: Preview | SwapResult) => ({ device, outcome, generation });
  expect(previews.map(told)).toEqual(live.results!.map(told));
  const ids = devices.map((device) => w.kernel.running(w.kernel.interfaces.get(device)));
  const sharing = ids.map((one, at) => devices.filter((_, other) => other !== at && ids[other] === one));
  expect(previews.map(({ sharedWith = [] }) => sharedWith.toSorted())).toEqual(sharing.map((some) => some.toSorted()));
  const kept = previews.map(({ difference }) =>
    difference.programs.flatMap((one) => one.maps.flatMap(({ id }) => id ?? [])),
  );
  const held = live.status().map(({ programs }) => programs.flatMap((program) => program.maps.map(({ id }) => id)));
  // A map that stays is there afterwards.
  for (const [at, some] of kept.entries()) expect(held[at]).toEqual(expect.arrayContaining(some));
  return live;
}

/** Ids of the map `seen` of each interface. */
const maps = (w: World): readonly (number | undefined)[] =>
  status(undefined, w.machine()).map(({ programs }) => programs.flatMap((program) => program.maps)[0]?.id);
const generations = (w: World): readonly number[] => status(undefined, w.machine()).map(({ generation }) => generation);
/** Pins below the folders of the attachments, by attachment. */
const pinsOf = (w: World, ifindex: number): readonly string[] =>
  w.pins().flatMap((pin) => (pin.startsWith(`42-${ifindex}/`) ? [pin.slice(`42-${ifindex}/`.length)] : []));

const counting = (version = 1) => numbered(1, { bytes: withMap(version) });

describe("groups", () => {
  const one = (held?: string, of?: string) => ({
    held,
    chain: of,
    generation: 0,
    highest: 0,
    inherits: false,
    settled: false,
    inPlace: false,
  });
  it.each([
    ["that hold nothing are one", [one(), one()], [[0, 1]]],
    ["that hold the same are one", [one("a", "edge"), one("b", "edge"), one("a", "edge")], [[0, 2], [1]]],
    ["that run the chain take in those that hold nothing", [one(), one("a", "edge"), one("b", "other")], [[1, 0], [2]]],
    ["that run the chain are not chosen among", [one(), one("a", "edge"), one("b", "edge")], [[1], [2], [0]]],
    ["that ran the chain do not", [one(), one("a", undefined)], [[1], [0]]],
  ] as const)("%s", (_, candidates, expected) => {
    const list = [...candidates];
    const found = groupsOf(list, "edge").map((group) => group.map((candidate) => list.indexOf(candidate)));
    expect(found).toEqual(expected);
  });
});

describe.each(OBJECT_LINKAGES)("linkage %s", (linkage) => {
  it("fresh interfaces share one dispatcher and its maps, and change together", async () => {
    using w = several();
    const live = await foreseen(w, chain(linkage, counting()), ["b", "lo"]);
    expect(live.results).toMatchObject([
      { interface: "b", outcome: "created", generation: 1 },
      { interface: "lo", outcome: "created", generation: 1 },
    ]);
    const [first, second] = running(w);
    expect(first).toBe(second);
    expect(new Set(maps(w)).size).toBe(1);
    expect(pinsOf(w, 1)).toEqual(pinsOf(w, 2_000_002));
    const before = maps(w);

    expect(await live.update(chain(linkage, counting(), numbered(2)))).toMatchObject([
      { interface: "b", outcome: "swapped", generation: 2 },
      { interface: "lo", outcome: "swapped", generation: 2 },
    ]);
    expect(running(w)[0]).toBe(running(w)[1]);
    expect(running(w)[0]).not.toBe(first);
    expect(maps(w)).toEqual(before);
    expect(pinsOf(w, 1)).toEqual(pinsOf(w, 2_000_002));
    expect(pinsOf(w, 1).filter((pin) => pin.startsWith("gen-"))).toHaveLength(linkage === "freplace" ? 3 : 1);
    const dispatcher = w.kernel.running();
    expect(w.kernel.boundSlots(dispatcher)).toHaveLength(linkage === "freplace" ? 2 : 0);

    // Each lives without the other.
    await detach("lo", { machine: w.machine() });
    expect(running(w)).toEqual([0, dispatcher, 0]);
    expect(w.kernel.boundSlots(dispatcher)).toHaveLength(linkage === "freplace" ? 2 : 0);
    expect(status(undefined, w.machine())).toMatchObject([{ ifindex: 2_000_002, generation: 2 }]);
    await detach("b", { machine: w.machine() });
    expect(w.pins()).toEqual([]);
    expect(w.kernel.openFds).toBe(0);
  });

  it("one that joins runs the dispatcher that is there, and changes nothing for the others", async () => {
    using w = several();
    const machine = w.machine();
    const declared = chain(linkage, counting(), numbered(2));
    await attach(declared, "lo", { machine });
    const calls: string[] = [];
    const kernel = watched(w.kernel, (_, call) => void calls.push(call));
    const { results } = await attachAll(declared, ["lo", "b"], { machine: w.machine(kernel) });
    expect(results).toMatchObject([
      { outcome: "unchanged", generation: 1 },
      { outcome: "created", generation: 1 },
    ]);
    expect(calls).not.toContain("load");
    const shared = status(undefined, machine).map(({ ifindex, sharedWith }) => [ifindex, sharedWith]);
    expect(shared).toEqual([
      [1, ["b"]],
      [2_000_002, ["lo"]],
    ]);
    expect(running(w)[0]).toBe(running(w)[1]);
    expect(pinsOf(w, 1)).toEqual(pinsOf(w, 2_000_002));
    // Its checks decide for one that joins too.
    const check = { name: "drops", packet: "eth / ipv4 / udp", expect: ["drop"] } as const;
    const before = w.snapshot();
    const refused = attachAll({ ...declared, checks: [check] }, ["lo", "b", "c"], { machine });
    await expect(refused).rejects.toMatchObject({ code: "check-failed" });
    expect(w.snapshot()).toEqual(before);
    // One that runs the chain and is to change takes those that come with it along.
    const { results: changed } = await foreseen(w, chain(linkage, counting()), ["lo", "b", "c"]);
    expect(changed!.map(({ outcome, generation }) => [outcome, generation])).toEqual([
      ["swapped", 2],
      ["swapped", 2],
      ["created", 2],
    ]);
    expect(new Set(running(w)).size).toBe(1);
    expect(new Set(maps(w)).size).toBe(1);
  });

  it("keeps apart what has maps of its own", async () => {
    using w = several();
    const machine = w.machine();
    await attach(chain(linkage, counting()), "lo", { machine });
    await attach(chain(linkage, counting()), "b", { machine });
    const own = maps(w);
    expect(new Set(own).size).toBe(2);
    const { results } = await foreseen(w, chain(linkage, counting(), numbered(2)), ["lo", "b", "c"]);
    expect(results!.map(({ outcome }) => outcome)).toEqual(["swapped", "swapped", "created"]);
    expect(new Set(running(w)).size).toBe(3);
    expect(maps(w).slice(0, 2)).toEqual(own);
    expect(new Set(maps(w)).size).toBe(3);
  });

  it("brings those together that have nothing to lose", async () => {
    for (const counters of [false, true]) {
      using w = several();
      const machine = w.machine();
      const declared = { ...chain(linkage, numbered(1)), counters };
      await attach(declared, "lo", { machine });
      await attach(declared, "b", { machine });
      const { results } = await attachAll(declared, ["lo", "b"], { machine });
      expect(results!.map(({ outcome }) => outcome)).toEqual(["unchanged", "unchanged"]);
      await foreseen(w, { ...declared, end: "drop" }, ["lo", "b"]);
      expect(new Set(running(w).slice(0, 2)).size).toBe(counters ? 2 : 1);
      // The extension that was loaded for one alone goes: what a folder names is what the slots run.
      const programs = status(undefined, w.machine()).map((attachment) => attachment.programs[0]!.id);
      expect(new Set(programs).size).toBe(linkage === "freplace" && counters ? 2 : 1);
      expect(w.kernel.openFds).toBe(0);
    }
  });

  it("one that is changed alone leaves with the maps, and comes back while they are the same", async () => {
    using w = several();
    const machine = w.machine();
    const [first, more] = [chain(linkage, counting()), chain(linkage, counting(), numbered(2))];
    await attachAll(first, ["lo", "b"], { machine });
    const shared = maps(w);
    await attach(more, "b", { machine });
    expect(generations(w)).toEqual([1, 2]);
    expect(running(w)[0]).not.toBe(running(w)[1]);
    expect(maps(w)).toEqual(shared);
    const slots = running(w)
      .slice(0, 2)
      .map((id) => w.kernel.boundSlots(id).length);
    expect(slots).toEqual(linkage === "freplace" ? [1, 2] : [0, 0]);

    // The one that is behind gets what the other runs already.
    const { results } = await foreseen(w, more, ["lo", "b"]);
    expect(results).toMatchObject([
      { outcome: "swapped", generation: 2 },
      { outcome: "unchanged", generation: 2 },
    ]);
    expect(running(w)[0]).toBe(running(w)[1]);
    expect(pinsOf(w, 1)).toEqual(pinsOf(w, 2_000_002));
  });

  it("one that a crash left behind comes back, and after a detach where the change started a map empty", async () => {
    const other = (version: number) => numbered(2, { bytes: withMap(version) });
    for (const [kept, definition] of [
      [true, {}],
      [false, { maxEntries: 32 }],
    ] as const) {
      using w = several();
      const machine = w.machine();
      const [before, after] = [1, 2].map((version) => chain(linkage, numbered(1), other(version)));
      await attachAll(before!, ["lo", "b"], { machine });
      w.kernel.options = { ...w.kernel.options, maps: { seen: definition } };
      // What a crash between the two commits leaves.
      await attach(after!, "lo", { machine });
      await foreseen(w, after!, ["lo", "b"]);
      expect(new Set(running(w).slice(0, 2)).size).toBe(kept ? 1 : 2);
      await detach("b", { machine });
      await foreseen(w, after!, ["lo", "b"]);
      expect(new Set(running(w).slice(0, 2)).size).toBe(1);
    }
  });

  it("no interface goes back to a lower generation", async () => {
    using w = several();
    const machine = w.machine();
    const next = (...more: readonly number[]) => chain(linkage, counting(), ...more.map((k) => numbered(k)));
    await attachAll(next(), ["lo", "b"], { machine });
    await attach(next(2), "lo", { machine });
    await attach(next(3), "b", { machine });
    await attach(next(4), "b", { machine });
    expect(generations(w)).toEqual([2, 3]);
    const { results } = await foreseen(w, next(2), ["lo", "b"]);
    expect(results).toMatchObject([
      { outcome: "unchanged", generation: 2 },
      { outcome: "swapped", generation: 4 },
    ]);
    expect(new Set(maps(w)).size).toBe(1);
    // With the next change they come together.
    const together = await foreseen(w, next(2, 3), ["lo", "b"]);
    expect(together.results).toMatchObject([{ generation: 5 }, { generation: 5 }]);
    expect(running(w)[0]).toBe(running(w)[1]);
  });

  it("changes none, or all, when any one call fails", async () => {
    const [before, after] = [chain(linkage, counting()), chain(linkage, numbered(2), counting())];
    const calls: string[] = [];
    let failures = 0;
    for (let at = 0; at === 0 || at <= calls.length; at++) {
      using w = several();
      await attachAll(before, ["lo", "b"], { machine: w.machine() });
      const old = w.snapshot();
      const kernel = watched(w.kernel, (count, call) => {
        if (at === 0) calls[count - 1] = call;
        else if (count === at) throw failure(call, "EINVAL");
      });
      const ended = await attachAll(after, ["lo", "b", "c"], { machine: w.machine(kernel) }).catch(
        (error: unknown) => error,
      );
      const what = `call ${at}, ${calls[at - 1]}`;
      if (ended instanceof Error) {
        failures++;
        expect(w.snapshot(), `after ${what}`).toEqual(old);
        expect(ended.message, `after ${what}`).not.toContain("Not all is as before");
      } else {
        expect(new Set(running(w)).size, `after ${what}`).toBe(1);
        expect(w.kernel.openFds, `after ${what}`).toBe(0);
      }
      await attachAll(after, ["lo", "b", "c"], { machine: w.machine() });
      expect(new Set(running(w)).size, `after ${what}`).toBe(1);
      expect(pinsOf(w, 1), `after ${what}`).toEqual(pinsOf(w, 2_000_003));
    }
    expect(calls.filter((call) => call === "updateLink")).toHaveLength(2);
    expect(calls).toContain("linkXdp");
    expect(failures).toBeGreaterThan(20);
  }, 120_000);

  it("says what could not be put back, whose pins stay until the next command", async () => {
    using w = several();
    const [before, after] = [chain(linkage, counting()), chain(linkage, counting(), numbered(2))];
    await attachAll(before, ["lo", "b"], { machine: w.machine() });
    const old = w.kernel.running();
    let updates = 0;
    const kernel = watched(w.kernel, (_, call) => {
      // The second interface refuses, and then the first one does.
      if (call === "updateLink" && ++updates >= 2) throw failure("bpf_link_update", updates === 2 ? "EINVAL" : "E2BIG");
    });
    const attempt = attachAll(after, ["lo", "b"], { machine: w.machine(kernel) });
    await expect(attempt).rejects.toMatchObject({ code: "kernel" });
    await expect(attempt).rejects.toThrow(
      /^cannot swap the dispatcher of b: .*\nNot all is as before: lo could not be put back from generation 2 \(bpf_link_update: E2BIG\)$/,
    );
    const [first, second] = running(w);
    expect(second).toBe(old);
    expect(first).not.toBe(old);
    expect(w.kernel.boundSlots(first!)).toHaveLength(linkage === "freplace" ? 2 : 0);
    expect(pinsOf(w, 2_000_002).filter((pin) => pin.startsWith("gen-2"))).toEqual([]);
    expect(pinsOf(w, 1)).toContain("gen-2/dispatcher");

    await attachAll(after, ["lo", "b"], { machine: w.machine() });
    expect(running(w)[0]).toBe(running(w)[1]);
    expect(pinsOf(w, 1)).toEqual(pinsOf(w, 2_000_002));
    expect(generations(w)).toEqual([2, 2]);
  });
});

describe("a loaded program in a slot of a shared dispatcher", () => {
  const holding = (fd: number): Chain => chain("auto", { name: "held", fd, priority: 1 }, counting());
  const inSlots = (w: World): readonly (number | undefined)[] =>
    [1, 2_000_002].map((ifindex) =>
      programInSlot(w.kernel, `${w.root}/42-${ifindex}`, generations(w)[ifindex === 1 ? 0 : 1]!, "held"),
    );

  async function shared() {
    const w = several();
    const [one, two] = [w.kernel.loadedAs("one", {}), w.kernel.loadedAs("two", {})];
    await attachAll(holding(one.number), ["lo", "b"], { machine: w.machine() });
    expect(running(w)[0]).toBe(running(w)[1]);
    const ids = [one, two].map((fd) => w.kernel.programInfo(fd.number).id);
    expect(inSlots(w)).toEqual([ids[0], ids[0]]);
    return { w, one, two, ids };
  }

  it("gives its place to another one for all of them at once", async () => {
    const { w, two, ids } = await shared();
    using _ = w;
    const { results } = await foreseen(w, holding(two.number), ["lo", "b"]);
    expect(results).toMatchObject([{ outcome: "replaced" }, { outcome: "replaced" }]);
    expect(generations(w)).toEqual([1, 1]);
    expect(inSlots(w)).toEqual([ids[1], ids[1]]);
  });

  it("stays for those that are not named: the one that is gets a dispatcher of its own", async () => {
    const { w, two, ids } = await shared();
    using _ = w;
    const { results } = await foreseen(w, holding(two.number), ["lo"]);
    expect(results).toMatchObject([{ outcome: "swapped", generation: 2 }]);
    expect(inSlots(w)).toEqual([ids[1], ids[0]]);
  });

  it("stays for one that keeps it: what that goes back to is what it ran", async () => {
    const { w, two, ids } = await shared();
    using _ = w;
    const machine = w.machine();
    await attach({ ...chain("auto", counting()), history: 1 }, "b", { machine });
    const { results } = await foreseen(w, holding(two.number), ["lo"]);
    expect(results).toMatchObject([{ outcome: "swapped", generation: 2 }]);
    await rollback("b", { machine });
    expect(inSlots(w)).toEqual([ids[1], ids[0]]);
  });

  it("comes back when another interface refuses", async () => {
    const { w, two, ids } = await shared();
    using _ = w;
    await attach(chain("auto", counting()), "c", { machine: w.machine() });
    const before = w.snapshot();
    const filled: (readonly (number | undefined)[])[] = [];
    const kernel = watched(w.kernel, (...[, call]) => {
      if (call !== "updateLink") return;
      filled.push(inSlots(w));
      throw failure("bpf_link_update", "EINVAL");
    });
    const attempt = attachAll(holding(two.number), ["lo", "b", "c"], { machine: w.machine(kernel) });
    await expect(attempt).rejects.toMatchObject({ code: "kernel" });
    expect(filled).toEqual([[ids[1], ids[1]]]);
    expect(inSlots(w)).toEqual([ids[0], ids[0]]);
    expect(w.snapshot()).toEqual(before);
  });
});

it("a program of somebody else comes back when another interface refuses", async () => {
  using w = several();
  const theirs = w.kernel.occupy(1, "theirs");
  const kernel = watched(w.kernel, (_, call) => {
    if (call === "linkXdp" && w.kernel.running() !== theirs && linked++ > 0) throw failure(call, "EINVAL");
  });
  let linked = 0;
  const attempt = attachAll(chain("call", numbered(1)), ["lo", "b"], {
    machine: w.machine(kernel),
    mode: "native",
    replace: true,
  });
  await expect(attempt).rejects.toMatchObject({ code: "environment" });
  await expect(attempt).rejects.toThrow(
    /Not all is as before: XDP program \d+ \(theirs\) was taken off lo and put back in native mode/,
  );
  expect(w.kernel.running()).toBe(theirs);
  expect(w.pins()).toEqual([]);
});

it("names are of one interface, of none is a mistake, and disposed of is disposed of", async () => {
  using w = several();
  w.kernel.interfaces.set("alias", 1);
  await expect(attachAll(chain("call", numbered(1)), [], { machine: w.machine() })).rejects.toMatchObject({
    code: "usage",
  });
  const { lines, events } = notices();
  const live = await attachAll(chain("call", numbered(1)), ["lo", "alias", "b"], { machine: w.machine(), events });
  expect(live.results!.map((result) => result.interface)).toEqual(["lo", "b"]);
  const opened = await openAll(["lo", "b"], { machine: w.machine() });
  expect(opened.status()).toMatchObject([{ generation: 1 }, { generation: 1 }]);
  await opened[Symbol.asyncDispose]();
  await expect(opened.update(chain("call", numbered(2)))).rejects.toMatchObject({ code: "usage" });
  await expect(openAll(["lo", "c"], { machine: w.machine() })).rejects.toMatchObject({ code: "not-attached" });
  expect(await live.detach()).toEqual([{ detached: true }, { detached: true }]);
  expect(lines).toEqual(["detached the chain from lo", "detached the chain from b"]);
});

it("a detach of several that fails on some is done on the others, and says all that failed", async () => {
  using w = several();
  let broken = false;
  const kernel = watched(w.kernel, (_, call) => {
    if (broken && call === "linkInfo") throw failure("bpf_obj_get_info_by_fd", "EACCES");
  });
  const live = await attachAll(chain("call", numbered(1)), ["lo", "b", "c"], { machine: w.machine(kernel) });
  let begun = "";
  const events = (event: SwapEvent): void => {
    if (event.kind !== "begin") return;
    begun = event.interfaces.join();
    broken = begun !== "b";
  };
  const attempt = live.detach({ events });
  await expect(attempt).rejects.toMatchObject({ code: "kernel" });
  const said = await attempt.catch(({ message }: Error) => message.split("\n"));
  expect(said).toEqual([expect.stringMatching(/ lo\b/), expect.stringMatching(/ c\b/)]);
  expect(w.kernel.running(w.kernel.interfaceIndex("b"))).toBe(0);
  for (const device of ["lo", "c"]) expect(w.kernel.running(w.kernel.interfaceIndex(device))).not.toBe(0);
});

describe.each(OBJECT_LINKAGES)("linkage %s, with a history", (linkage) => {
  const kept = (...programs: Parameters<typeof chain>[1][]): Chain => ({ ...chain(linkage, ...programs), history: 2 });
  const keptOn = (w: World): readonly (readonly number[])[] =>
    status(undefined, w.machine()).map((one) => one.kept.map(({ generation }) => generation));

  it("interfaces that share a dispatcher keep what each had, and go back each by itself", async () => {
    using w = several();
    const live = await foreseen(w, kept(counting()), ["b", "lo"]);
    const first = w.kernel.running();
    await foreseen(w, kept(counting(), numbered(2)), ["b", "lo"]);
    await live.update(kept(counting(), numbered(3)));
    expect(keptOn(w)).toEqual([
      [2, 1],
      [2, 1],
    ]);
    const [second] = running(w);
    await rollback("lo", { machine: w.machine(), to: 1 });
    expect(running(w).slice(0, 2)).toEqual([first, second]);
    expect(new Set(maps(w)).size).toBe(1);
    // Together again, with a number that neither has.
    const again = await foreseen(w, kept(counting(), numbered(2)), ["b", "lo"]);
    expect(again.results).toMatchObject([{ generation: 4 }, { generation: 4 }]);
    expect(running(w)[0]).toBe(running(w)[1]);
    expect(keptOn(w)).toEqual([[1], [3, 2]]);
    await rollback("b", { machine: w.machine() });
    expect(running(w)[1]).toBe(second);
    await live.detach();
    expect(w.pins()).toEqual([]);
    expect(w.kernel.openFds).toBe(0);
  });

  it("go back one after the other, and stop where a signal comes", async () => {
    using w = several();
    const machine = w.machine();
    const live = await attachAll(kept(counting()), ["lo", "b"], { machine });
    const [first] = running(w);
    await live.update(kept(numbered(2)));
    const [second] = running(w);
    expect(await live.rollback()).toMatchObject([
      { from: 2, generation: 1 },
      { from: 2, generation: 1 },
    ]);
    expect(running(w).slice(0, 2)).toEqual([first, first]);
    const cancel = new AbortController();
    let updates = 0;
    const kernel: Kernel = Object.assign(Object.create(w.kernel) as Kernel, {
      updateLink: (...args: Parameters<Kernel["updateLink"]>) => {
        w.kernel.updateLink(...args);
        updates++;
        cancel.abort();
      },
    });
    const again = await openAll(["lo", "b"], { machine: w.machine(kernel) });
    await expect(again.rollback(2, { signal: cancel.signal })).rejects.toMatchObject({
      code: "aborted",
      message: "cancelled: roll b back; nothing was changed",
    });
    expect(updates).toBe(1);
    expect(running(w).slice(0, 2)).toEqual([second, first]);
    await expect(again.detach({ signal: cancel.signal })).rejects.toMatchObject({ code: "aborted" });
    const one = await open("lo", { machine });
    const told = notices();
    await expect(one.detach({ signal: cancel.signal })).rejects.toMatchObject({ code: "aborted" });
    await expect(one.rollback(1, { signal: cancel.signal })).rejects.toMatchObject({ code: "aborted" });
    await one.detach({ events: told.events });
    expect(told.lines).toEqual(["detached the chain from lo"]);
  });

  it("one that comes to share a dispatcher lets go of generations with maps that are no longer its own", async () => {
    using w = several();
    const machine = w.machine();
    // One has had a program for itself that it runs no more.
    for (const programs of [[counting()], [counting(), numbered(3)], [numbered(2)]])
      await attach(kept(...programs), "b", { machine });
    await attach(kept(numbered(2)), "lo", { machine });
    const ifindex = w.kernel.interfaces.get("b");
    const statusOf = (index?: number) => status(undefined, machine).find((one) => one.ifindex === index)!;
    expect(statusOf(ifindex).kept.map(({ generation }) => generation)).toEqual([2, 1]);
    const before = w.snapshot();
    const failing = watched(w.kernel, (_, call) => {
      if (call === "updateLink") throw failure(call, "EINVAL");
    });
    const both = kept(numbered(2), counting());
    await expect(attachAll(both, ["lo", "b"], { machine: w.machine(failing) })).rejects.toThrow(/EINVAL/);
    expect(w.snapshot()).toEqual(before);
    await attachAll(both, ["lo", "b"], { machine });
    expect(new Set(maps(w)).size).toBe(1);
    expect(statusOf(ifindex)).toMatchObject({ generation: 4, kept: [{ generation: 3, programs: ["p2"] }] });
    expect(w.kernel.openFds).toBe(0);
  });

  it("those that go do not count among those that are kept, and the plan knows which", async () => {
    using w = several();
    const machine = w.machine();
    for (const programs of [[numbered(3)], [counting()], [numbered(2)]])
      await attach(kept(...programs), "b", { machine });
    const lost = status("b", machine)[0]!.kept;
    expect(lost.map(({ generation }) => generation)).toEqual([2, 1]);
    await attach(kept(numbered(2)), "lo", { machine });
    const both = kept(numbered(2), counting());
    const [, plan] = await previewAll(both, ["lo", "b"], { machine });
    expect(plan!.forgotten).toMatchObject([
      { generation: 2, maps: [{ program: "p1", name: "seen", contents: "lost" }] },
    ]);
    await attachAll(both, ["lo", "b"], { machine });
    expect(keptOn(w)).toEqual([[1], [3, 1]]);
    // And where one joins a dispatcher that runs.
    await attach(kept(counting()), "b", { machine });
    for (const programs of [[numbered(5)], [numbered(2)]]) await attach(kept(...programs), "b", { machine });
    const joining = await previewAll(both, ["lo", "b"], { machine });
    const before = new Map(joining.map((one) => [one.interface, one.forgotten.map(({ generation }) => generation)]));
    const was = status("b", machine)[0]!.kept.map(({ generation }) => generation);
    await attachAll(both, ["lo", "b"], { machine });
    const is = status("b", machine)[0]!.kept.map(({ generation }) => generation);
    expect(before.get("b")).toEqual(was.filter((generation) => !is.includes(generation)));
  });
});

it("a process that is killed before it commits leaves no kept generation with the maps of another", async () => {
  using w = several();
  const machine = w.machine();
  const of = (k: number, bytes?: Uint8Array): Chain => ({
    ...chain("call", numbered(k, bytes && { bytes })),
    history: 1,
  });
  const mapped = of(1, withMap(1));
  await attach(mapped, "b", { machine });
  await attach(of(9), "b", { machine });
  await attach(of(9), "lo", { machine });
  const stop = new AbortController();
  const events = (event: SwapEvent): void => {
    if (event.kind !== "begin" || event.step !== "commit") return;
    // What a kill leaves: the pins of this instant. No link has changed yet.
    cpSync(w.root, `${w.root}.left`, { recursive: true });
    stop.abort();
  };
  await expect(attachAll(mapped, ["lo", "b"], { machine, signal: stop.signal, events })).rejects.toThrow("cancelled");
  expect(status("b", machine)).toMatchObject([{ kept: [{ generation: 1, whole: true }] }]);
  rmSync(w.root, { recursive: true });
  renameSync(`${w.root}.left`, w.root);
  // Its maps are not where it would look for them, so it is not there, and a plan takes none of them for its own.
  expect(status("b", machine)).toMatchObject([{ generation: 2, kept: [], troubles: [] }]);
  await expect(rollback("b", { machine })).rejects.toMatchObject({ code: "not-kept" });
  const [planned] = await previewAll(mapped, ["b"], { machine });
  expect(planned!.difference.programs[0]!.maps).toMatchObject([{ contents: "empty" }]);
  const live = await attach(mapped, "b", { machine });
  expect(live.status().troubles).toEqual([]);
});

it("all are detached that can be, whatever becomes of one of them", async () => {
  using w = several();
  const live = await attachAll(chain("call", numbered(1)), ["lo", "b", "c"], { machine: w.machine() });
  w.kernel.deleteInterface("b");
  await expect(live.detach()).rejects.toMatchObject({ code: "interface-missing" });
  expect(running(w)).toEqual([0, 0, 0]);
  expect(w.pins()).toEqual([]);
});
