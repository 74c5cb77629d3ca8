/** Maps that a chain says something of, on a real kernel: one for several programs, and one with a pin of the user's. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Program } from "../../src/chain/index.ts";
import {
  attach,
  attachAll,
  type Attachment,
  detach,
  openKernel,
  openMap,
  preview,
  previewAll,
  type SwapEvent,
} from "../../src/loader/index.ts";
import { removeTree } from "../../src/loader/live/pins.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { type Kernel, KernelError } from "../../src/loader/machine/kernel.ts";
import { thisMachine } from "../../src/loader/machine/machine.ts";
import { ethernet, frame, payload } from "../../src/packets/index.ts";
import { chainOf, sampleProgram } from "../support/chains.ts";
import { loaderLinkages, runnableLinkages } from "../support/linkages.ts";
import { sumPerCpu, u32 } from "../support/samples.ts";
import { numbered } from "../support/verdict-program.ts";
import { type Veth, veth } from "../support/veth.ts";

const data = frame(ethernet(), payload(46));
const FOLDER = "/sys/fs/bpf/xdpgen-maps";
const PIN = `${FOLDER}/deep/totals`;

let pair: Veth;
let other: Veth;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  pair = veth("xm");
  other = veth("xn");
});
afterEach(async () => {
  for (const { far } of [pair, other]) await detach(far);
  pair[Symbol.dispose]();
  other[Symbol.dispose]();
  removeTree(FOLDER);
});

const counter = (name: string, maps?: Program["maps"], rest: Partial<Program> = {}): Program => ({
  ...sampleProgram("counter"),
  name,
  ...(maps && { maps }),
  ...rest,
});

/** Packets in the map `totals` at a path. */
function packets(path: string): number {
  using handle = openMap(path);
  return sumPerCpu(handle.lookup(u32(0)), handle.info.valueSize);
}

function totals(live: Attachment, program: string): { readonly id: number; readonly pin: string } {
  const { maps } = live.status().programs.find((p) => p.name === program)!;
  return maps.find(({ name }) => name === "totals")!;
}

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  const chain = (...programs: readonly Program[]) => chainOf(programs, { linkage });
  const pinned = { totals: { pin: PIN } };

  it("from: two programs see one map, whichever of them runs on", async () => {
    const first = counter("first");
    const last = counter("last", { totals: { from: "first" } });
    const live = await attach(chain(first, last), pair.far);
    await live.testRun({ data });
    expect(totals(live, "last")).toMatchObject({ id: totals(live, "first").id, from: "first" });
    expect(packets(totals(live, "last").pin)).toBe(2);
    // Another program of the same map, with the others unchanged and changed.
    const third = counter("third", { totals: { from: "last" } });
    await live.update(chain(third, first, last));
    await live.testRun({ data });
    expect(packets(totals(live, "third").pin)).toBe(5);
    await live.update(
      chain(counter("first", undefined, { object: "x.o" }), third, last, numbered(7, { priority: 99 })),
    );
    await live.rollback();
    await live.testRun({ data });
    expect(packets(totals(live, "first").pin)).toBe(8);
    const own = live.status().programs.map(({ maps }) => maps.find(({ name }) => name === "protocols")?.id);
    expect(new Set(own).size).toBe(3);
  });

  it("pin: the map is made and pinned there, and outlives a detach", async () => {
    const live = await attach(chain(counter("counter", pinned)), pair.far);
    await live.testRun({ data });
    expect(totals(live, "counter")).toMatchObject({ pinned: PIN });
    expect(packets(PIN)).toBe(1);
    await live.update(chain(counter("counter", pinned), numbered(7, { priority: 99 })));
    await live.testRun({ data });
    await live.update(chain(numbered(7, { priority: 99 })));
    await live.detach();
    expect(packets(PIN)).toBe(2);
    const again = await attach(chain(counter("counter", pinned), numbered(7, { priority: 99 })), other.far);
    await again.testRun({ data });
    expect(packets(PIN)).toBe(3);
    expect(packets(totals(again, "counter").pin)).toBe(3);
  });

  it("pin: a map that a program had already goes there with its contents, and stays its own without", async () => {
    const live = await attach(chain(counter("counter")), pair.far);
    await live.testRun({ data });
    const { id } = totals(live, "counter");
    const planned = await preview(chain(counter("counter", pinned)), pair.far);
    expect(planned.difference.programs[0]).toMatchObject({
      changes: { homes: { from: {}, to: { totals: { program: "counter", pin: PIN } } } },
    });
    expect(planned.difference.programs[0]!.maps).toContainEqual({
      program: "counter",
      name: "totals",
      contents: "kept",
      id,
    });
    await live.update(chain(counter("counter", pinned)));
    expect(totals(live, "counter").id).toBe(id);
    expect(packets(PIN)).toBe(1);
    await live.update(chain(counter("counter")));
    expect(totals(live, "counter").id).toBe(id);
    expect(existsSync(PIN)).toBe(true);
  });

  it("pin and from: programs of two chains see one map", async () => {
    const here = await attach(
      chain(counter("first", pinned), counter("last", { totals: { from: "first" } })),
      pair.far,
    );
    const there = await attach(chain(counter("other", pinned)), other.far);
    for (const live of [here, there]) await live.testRun({ data });
    expect(packets(PIN)).toBe(3);
    expect(new Set([totals(here, "last").id, totals(there, "other").id]).size).toBe(1);
  });

  it("pin: one that somebody removed is told, and the next apply pins the map again", async () => {
    const live = await attach(chain(counter("counter", pinned)), pair.far);
    await live.testRun({ data });
    unlinkSync(PIN);
    expect(live.status().troubles).toEqual([{ kind: "pin-removed", what: "map", pin: PIN }]);
    expect(await live.update(chain(counter("counter", pinned)))).toMatchObject({ outcome: "swapped" });
    expect(packets(PIN)).toBe(1);
    expect(live.status().troubles).toEqual([]);
  });

  it("pin: a map of another definition, what is no map, and a path in no bpffs are refused, and nothing changes", async () => {
    const kernel = openKernel();
    const live = await attach(chain(numbered(7, { priority: 99 })), pair.far);
    using map = kernel.createMap({ name: "theirs", type: 2, keySize: 4, valueSize: 8, maxEntries: 3 });
    await attach(chain(counter("counter", pinned)), other.far);
    unlinkSync(PIN);
    await detach(other.far);
    kernel.pin(map.number, PIN);
    const attempt = (): Promise<unknown> => live.update(chain(counter("counter", pinned)));
    await expect(attempt()).rejects.toMatchObject({
      code: "map-pin",
      message: expect.stringMatching(
        /totals is to be pinned at \S+, and map \d+ is there, .* array, key 4 bytes, value 8 bytes, 3 entries there, percpu_array, key 4 bytes, value 16 bytes, 1 entries in the object/,
      ),
    });
    await expect(preview(chain(counter("counter", pinned)), pair.far)).rejects.toMatchObject({ code: "map-pin" });
    unlinkSync(PIN);
    using program = kernel.programById(live.status().dispatcher.id);
    kernel.pin(program.number, PIN);
    await expect(attempt()).rejects.toThrow("what is there is no map");
    unlinkSync(PIN);
    const nowhere = chain(counter("counter", { totals: { pin: "/tmp/xdpgen-maps/totals" } }));
    await expect(live.update(nowhere)).rejects.toMatchObject({ code: "environment" });
    expect(live.status()).toMatchObject({ generation: 1, kept: [] });
    // What fails before it commits has pinned nothing.
    const check = { name: "drops", packet: "eth / ipv4 / udp", expect: ["drop"] } as const;
    const failing = { ...chain(counter("counter", pinned)), checks: [check] };
    await expect(live.update(failing)).rejects.toMatchObject({ code: "check-failed" });
    expect(existsSync(PIN)).toBe(false);
    rmdirSync(`${FOLDER}/deep`);
  });

  it("pin: a symbolic link into xdpgen's own folder, or to nothing, and a path below a pin are refused by plan too", async () => {
    const live = await attach(chain(numbered(1)), pair.far);
    const tmp = mkdtempSync(join(tmpdir(), "xdpgen-alias-"));
    const alias = `${tmp}/alias`;
    symlinkSync("/sys/fs/bpf/xdpgen", alias);
    symlinkSync("/sys/fs/bpf", `${tmp}/bpffs`);
    mkdirSync(FOLDER);
    // bpffs has symbolic links too.
    symlinkSync("../xdpgen", `${FOLDER}/inner`);
    symlinkSync("nowhere", `${FOLDER}/dead`);
    using map = openKernel().createMap({ type: 2, keySize: 4, valueSize: 8, maxEntries: 3, name: "x" });
    openKernel().pin(map.number, `${FOLDER}/map`);
    const own = /\/sys\/fs\/bpf\/xdpgen\/ is for xdpgen's own pins/;
    for (const [pin, message] of [
      [`${alias}/x`, own],
      [alias, own],
      [`${tmp}/bpffs/xdpgen/new/x`, own],
      [`${FOLDER}/inner/new/x`, own],
      [`${FOLDER}/dead`, /dead is a symbolic link that leads nowhere/],
      [`${FOLDER}/dead/x`, /dead is a symbolic link that leads nowhere/],
      [`${FOLDER}/map/x`, /xdpgen-maps\/map is no folder/],
    ] as const) {
      const next = chain(counter("counter", { totals: { pin } }));
      const refused = { code: "map-pin", message: expect.stringMatching(message) as string };
      await expect(preview(next, pair.far)).rejects.toMatchObject(refused);
      await expect(live.update(next)).rejects.toMatchObject(refused);
    }
    await live.update(chain(counter("counter", { totals: { pin: `${tmp}/bpffs/xdpgen-maps/totals` } })));
    expect(readdirSync(FOLDER).toSorted()).toEqual(["dead", "inner", "map", "totals"]);
    rmSync(tmp, { recursive: true });
  });

  it("pin: what a swap has pinned stays when its health command fails, with what others pinned beside it", async () => {
    const kernel = openKernel();
    using map = kernel.createMap({ name: "theirs", type: 2, keySize: 4, valueSize: 8, maxEntries: 3 });
    const events = (event: SwapEvent): void => {
      if (event.kind === "begin" && event.step === "health") kernel.pin(map.number, `${FOLDER}/deep/theirs`);
    };
    const unhealthy = { ...chain(counter("counter", pinned)), health: { command: ["false"], within: "1s" } };
    await expect(attach(unhealthy, pair.far, { events })).rejects.toMatchObject({ code: "health-failed" });
    expect(readdirSync(`${FOLDER}/deep`).toSorted()).toEqual(["theirs", "totals"]);
    const live = await attach(chain(counter("counter", pinned)), pair.far);
    await live.testRun({ data });
    expect(packets(PIN)).toBe(1);
  });

  it("pin: the folders for it go again where it cannot be made", async () => {
    const kernel = openKernel();
    const failing: Kernel = {
      ...kernel,
      pin: (fd, path) => {
        if (path === PIN) throw new KernelError("bpf_obj_pin", 12, "ENOMEM");
        kernel.pin(fd, path);
      },
    };
    const machine = { ...thisMachine("test", () => {}), kernel: failing };
    await expect(attach(chain(counter("counter", pinned)), pair.far, { machine })).rejects.toThrow("ENOMEM");
    expect(existsSync(FOLDER)).toBe(false);
  });

  it("pin: a swap that finds another's map there at last begins again, with that one", async () => {
    const heard: SwapEvent[] = [];
    let there: Attachment | undefined;
    const machine = thisMachine("test", () => {});
    const late: Kernel = {
      ...machine.kernel,
      // After the maps are bound, and before they are pinned.
      testRun: async (...args) => {
        there ??= await attach(chain(counter("other", pinned)), other.far);
        return machine.kernel.testRun(...args);
      },
    };
    const check = { name: "passes", packet: "eth / ipv4 / udp", expect: ["pass"] } as const;
    const checked = { ...chain(counter("counter", pinned)), checks: [check] };
    const events = (event: SwapEvent): void => void heard.push(event);
    const live = await attach(checked, pair.far, { machine: { ...machine, kernel: late }, events });
    expect(heard.filter(({ kind }) => kind === "again")).toEqual([
      { kind: "again", interface: pair.far, pin: PIN, attempt: 1 },
    ]);
    expect(totals(live, "counter").id).toBe(totals(there!, "other").id);
  });

  it("pin: another map in the place of that of a program that runs on is refused, and taken after a detach", async () => {
    const live = await attach(chain(counter("counter", pinned)), pair.far);
    unlinkSync(PIN);
    const alike = { name: "theirs", type: 6, keySize: 4, valueSize: 16, maxEntries: 1 };
    using map = openKernel().createMap(alike);
    openKernel().pin(map.number, PIN);
    const { id } = openKernel().mapInfo(map.number);
    const next = chain(counter("counter", pinned), numbered(7, { priority: 99 }));
    const { id: own } = totals(live, "counter");
    expect(live.status().troubles).toEqual([{ kind: "pin-replaced", name: "totals", id: own, pin: PIN }]);
    await expect(preview(chain(counter("counter", pinned)), pair.far)).rejects.toMatchObject({ code: "map-pin" });
    await expect(live.update(chain(counter("counter", pinned)))).rejects.toMatchObject({ code: "map-pin" });
    await expect(preview(next, pair.far)).rejects.toMatchObject({ code: "map-pin" });
    await expect(live.update(next)).rejects.toMatchObject({
      code: "map-pin",
      message: expect.stringContaining(
        `the one at ${PIN} is map ${id}, so they cannot be one: remove that pin and apply, and the map of the program goes there`,
      ),
    });
    expect(live.status().generation).toBe(1);
    await live.detach();
    expect(totals(await attach(next, pair.far), "counter").id).toBe(id);
  });

  it("pin: of two maps that interfaces have of their own neither is lost unsaid", async () => {
    const live = await attach(chain(counter("counter")), pair.far);
    const there = await attach(chain(counter("counter")), other.far);
    const both = [pair.far, other.far];
    const next = { ...chain(counter("counter", pinned)), history: 0 };
    const [here, lost] = [totals(live, "counter").id, totals(there, "counter").id];
    const refusal = {
      code: "map-pin",
      message: expect.stringContaining(
        `it is map ${here} on ${pair.far} and map ${lost} on ${other.far}, one of which`,
      ),
    };
    await expect(previewAll(next, both)).rejects.toMatchObject(refusal);
    await expect(attachAll(next, both)).rejects.toMatchObject(refusal);
    expect(existsSync(PIN)).toBe(false);
    await attach(next, pair.far);
    const [, planned] = await previewAll(next, both);
    expect(planned!.difference.programs[0]!.maps.filter(({ name }) => name === "totals")).toEqual([
      { program: "counter", name: "totals", contents: "kept", id: here },
      { program: "counter", name: "totals", contents: "lost", id: lost },
    ]);
    await attachAll(next, both);
    expect(totals(there, "counter").id).toBe(here);
  });

  it("pin: a map that one of several interfaces has goes there for all, whichever is built first", async () => {
    const [here, there] = [await attach(chain(counter("a")), pair.far), await attach(chain(counter("b")), other.far)];
    for (const live of [here, there]) await live.testRun({ data });
    const [ofA, ofB] = [totals(here, "a").id, totals(there, "b").id];
    const second = `${FOLDER}/deep/others`;
    const next = chain(counter("a", pinned), counter("b", { totals: { pin: second } }));
    const both = [pair.far, other.far];
    const planned = (await previewAll(next, both)).map(({ difference }) =>
      difference.programs.map((program) => program.maps.find(({ name }) => name === "totals")),
    );
    const kept = { name: "totals", contents: "kept" };
    for (const one of planned)
      expect(one).toEqual([
        { ...kept, program: "a", id: ofA },
        { ...kept, program: "b", id: ofB },
      ]);
    await attachAll(next, both);
    for (const live of [here, there]) expect([totals(live, "a").id, totals(live, "b").id]).toEqual([ofA, ofB]);
    expect([packets(PIN), packets(second)]).toEqual([1, 1]);
  });

  it("interfaces that share a dispatcher share the map", async () => {
    await using live = await attachAll(chain(counter("counter", pinned)), [pair.far, other.far]);
    const ids = live.status().map(({ programs }) => programs[0]!.maps.find(({ name }) => name === "totals")!.id);
    expect(ids[0]).toBe(ids[1]);
    using handle = openMap(PIN);
    expect(handle.info.id).toBe(ids[0]);
  });

  it("a check runs on a map of its own", async () => {
    const check = { name: "passes", packet: "eth / ipv4 / udp", expect: ["pass"] } as const;
    await attach({ ...chain(counter("counter", pinned)), checks: [check] }, pair.far);
    expect(packets(PIN)).toBe(0);
  });
});

it("from: programs of different linkages see one map", async () => {
  const names = ["first", "middle", "last"].slice(0, runnableLinkages.length);
  const programs = runnableLinkages.map((linkage, k) =>
    counter(names[k]!, k === 0 ? undefined : { totals: { from: names[k - 1]! } }, { linkage }),
  );
  for (const order of [programs, programs.toReversed()]) {
    const live = await attach(chainOf(order), pair.far);
    await live.testRun({ data });
    expect(new Set(names.map((name) => totals(live, name).id)).size).toBe(1);
    expect(packets(totals(live, "first").pin)).toBe(names.length);
    await live.detach();
  }
});
