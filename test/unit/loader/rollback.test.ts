/** Kept generations, on a kernel of plain objects: what stays pinned, what a rollback does, what a crash may leave. */
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Chain, OBJECT_LINKAGES } from "../../../src/chain/chain.ts";
import { attach, attachAll } from "../../../src/loader/attachment.ts";
import { preview } from "../../../src/loader/report/preview.ts";
import { status } from "../../../src/loader/report/status.ts";
import { detach } from "../../../src/loader/swap/detach.ts";
import type { SwapEvent } from "../../../src/loader/swap/events.ts";
import { rollback } from "../../../src/loader/swap/rollback.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { failure } from "./fake-kernel.ts";
import { chain as without, notices, withMap, world, type World } from "./world.ts";

const DIR = "42-1";

const kept = (history: number, ...args: Parameters<typeof without>): Chain => ({ ...without(...args), history });
const generations = (w: World): readonly string[] => [
  ...new Set(w.pins().flatMap((pin) => /\/gen-(\d+)\//.exec(pin)?.[1] ?? [])),
];

/** Somebody without the lock, who puts a program of their own on our link. */
function intrude({ kernel, root }: World): void {
  using link = kernel.openPin(`${root}/${DIR}/link`);
  using theirs = kernel.foreign("theirs");
  using ours = kernel.programById(kernel.running());
  kernel.updateLink(link.number, theirs.number, ours.number);
}

/** Somebody without the lock, who puts the dispatcher of a kept generation on our link. */
function rollOver({ kernel, root }: World, generation: number): void {
  using link = kernel.openPin(`${root}/${DIR}/link`);
  using theirs = kernel.openPin(`${root}/${DIR}/gen-${generation}/dispatcher`);
  using ours = kernel.programById(kernel.running());
  kernel.updateLink(link.number, theirs.number, ours.number);
}

describe("a rollback that is overtaken", () => {
  const three = async (w: World): Promise<void> => {
    for (const k of [1, 2, 3]) await attach(kept(2, "call", numbered(k)), "lo", { machine: w.machine() });
  };
  const overtaken = (w: World, times: number) => {
    const events: SwapEvent[] = [];
    let count = 0;
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "updateLink" && count++ < times) rollOver(w, count % 2 ? 2 : 3);
    });
    return {
      events,
      ended: rollback("lo", { to: 1, machine: w.machine(kernel), events: (event) => events.push(event) }),
    };
  };
  const again = (events: readonly SwapEvent[]) => events.filter(({ kind }) => kind === "again");

  it("begins again with what runs then, and tells of it", async () => {
    using w = world();
    await three(w);
    const { ended, events } = overtaken(w, 1);
    expect(await ended).toMatchObject({ from: 2, generation: 1 });
    expect(again(events)).toEqual([{ kind: "again", interface: "lo", attempt: 1 }]);
    const steps = events.flatMap((event) => (event.kind === "end" ? event.step : []));
    expect(steps).toEqual(["lock", "read", "read", "commit", "clear"]);
    expect(status("lo", w.machine())).toMatchObject([{ generation: 1, kept: [{ generation: 3 }, { generation: 2 }] }]);
  });

  it("can be cancelled before it begins again", async () => {
    using w = world();
    await three(w);
    const cancel = new AbortController();
    const kernel = watched(w.kernel, (_, call) => void (call === "updateLink" && rollOver(w, 2)));
    const events = ({ kind }: SwapEvent): void => void (kind === "again" && cancel.abort());
    const ended = rollback("lo", { to: 1, machine: w.machine(kernel), events, signal: cancel.signal });
    await expect(ended).rejects.toMatchObject({ code: "aborted" });
    expect(status("lo", w.machine())).toMatchObject([{ generation: 2 }]);
  });

  it("is an error when it goes on, and nothing was changed by it", async () => {
    using w = world();
    await three(w);
    const pins = w.pins();
    const { ended, events } = overtaken(w, 1000);
    await expect(ended).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/^lo: another process .* 5 times in the middle of this rollback/) as string,
    });
    expect(again(events)).toHaveLength(4);
    expect(w.pins().toSorted()).toEqual(pins.toSorted());
  });
});

it("a rollback clears what an apply that was killed has left", async () => {
  using w = world();
  for (const k of [1, 2]) await attach(kept(1, "freplace", numbered(k)), "lo", { machine: w.machine() });
  const folder = `${w.root}/${DIR}`;
  const killed = watched(w.kernel, (_, call) => {
    if (call !== "updateLink") return;
    cpSync(folder, `${w.root}/copy`, { recursive: true });
    throw failure(call, "EINVAL");
  });
  const dying = attach(kept(1, "freplace", numbered(3)), "lo", { machine: w.machine(killed) });
  await expect(dying).rejects.toThrow("EINVAL");
  rmSync(folder, { recursive: true });
  renameSync(`${w.root}/copy`, folder);
  expect(w.pins().some((pin) => /gen-3|\/p3-/.test(pin))).toBe(true);
  await rollback("lo", { machine: w.machine() });
  expect(w.pins().filter((pin) => /gen-3|\/p3-/.test(pin))).toEqual([]);
  expect(status("lo", w.machine())).toMatchObject([{ generation: 1, kept: [{ generation: 2, whole: true }] }]);
});

describe.each(OBJECT_LINKAGES)("linkage %s", (linkage) => {
  const chain = (history: number, ...programs: readonly number[]): Chain =>
    kept(history, linkage, ...programs.map((k) => numbered(k)));

  it("keeps as many generations as the chain says, one where it says nothing", async () => {
    for (const history of [undefined, 0, 1, 3]) {
      using w = world();
      const machine = w.machine();
      for (let n = 1; n <= 6; n++) {
        const { history: _, ...bare } = chain(0, 9, n);
        await attach(history === undefined ? bare : { ...bare, history }, "lo", { machine });
      }
      const last = [6, 5, 4, 3, 2, 1].slice(0, 1 + (history ?? 1)).toReversed();
      expect(generations(w)).toEqual(last.map(String));
      const programs = w.pins().flatMap((pin) => /programs\/(p\d)-/.exec(pin)?.[1] ?? []);
      const names = linkage === "freplace" ? [...last.map((n) => `p${n}`), "p9"] : [];
      expect([...new Set(programs)]).toEqual(names);
      expect(w.kernel.openFds).toBe(0);
    }
  });

  it("goes back in one step, and forward again, without loading anything", async () => {
    using w = world();
    const live = await attach(chain(2, 1, 2), "lo", { machine: w.machine() });
    const first = w.kernel.running();
    await live.update(chain(2, 2, 3));
    const second = w.kernel.running();
    const pins = w.pins();
    const calls: string[] = [];
    const machine = w.machine(watched(w.kernel, (_, call) => void calls.push(call)));
    expect(await rollback("lo", { machine })).toMatchObject({ from: 2, generation: 1, mode: "native" });
    expect(calls.filter((call) => /^(load|pin|link[XE]|detach|openObject)/.test(call))).toEqual([]);
    expect(calls.filter((call) => call === "updateLink")).toHaveLength(1);
    expect(w.kernel.running()).toBe(first);
    expect(w.kernel.boundSlots(first)).toHaveLength(linkage === "freplace" ? 2 : 0);
    expect(live.status()).toMatchObject({
      generation: 1,
      kept: [{ generation: 2, programs: ["p2", "p3"], whole: true }],
    });
    expect(await live.rollback(2)).toMatchObject({ from: 1, generation: 2 });
    expect(w.kernel.running()).toBe(second);
    expect(await live.rollback(2)).toMatchObject({ from: 2, generation: 2 });
    expect(w.pins()).toEqual(pins);
    expect(w.kernel.openFds).toBe(0);
  });

  it("gives the next generation a number that no other has, and lets go of what was rolled back", async () => {
    using w = world();
    const machine = w.machine();
    const live = await attach(chain(3, 1), "lo", { machine });
    for (const k of [2, 3, 4]) await live.update(chain(3, k));
    await live.rollback(2);
    expect(live.status().kept.map(({ generation }) => generation)).toEqual([4, 3, 1]);
    expect(await preview(chain(3, 5), "lo", { machine })).toMatchObject({
      generation: 5,
      forgotten: [{ generation: 4 }, { generation: 3 }],
    });
    expect(await live.update(chain(3, 5))).toMatchObject({ generation: 5 });
    expect(live.status().kept.map(({ generation }) => generation)).toEqual([2, 1]);
    // Before it ran 2, and not 4.
    expect(await live.rollback()).toMatchObject({ generation: 2 });
  });

  it("lets go of what the chain keeps no longer, though nothing else changes", async () => {
    using w = world();
    const machine = w.machine();
    const live = await attach(chain(3, 1), "lo", { machine });
    for (const k of [2, 3, 4]) await live.update(chain(3, k));
    await live.rollback(2);
    const plan = await preview(chain(2, 2), "lo", { machine });
    expect(plan).toMatchObject({ outcome: "unchanged", generation: 2, forgotten: [{ generation: 4 }] });
    expect(await live.update(chain(2, 2))).toMatchObject({ outcome: "unchanged", generation: 2 });
    expect(live.status().kept.map(({ generation }) => generation)).toEqual([3, 1]);
    await live.update(chain(0, 2));
    expect(generations(w)).toEqual(["2"]);
  });

  it("takes a program that comes back over with its maps, as the plan says", async () => {
    using w = world();
    const machine = w.machine();
    const program = numbered(1, { bytes: withMap(1) });
    const both = kept(1, linkage, program, numbered(2));
    const live = await attach(both, "lo", { machine });
    const { maps, id } = live.status().programs[0]!;
    const out = await preview(kept(1, linkage, numbered(2)), "lo", { machine });
    expect(out.difference.programs.find(({ name }) => name === "p1")?.maps).toMatchObject([{ contents: "held" }]);
    await live.update(kept(1, linkage, numbered(2)));
    const back = await preview(both, "lo", { machine });
    expect(back.difference.programs.find(({ name }) => name === "p1")).toMatchObject({
      kind: "in",
      maps: [{ name: "seen", contents: "kept", id: maps[0]!.id }],
    });
    await live.update(both);
    expect(live.status().programs[0]).toMatchObject({ maps: [{ id: maps[0]!.id }] });
    expect(live.status().programs[0]!.id).toBe(id);
  });

  it("says what is lost with a generation that is kept no longer, and loses it then", async () => {
    using w = world();
    const machine = w.machine();
    const live = await attach(kept(1, linkage, numbered(1, { bytes: withMap(1) })), "lo", { machine });
    const [map] = live.status().programs[0]!.maps;
    await live.update(kept(1, linkage, numbered(2)));
    const plan = await preview(kept(1, linkage, numbered(3)), "lo", { machine });
    expect(plan.forgotten).toEqual([
      { generation: 1, chain: "test", maps: [{ program: "p1", name: "seen", contents: "lost", id: map!.id }] },
    ]);
    await live.update(kept(1, linkage, numbered(3)));
    expect(w.pins().some((pin) => pin.includes("/p1-"))).toBe(false);
    const now = await preview(kept(0, linkage, numbered(1, { bytes: withMap(1) })), "lo", { machine });
    expect(now.difference.programs[0]!.maps).toMatchObject([{ contents: "empty" }]);
  });

  it("keeps what is kept when any one call of a swap back to its chain fails", async () => {
    const old = kept(1, linkage, numbered(1, { bytes: withMap(1) }), numbered(2));
    const calls: string[] = [];
    for (let at = 0; at === 0 || at <= calls.length; at++) {
      using w = world();
      const live = await attach(old, "lo", { machine: w.machine() });
      await live.update(chain(1, 2, 3));
      const before = w.snapshot();
      const kernel = watched(w.kernel, (count, call) => {
        if (at === 0) calls[count - 1] = call;
        else if (count === at) throw failure(call, "EINVAL");
      });
      const failed = await attach(old, "lo", { machine: w.machine(kernel) }).then(
        () => false,
        () => true,
      );
      if (failed) expect(w.snapshot(), `call ${at}, ${calls[at - 1]}`).toEqual(before);
      expect(w.kernel.openFds).toBe(0);
    }
    expect(calls).toContain("updateLink");
  });

  it("changes nothing when any one call of a rollback fails", async () => {
    const calls: string[] = [];
    let failures = 0;
    for (let at = 0; at === 0 || at <= calls.length; at++) {
      using w = world();
      const live = await attach(chain(1, 1, 2), "lo", { machine: w.machine() });
      await live.update(chain(1, 2, 3));
      const before = w.snapshot();
      const kernel = watched(w.kernel, (count, call) => {
        if (at === 0) calls[count - 1] = call;
        else if (count === at) throw failure(call, "EINVAL");
      });
      const failed = await rollback("lo", { machine: w.machine(kernel) }).then(
        () => false,
        () => true,
      );
      if (failed) failures++;
      if (failed) expect(w.snapshot(), `call ${at}, ${calls[at - 1]}`).toEqual(before);
      expect(w.kernel.openFds).toBe(0);
    }
    expect(failures).toBeGreaterThan(5);
  });

  it("keeps old and new apart from what a crash has left", async () => {
    using w = world();
    const live = await attach(chain(2, 1), "lo", { machine: w.machine() });
    await live.update(chain(2, 2));
    // Killed before the swap: whole, and never live.
    const folder = `${w.root}/${DIR}`;
    const kernel = watched(w.kernel, (_, call) => {
      if (call !== "updateLink") return;
      cpSync(folder, `${w.root}/copy`, { recursive: true });
      throw failure(call, "EINVAL");
    });
    await expect(attach(chain(2, 3), "lo", { machine: w.machine(kernel) })).rejects.toMatchObject({ code: "kernel" });
    rmSync(folder, { recursive: true });
    renameSync(`${w.root}/copy`, folder);
    expect(generations(w)).toEqual(["1", "2", "3"]);
    expect(live.status().kept.map(({ generation }) => generation)).toEqual([1]);
    await expect(live.rollback(3)).rejects.toMatchObject({ code: "not-kept" });
    expect(await preview(chain(2, 4), "lo", { machine: w.machine() })).toMatchObject({ generation: 3, forgotten: [] });
    // Killed right after the swap: live, and its mark still there.
    mkdirSync(`${w.root}/${DIR}/gen-2/new`);
    expect(await live.update(chain(2, 4))).toMatchObject({ generation: 3 });
    expect(live.status().kept.map(({ generation }) => generation)).toEqual([2, 1]);
    mkdirSync(`${w.root}/${DIR}/gen-3/new`);
    await live.rollback();
    expect(live.status()).toMatchObject({ generation: 2, kept: [{ generation: 3 }, { generation: 1 }] });
    await detach("lo", { machine: w.machine() });
    expect(w.pins()).toEqual([]);
  });
});

describe("what ran before, after a rollback", () => {
  const rolledBack = async (w: World) => {
    const live = await attach(kept(1, "freplace", counted(1)), "lo", { machine: w.machine() });
    await live.update(kept(1, "freplace", counted(2)));
    const map = live.status().kept[0]!;
    expect(map).toMatchObject({ generation: 1 });
    await live.rollback();
    return { live, maps: live.status().programs[0]!.maps.map(({ id }) => id) };
  };
  const counted = (version: number) => numbered(1, { bytes: withMap(version) });

  it.each([
    ["the link and its pin are gone", (w: World) => rmSync(`${w.root}/${DIR}/link`)],
    ["somebody put a program on the link", intrude],
  ])("is what was rolled back to: %s", async (_, lose) => {
    using w = world();
    const machine = w.machine();
    const { maps } = await rolledBack(w);
    lose(w);
    expect(status("lo", machine)).toMatchObject([{ generation: 1, kept: [{ generation: 2 }] }]);
    const next = kept(1, "freplace", counted(1), numbered(3));
    const plan = await preview(next, "lo", { machine, replace: true });
    expect(plan).toMatchObject({ present: { generation: 1 }, generation: 3, forgotten: [{ generation: 2 }] });
    const live = await attach(next, "lo", { machine, replace: true });
    expect(live.status()).toMatchObject({ generation: 3, kept: [{ generation: 1 }] });
    expect(live.status().programs[0]!.maps.map(({ id }) => id)).toEqual(maps);
  });

  it("is told by the newest where nothing is marked, and by the link where a crash came before the mark", async () => {
    using w = world();
    const machine = w.machine();
    const { live } = await rolledBack(w);
    renameSync(`${w.root}/${DIR}/gen-1/live`, `${w.root}/${DIR}/gen-2/live`);
    expect(live.status()).toMatchObject({ generation: 1 });
    await live.rollback(1);
    rmSync(`${w.root}/${DIR}/link`);
    expect(status("lo", machine)).toMatchObject([{ generation: 1 }]);
    rmSync(`${w.root}/${DIR}/gen-1/live`, { recursive: true });
    expect(status("lo", machine)).toMatchObject([{ generation: 2 }]);
  });

  it("has one mark, whatever is shared", async () => {
    using w = world();
    w.kernel.interfaces.set("b", 2_000_002);
    const machine = w.machine();
    const both = kept(1, "freplace", counted(1));
    await attach(both, "lo", { machine });
    await attach(kept(1, "freplace", numbered(7)), "b", { machine });
    await attachAll(both, ["lo", "b"], { machine });
    const marks = ["42-1", "42-2000002"].map((dir) =>
      readdirSync(`${w.root}/${dir}`).filter((name) => existsSync(`${w.root}/${dir}/${name}/live`)),
    );
    expect(marks.map((one) => one.length)).toEqual([1, 1]);
  });
});

it("says that it pinned a link again that had lost its pin", async () => {
  using w = world();
  const machine = w.machine();
  const live = await attach(kept(1, "call", numbered(1)), "lo", { machine });
  await live.update(kept(1, "call", numbered(2)));
  const held = w.kernel.openPin(`${w.root}/${DIR}/link`);
  rmSync(`${w.root}/${DIR}/link`);
  const { lines, events } = notices();
  expect(await rollback("lo", { machine, events })).toMatchObject({ from: 2, generation: 1 });
  expect(lines).toEqual(["the link had lost its pin: pinned it again"]);
  held.close();
  expect(w.pins()).toContain(`${DIR}/link`);
});

describe("refused", () => {
  it("where nothing is attached, and leaves no folder", async () => {
    using w = world();
    await expect(rollback("lo", { machine: w.machine() })).rejects.toMatchObject({ code: "not-attached" });
    expect(existsSync(`${w.root}/${DIR}`)).toBe(false);
  });

  it("where no generation is kept, or not that one, and says which are", async () => {
    using w = world();
    const live = await attach(kept(2, "call", numbered(1)), "lo", { machine: w.machine() });
    await expect(live.rollback()).rejects.toThrow(
      /runs generation 1, and none before it is kept; no other is: `history/,
    );
    await live.update(kept(2, "call", numbered(2)));
    await live.update(kept(2, "call", numbered(3)));
    await expect(live.rollback(7)).rejects.toThrow(
      "lo runs generation 3, and generation 7 is not kept; kept are 1, 2: choose",
    );
    await live.rollback(1);
    await expect(live.rollback()).rejects.toThrow("none before it is kept; kept are 2, 3: choose with --to");
    await expect(live.rollback(0)).rejects.toMatchObject({ code: "not-kept" });
  });

  it("where the link of a slot is gone", async () => {
    using w = world();
    const live = await attach(kept(1, "freplace", numbered(1), numbered(2)), "lo", { machine: w.machine() });
    await live.update(kept(1, "freplace", numbered(3)));
    rmSync(`${w.root}/${DIR}/gen-1/slot-p2`);
    const before = w.snapshot();
    expect(live.status().kept).toMatchObject([{ whole: false }]);
    await expect(live.rollback()).rejects.toThrow(
      /is not whole any more: somebody removed \S+gen-1\/slot-p2, which bound p2;/,
    );
    expect(w.snapshot()).toEqual(before);
  });

  it("where the kernel lets nobody update a link, which is no race; and where somebody took it meanwhile", async () => {
    using w = world();
    const live = await attach(kept(1, "call", numbered(1)), "lo", { machine: w.machine() });
    await live.update(kept(1, "call", numbered(2)));
    const before = w.snapshot();
    const refusing = watched(w.kernel, (_, call) => {
      if (call === "updateLink") throw failure("bpf_link_update", "EPERM");
    });
    await expect(rollback("lo", { machine: w.machine(refusing) })).rejects.toMatchObject({
      code: "kernel",
      message: expect.stringMatching(/^cannot swap the dispatcher of lo: bpf_link_update: EPERM/) as string,
    });
    expect(w.snapshot()).toEqual(before);
    const overtaken = watched(w.kernel, (_, call) => {
      if (call === "updateLink") intrude(w);
    });
    await expect(rollback("lo", { machine: w.machine(overtaken) })).rejects.toMatchObject({
      code: "interface-occupied",
      message: expect.stringMatching(/runs program \d+ \(theirs\), which has no manifest/) as string,
    });
  });

  it("where the link went away with an interface that had this index, and says what to do", async () => {
    using w = world();
    const live = await attach(kept(1, "call", numbered(1)), "lo", { machine: w.machine() });
    await live.update(kept(1, "call", numbered(2)));
    w.kernel.moveInterface("lo");
    await expect(live.rollback()).rejects.toThrow(
      /moved to another network namespace: `xdpgen status` says where, and `xdpgen apply` of that chain there takes its pins along; so does `xdpgen rollback` there$/,
    );
  });

  it("where the link is defunct, or runs somebody else's program", async () => {
    using w = world();
    const live = await attach(kept(1, "call", numbered(1)), "lo", { machine: w.machine() });
    await live.update(kept(1, "call", numbered(2)));
    w.kernel.deleteInterface("lo");
    w.kernel.interfaces.set("lo", 1);
    await expect(live.rollback()).rejects.toMatchObject({ code: "not-attached" });
    expect(w.kernel.openFds).toBe(0);
    // The generations go on to be kept.
    await live.update(kept(2, "call", numbered(3)));
    expect(live.status().kept.map(({ generation }) => generation)).toEqual([2, 1]);
  });
});

it("two programs that parted over a map that is one by name do not come back together", async () => {
  const named = (maxEntries: number) => ({ maps: { seen: { pinnedByName: true, maxEntries } } });
  for (const linkage of OBJECT_LINKAGES) {
    using w = world(named(16));
    const machine = w.machine();
    const [one, two] = [1, 2].map((k) => numbered(k, { bytes: withMap(k) }));
    const live = await attach(kept(2, linkage, one!), "lo", { machine });
    const { id } = live.status().programs[0]!.maps[0]!;
    w.kernel.options = named(32);
    await live.update(kept(2, linkage, two!));
    expect(live.status().programs[0]!.maps[0]!.id).not.toBe(id);
    await expect(live.update(kept(2, linkage, one!, two!))).rejects.toMatchObject({ code: "object-unsupported" });
    // Of the same definition there is one map, whichever generation has it.
    w.kernel.options = named(16);
    await live.update(kept(2, linkage, numbered(3, { bytes: withMap(3) })));
    expect(live.status().programs[0]!.maps[0]!.id).toBe(id);
  }
});

it("what ran is kept, also where somebody removed the pin of its dispatcher", async () => {
  using w = world();
  const machine = w.machine();
  for (const k of [1, 2]) await attach(kept(1, "call", numbered(k)), "lo", { machine });
  rmSync(`${w.root}/${DIR}/gen-2/dispatcher`);
  expect(await rollback("lo", { machine })).toMatchObject({ from: 2, generation: 1 });
  expect(await rollback("lo", { machine, to: 2 })).toMatchObject({ from: 1, generation: 2 });
});

it.each([
  ["removes the pin", () => {}],
  ["puts a folder in the place", (pin: string) => mkdirSync(pin)],
  ["puts the dispatcher that runs in the place", (pin: string) => cpSync(pin.replace("gen-2", "gen-3"), pin)],
])("a kept generation is none any more where somebody %s of its dispatcher, and the others stay", async (_, put) => {
  using w = world();
  const machine = w.machine();
  for (const k of [1, 2, 3]) await attach(kept(2, "freplace", numbered(k)), "lo", { machine });
  const pin = `${w.root}/${DIR}/gen-2/dispatcher`;
  rmSync(pin);
  put(pin);
  const still = [{ generation: 3, kept: [{ generation: 1, whole: true }] }];
  expect(status("lo", machine)).toMatchObject(still);
  await rollback("lo", { machine });
  await rollback("lo", { machine, to: 3 });
  expect(w.pins().filter((path) => /\/p2-/.test(path))).not.toEqual([]);
  const { result } = await attach(kept(2, "freplace", numbered(3)), "lo", { machine });
  expect(result?.outcome).toBe("unchanged");
  expect(w.pins().filter((path) => /gen-2|\/p2-/.test(path))).toEqual([]);
  expect(status("lo", machine)).toMatchObject(still);
  await expect(rollback("lo", { machine, to: 2 })).rejects.toMatchObject({ code: "not-kept" });
  expect(await rollback("lo", { machine })).toMatchObject({ from: 3, generation: 1 });
});

it("what ran is kept, also where somebody removed its folder", async () => {
  using w = world();
  const machine = w.machine();
  for (const k of [1, 2]) await attach(kept(1, "call", numbered(k)), "lo", { machine });
  rmSync(`${w.root}/${DIR}/gen-2`, { recursive: true });
  expect(await rollback("lo", { machine })).toMatchObject({ from: 2, generation: 1 });
  expect(await rollback("lo", { machine, to: 2 })).toMatchObject({ from: 1, generation: 2 });
});

it("a rollback clears nothing where a generation has run that cannot be read", async () => {
  using w = world();
  const machine = w.machine();
  for (const k of [1, 2]) await attach(kept(1, "call", numbered(k)), "lo", { machine });
  using theirs = w.kernel.foreign("of another version");
  mkdirSync(`${w.root}/${DIR}/gen-7`);
  w.kernel.pin(theirs.number, `${w.root}/${DIR}/gen-7/dispatcher`);
  expect(await rollback("lo", { machine })).toMatchObject({ generation: 1 });
  expect(w.pins()).toContain(`${DIR}/gen-7/dispatcher`);
});

it("makes nothing where nothing was ever pinned: no bpffs, and no folder in it", async () => {
  using w = world();
  const { lines, events } = notices();
  const machine = w.machine();
  await expect(rollback("lo", { machine })).rejects.toMatchObject({ code: "not-attached" });
  expect(await detach("lo", { machine, events })).toEqual({ detached: false });
  expect(lines).toEqual(["xdpgen has nothing on lo: nothing was changed"]);
  expect(existsSync(w.root)).toBe(false);
});
