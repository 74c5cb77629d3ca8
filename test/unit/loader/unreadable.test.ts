/** A dispatcher whose manifest has another version: it runs, and what is pinned is its own. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { OBJECT_LINKAGES } from "../../../src/chain/chain.ts";
import { attach, attachAll, open } from "../../../src/loader/attachment.ts";
import { preview } from "../../../src/loader/report/preview.ts";
import { status } from "../../../src/loader/report/status.ts";
import { detach } from "../../../src/loader/swap/detach.ts";
import { rollback } from "../../../src/loader/swap/rollback.ts";
import { chain, eachFailing, numbered, withMap, world, type World } from "./world.ts";

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

  it("is replaced where a crash ended a swap that had begun to", async () => {
    using w = world();
    await attached(w);
    const dir = `${w.root}/${DIR}`;
    mkdirSync(`${dir}/aside`);
    for (const name of ["gen-1", "programs"]) renameSync(`${dir}/${name}`, `${dir}/aside/${name}`);
    mkdirSync(`${dir}/gen-1`);
    writeFileSync(`${dir}/gen-1/dispatcher`, "99");
    const { result } = await attach(next, "lo", { machine: w.machine(), replace: true });
    expect(result).toMatchObject({ outcome: "swapped", generation: 1 });
    expect(status("lo", w.machine())).toMatchObject([{ troubles: [] }]);
    expect(w.pins().filter((pin) => pin.includes("aside"))).toEqual([]);
  });
});
