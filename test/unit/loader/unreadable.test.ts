/** A dispatcher whose manifest has another version: it runs, and what is pinned is its own. */
import { existsSync, mkdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { OBJECT_LINKAGES } from "../../../src/chain/chain.ts";
import { attach, attachAll, open } from "../../../src/loader/attachment.ts";
import { preview } from "../../../src/loader/report/preview.ts";
import { status } from "../../../src/loader/report/status.ts";
import { detach } from "../../../src/loader/swap/detach.ts";
import { rollback } from "../../../src/loader/swap/rollback.ts";
import { numbered } from "../../support/verdict-program.ts";
import { chain, eachFailing, withMap, world, type World } from "./world.ts";

const DIR = "42-1";
const VERSION = 4;

/** Makes the dispatcher of an interface one of another xdpgen. */
function another({ kernel }: World, ifindex = 1): void {
  using program = kernel.programById(kernel.running(ifindex));
  for (const id of kernel.programInfo(program.number).mapIds) {
    using map = kernel.mapById(id);
    const value = kernel.lookup(map.number);
    if (kernel.mapInfo(map.number).name === ".rodata.xdpgen") new DataView(value.buffer).setUint32(VERSION, 9, true);
  }
}

const unreadable = {
  code: "interface-occupied",
  message: expect.stringMatching(/has version 9, .*reads version 2/) as string,
};

describe.each(OBJECT_LINKAGES)("linkage %s", (linkage) => {
  const next = chain(linkage, numbered(1, { bytes: withMap(1) }), numbered(2));

  async function attached(w: World): Promise<void> {
    await attach(chain(linkage, numbered(1, { bytes: withMap(1) })), "lo", { machine: w.machine() });
    another(w);
  }

  it("status says so, of it and of all others", async () => {
    using w = world();
    w.kernel.interfaces.set("b", 2);
    const machine = w.machine();
    await attached(w);
    await attach(next, "b", { machine });
    const [first, second] = status(undefined, machine);
    expect(first).toMatchObject({ interface: "lo", chain: "", generation: 0, mode: "native", programs: [] });
    expect(first!.troubles).toMatchObject([{ kind: "unreadable", reason: unreadable.message }]);
    expect(second).toMatchObject({ interface: "b", generation: 1, troubles: [] });
    const elsewhere = { ...machine, root: `${w.root}-other` };
    expect(status("lo", elsewhere)).toMatchObject([
      { troubles: [{ kind: "unreadable" }, { kind: "pins-out-of-reach" }] },
    ]);
  });

  it("nothing is done to it without a word that it may be", async () => {
    using w = world();
    await attached(w);
    const machine = w.machine();
    const before = w.snapshot();
    await expect(attach(next, "lo", { machine })).rejects.toMatchObject(unreadable);
    await expect(rollback("lo", { machine })).rejects.toMatchObject(unreadable);
    expect(await preview(next, "lo", { machine })).toMatchObject({ obstacle: unreadable.message });
    const live = await open("lo", { machine });
    await expect(live.testRun({ data: new Uint8Array(64) })).rejects.toMatchObject(unreadable);
    expect(w.snapshot()).toEqual(before);
  });

  const stops = {
    "its link was detached": (w: World) => {
      using link = w.kernel.openPin(`${w.root}/${DIR}/link`);
      w.kernel.detachLink(link.number);
    },
    "its link lost its pin": (w: World) => unlinkSync(`${w.root}/${DIR}/link`),
  };

  it.each(Object.entries(stops))("nothing is done to it where %s, without a word that it may be", async (_, stop) => {
    using w = world();
    await attached(w);
    stop(w);
    const machine = w.machine();
    const before = w.snapshot();
    const message = expect.stringMatching(/does not run any more .* has version 9/) as string;
    await expect(attach(next, "lo", { machine })).rejects.toMatchObject({ code: "interface-occupied", message });
    expect(await preview(next, "lo", { machine })).toMatchObject({ obstacle: message });
    expect(w.snapshot()).toEqual(before);
    expect((await attach(next, "lo", { machine, replace: true })).result).toMatchObject({ outcome: "created" });
    expect(status("lo", machine)).toMatchObject([{ troubles: [] }]);
  });

  it("is detached with all its pins, also where they are out of reach", async () => {
    using w = world();
    await attached(w);
    expect(await detach("lo", { machine: w.machine() })).toEqual({ detached: true });
    expect({ pins: w.pins(), running: w.kernel.running() }).toEqual({ pins: [], running: 0 });
    await attached(w);
    expect(await detach("lo", { machine: { ...w.machine(), root: `${w.root}-other` } })).toEqual({ detached: true });
    expect(w.kernel.running()).toBe(0);
  });

  it("is replaced in one step, and nothing of it stays", async () => {
    using w = world();
    await attached(w);
    const { result } = await attach(next, "lo", { machine: w.machine(), replace: true });
    expect(result).toMatchObject({ outcome: "swapped", generation: 1 });
    expect(status("lo", w.machine())).toMatchObject([{ generation: 1, troubles: [], programs: [{}, {}] }]);
    expect(w.pins().filter((pin) => pin.includes("aside"))).toEqual([]);
  });

  it("joins those that run the chain already", async () => {
    using w = world();
    const machine = w.machine();
    w.kernel.interfaces.set("b", 2);
    await attached(w);
    await attach(next, "b", { machine });
    await attachAll(next, ["lo", "b"], { machine, replace: true });
    expect(status(undefined, machine)).toMatchObject([{ sharedWith: ["b"], troubles: [] }, { sharedWith: ["lo"] }]);
  });

  it("stays whole when any call of replacing it fails", async () => {
    const failures = await eachFailing(
      attached,
      (w, kernel) => attach(next, "lo", { machine: w.machine(kernel), replace: true }),
      () => {},
    );
    expect(failures).toBeGreaterThan(10);
  });

  /** What a swap leaves that a crash has ended: some or all is aside, and then pins of its own are there. */
  function crashed(w: World, moved: readonly string[], whole: boolean): void {
    const dir = `${w.root}/${DIR}`;
    mkdirSync(`${dir}/aside`);
    for (const name of moved) if (existsSync(`${dir}/${name}`)) renameSync(`${dir}/${name}`, `${dir}/aside/${name}`);
    if (!whole) return;
    mkdirSync(`${dir}/aside/whole`);
    mkdirSync(`${dir}/gen-1/new`, { recursive: true });
    writeFileSync(`${dir}/gen-1/dispatcher`, "99");
    mkdirSync(`${dir}/programs/p9-0123456789abcdef/maps`, { recursive: true });
    writeFileSync(`${dir}/programs/p9-0123456789abcdef/maps/seen`, "98");
  }

  const crashes: readonly (readonly [string, readonly string[], boolean])[] = [
    ["moved nothing", [], false],
    ["moved one folder of two", ["gen-1"], false],
    ["moved the other", ["programs"], false],
    ["moved all", ["gen-1", "programs"], false],
    ["had pins of its own", ["gen-1", "programs"], true],
  ];

  it.each(crashes)("is replaced where a crash ended a swap that %s", async (_, moved, whole) => {
    using w = world();
    await attached(w);
    crashed(w, moved, whole);
    const { result } = await attach(next, "lo", { machine: w.machine(), replace: true });
    expect(result).toMatchObject({ outcome: "swapped", generation: 1 });
    expect(status("lo", w.machine())).toMatchObject([{ troubles: [] }]);
    expect(w.pins().filter((pin) => /aside|p9/.test(pin))).toEqual([]);
  });

  it.each(crashes)(
    "is whole again where a crash ended a swap that %s, and the next one fails",
    async (_, moved, whole) => {
      using w = world();
      await attached(w);
      const before = w.snapshot();
      crashed(w, moved, whole);
      const refused = { ...next, health: { command: ["false"] } };
      await expect(attach(refused, "lo", { machine: w.machine(), replace: true })).rejects.toMatchObject({
        code: "health-failed",
      });
      expect(w.snapshot()).toEqual(before);
    },
  );

  it.each([true, false])(
    "goes, and what replaced it stays whole, where nobody can read either (all aside: %s)",
    async (whole) => {
      using w = world();
      await attached(w);
      await attach(next, "lo", { machine: w.machine(), replace: true });
      another(w);
      const before = w.snapshot();
      const dir = `${w.root}/${DIR}`;
      mkdirSync(`${dir}/aside/gen-1`, { recursive: true });
      mkdirSync(`${dir}/aside/programs`);
      if (whole) mkdirSync(`${dir}/aside/whole`);
      writeFileSync(`${dir}/aside/gen-1/slot-p1`, "99");
      const refused = { ...next, health: { command: ["false"] } };
      await expect(attach(refused, "lo", { machine: w.machine(), replace: true })).rejects.toThrow("status 1");
      expect(w.snapshot()).toEqual(before);
    },
  );

  it("goes, and not what replaced it, where a crash ended the clearing of it", async () => {
    using w = world();
    const machine = w.machine();
    await attached(w);
    await attach(next, "lo", { machine, replace: true });
    const before = w.snapshot();
    const dir = `${w.root}/${DIR}`;
    mkdirSync(`${dir}/aside/whole`, { recursive: true });
    mkdirSync(`${dir}/aside/gen-1`);
    writeFileSync(`${dir}/aside/gen-1/slot-p1`, "99");
    const again = await attach(next, "lo", { machine });
    expect(again.result).toMatchObject({ outcome: "unchanged" });
    expect(w.snapshot()).toEqual(before);
  });

  it.each(crashes)("is whole for its own xdpgen, where a crash ended a swap that %s", async (_, moved, whole) => {
    using w = world();
    const machine = w.machine();
    const own = chain(linkage, numbered(1, { bytes: withMap(1) }));
    await attach(own, "lo", { machine });
    await attach({ ...own, end: "drop", history: 1 }, "lo", { machine });
    await attach({ ...own, history: 1 }, "lo", { machine });
    const before = w.snapshot();
    const all = ["gen-2", "gen-3", "programs"];
    crashed(
      w,
      moved.length === 0 ? [] : moved.length === 2 ? all : moved[0] === "gen-1" ? all.slice(0, 2) : all.slice(2),
      whole,
    );
    const troubles = moved.length === 0 ? [] : [{ kind: "set-aside" }];
    expect(status("lo", machine)).toMatchObject([{ generation: 3, troubles }]);
    const again = await attach({ ...own, history: 1 }, "lo", { machine });
    expect(again.result).toMatchObject({ outcome: "unchanged", generation: 3 });
    expect(status("lo", machine)).toMatchObject([{ troubles: [] }]);
    expect(w.snapshot()).toEqual(before);
    expect(await again.rollback()).toMatchObject({ generation: 2 });
  });
});
