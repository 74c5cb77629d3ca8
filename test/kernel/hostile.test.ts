/**
 * What others may do to a running chain: pins removed by hand, `xdp off`, bpffs gone, interfaces that go down or whose MTU grows,
 * namespaces that end. Each has one answer, which docs/recovery.md tells: what packets meet, what status says, what mends it.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Linkage } from "../../src/chain/index.ts";
import { MANIFEST_SECTION } from "../../src/codegen/index.ts";
import {
  attach,
  attachAll,
  type AttachmentStatus,
  clearDefunct,
  detach,
  open,
  openKernel,
  openMap,
  preview,
  rollback,
  status,
} from "../../src/loader/index.ts";
import { removeTree, unpin } from "../../src/loader/live/pins.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { networkNamespace } from "../../src/loader/machine/interface.ts";
import type { Kernel, MapInfo, ObjectMap } from "../../src/loader/machine/kernel.ts";
import type { Machine } from "../../src/loader/machine/machine.ts";
import { chainOf, sampleProgram, testProgram } from "../support/chains.ts";
import { lacking } from "../support/kernel-differences.ts";
import { loaderLinkages } from "../support/linkages.ts";
import { numbered, verdictObject, verdictPacket, visited } from "../support/verdict-program.ts";
import { type Veth, veth } from "../support/veth.ts";
import { run } from "./cli/run.ts";
import { attachmentFolder, hostOnly, leftToHost, tree } from "./cli/world.ts";

const NAMESPACE = `xh-${process.pid}`;

let pair: Veth;
beforeAll(async () => {
  requireBpffs(openKernel(), () => {});
  // Threads stay in the namespace in which they were made: all are made here.
  await readFile("/proc/self/status");
});
beforeEach(() => {
  pair = veth("xh");
});
afterEach(async () => {
  if (openKernel().interfaceIndex(pair.far) !== 0) {
    await detach(pair.far);
    expect(tree(folder())).toEqual([]);
  }
  // The other end may be in a namespace that is on its way out, and take this one along.
  spawnSync("ip", ["link", "del", pair.far]);
});

const chain = (linkage: Linkage, ...programs: readonly number[]) =>
  chainOf(
    programs.map((k) => numbered(k)),
    { linkage },
  );
/** Counts, so that a map can be told from an empty one. */
const counting = (linkage: Linkage, ...programs: readonly number[]) =>
  chainOf([{ ...sampleProgram("counter"), priority: 0 }, ...programs.map((k) => numbered(k))], { linkage });

const folder = (): string => attachmentFolder(openKernel().interfaceIndex(pair.far));
const ofFar = (): AttachmentStatus => status(pair.far)[0]!;
const shown = async (): Promise<string> => (await run(["status", pair.far], { columns: 1000 })).out;
const ip = (...args: readonly string[]): string => execFileSync("ip", args, { encoding: "utf8" });
/** The id of the program that the interface itself says that it runs; 0 for none. */
function hook(device = pair.far): number {
  const { native, generic } = openKernel().queryXdp(openKernel().interfaceIndex(device));
  return native || generic;
}

/** Which programs a packet meets, by the live dispatcher's own doing. */
async function running(): Promise<readonly number[]> {
  await using live = await open(pair.far);
  const { dataOut } = await live.testRun({ data: verdictPacket([2, 2, 2, 2, 2, 2]) });
  return visited(dataOut);
}

/** Sends one packet through a chain that counts; the count is kept with its map. */
async function count(): Promise<void> {
  await using live = await open(pair.far);
  await live.testRun({ data: new Uint8Array(64) });
}

function counted(): string {
  const { pin } = ofFar().programs[0]!.maps.find(({ name }) => name === "totals")!;
  using map = openMap(pin);
  return Buffer.from(map.lookup(new Uint8Array(4))).toString("hex");
}

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  describe("a pin is removed by hand", () => {
    it.each(["and nothing is put there", "and the one that runs is put there"])(
      "a kept dispatcher's, %s: packets notice nothing, rollback leaves what is left of it, and apply clears that",
      async (then) => {
        const kept = (...programs: readonly number[]) => ({ ...counting(linkage, ...programs), history: 2 });
        for (const programs of [[1], [1, 2], [1, 2, 3]]) await attach(kept(...programs), pair.far);
        unlinkSync(`${folder()}/gen-1/dispatcher`);
        using dispatcher = openKernel().openPin(`${folder()}/gen-3/dispatcher`);
        if (then.includes("runs")) openKernel().pin(dispatcher.number, `${folder()}/gen-1/dispatcher`);
        const still = { generation: 3, kept: [{ generation: 2, whole: true }] };
        expect(ofFar()).toMatchObject(still);
        expect(await running()).toEqual([1, 2, 3]);
        await rollback(pair.far);
        await rollback(pair.far, { to: 3 });
        expect(existsSync(`${folder()}/gen-1`)).toBe(true);
        const { forgotten } = await preview(kept(1, 2, 3), pair.far);
        expect(forgotten).toEqual([]);
        await attach(kept(1, 2, 3), pair.far);
        expect(existsSync(`${folder()}/gen-1`)).toBe(false);
        expect(ofFar()).toMatchObject(still);
        expect(await running()).toEqual([1, 2, 3]);
      },
    );

    it("the link's: the chain ends, and the next apply attaches it with its maps", async () => {
      await attach(counting(linkage, 1), pair.far);
      await count();
      const before = counted();
      unlinkSync(`${folder()}/link`);
      await eventually(() => hook() === 0 || undefined);
      expect(ofFar()).toMatchObject({ defunct: true, chain: "test", generation: 1 });
      expect(await shown()).toMatch(/NOT RUNNING: somebody detached the link or removed its pin/);
      expect(await preview(counting(linkage, 1), pair.far)).toMatchObject({
        outcome: "created",
        generation: 2,
        present: { link: "defunct", chain: "test" },
      });
      expect((await attach(counting(linkage, 1), pair.far)).result).toMatchObject({
        outcome: "created",
        generation: 2,
      });
      expect(counted()).toBe(before);
      expect(ofFar()).toMatchObject({ defunct: false, troubles: [] });
    });

    it("the link's, and nobody applies: detach clears the rest", async () => {
      await attach(chain(linkage, 1), pair.far);
      unlinkSync(`${folder()}/link`);
      await eventually(() => hook() === 0 || undefined);
      expect(await detach(pair.far)).toEqual({ detached: true });
      expect(tree(folder())).toEqual([]);
      expect(await detach(pair.far)).toEqual({ detached: false });
    });

    it("the link's, while a process holds the link: the chain runs on, nothing is cleared under it, and apply pins it", async () => {
      await attach(chain(linkage, 1, 2), pair.far);
      using link = openKernel().openPin(`${folder()}/link`);
      unlinkSync(`${folder()}/link`);
      const left = tree(folder());
      const pin = { kind: "pin-removed", what: "link", pin: `${folder()}/link` };
      expect(ofFar()).toMatchObject({ defunct: false, mode: "native", troubles: [pin] });
      expect(await shown()).toContain("the chain ends when the process that holds it does; apply the chain again");
      // From another namespace the interface cannot be seen; here another command clears what it may.
      elsewhere(() => clearDefunct());
      clearDefunct();
      expect(tree(folder())).toEqual(left);
      expect(await running()).toEqual([1, 2]);
      expect((await attach(chain(linkage, 1, 2), pair.far)).result).toMatchObject({ outcome: "unchanged" });
      expect(ofFar()).toMatchObject({ defunct: false, troubles: [] });
      link.close();
      expect(await running()).toEqual([1, 2]);
    });

    it("the dispatcher's: packets notice nothing, and the next apply makes a new generation with all pins", async () => {
      await attach(chain(linkage, 1, 2), pair.far);
      unlinkSync(`${folder()}/gen-1/dispatcher`);
      expect(await running()).toEqual([1, 2]);
      expect(ofFar().troubles).toEqual([
        { kind: "pin-removed", what: "dispatcher", pin: `${folder()}/gen-1/dispatcher` },
      ]);
      expect(await preview(chain(linkage, 1, 2), pair.far)).toMatchObject({ outcome: "swapped", repair: true });
      await attach(chain(linkage, 1, 2), pair.far);
      expect(ofFar()).toMatchObject({ generation: 2, troubles: [] });
    });

    it("a map's: the chain keeps the map, status says how to pin it, and then a swap keeps it too", async () => {
      await attach(counting(linkage, 1), pair.far);
      await count();
      const before = counted();
      const { pin, id } = ofFar().programs[0]!.maps.find(({ name }) => name === "totals")!;
      unlinkSync(pin);
      expect(ofFar().troubles).toEqual([{ kind: "map-unpinned", name: "totals", id }]);
      expect(await shown()).toContain(
        `\`bpftool map pin id ${id} PATH\` keeps it, with the path that it had below ${folder()}/programs`,
      );
      const planned = await preview(counting(linkage, 1, 2), pair.far);
      // An extension that stays keeps its maps by itself.
      const forecast = linkage === "freplace" ? { contents: "kept", id } : { contents: "empty" };
      expect(planned.difference.programs[0]!.maps).toContainEqual({ program: "counter", name: "totals", ...forecast });
      execFileSync("bpftool", ["map", "pin", "id", `${id}`, pin]);
      await attach(counting(linkage, 1, 2), pair.far);
      expect(counted()).toBe(before);
      expect(ofFar().troubles).toEqual([]);
    });

    it("a map's, and nobody pins it: plan says that a swap that loads its program anew empties it", async () => {
      await attach(counting(linkage, 1), pair.far);
      await count();
      unlinkSync(ofFar().programs[0]!.maps.find(({ name }) => name === "totals")!.pin);
      const other = linkage === "call" ? "inline" : "call";
      const planned = await preview(counting(other, 1, 2), pair.far);
      const [counter] = planned.difference.programs;
      expect(counter!.maps).toContainEqual({ program: "counter", name: "totals", contents: "empty" });
      await attach(counting(other, 1, 2), pair.far);
      expect(counted()).toMatch(/^0+$/);
      expect(ofFar().troubles).toEqual([]);
    });

    // Only an extension has a link and a pin of its own.
    if (linkage !== "freplace") return;

    it("a slot's link: packets run past its program until the next apply", async () => {
      await attach(chain(linkage, 1, 2), pair.far);
      unlinkSync(`${folder()}/gen-1/slot-p1`);
      await openKernel().waitForPackets();
      expect(await running()).toEqual([2]);
      expect(ofFar().troubles).toEqual([{ kind: "unbound", program: "p1" }]);
      expect(await shown()).toContain("NOT BOUND: p1");
      expect(await preview(chain(linkage, 1, 2), pair.far)).toMatchObject({ outcome: "swapped", repair: true });
      await attach(chain(linkage, 1, 2), pair.far);
      expect(await running()).toEqual([1, 2]);
      expect(ofFar().troubles).toEqual([]);
    });

    it("a slot's link, and something else is put there: rollback refuses, and apply binds it", async () => {
      const keeping = (...programs: readonly number[]) => ({ ...chain(linkage, ...programs), history: 1 });
      await attach(keeping(1, 2), pair.far);
      await attach(keeping(1, 2, 3), pair.far);
      const pins = [1, 2].map((generation) => `${folder()}/gen-${generation}/slot-p1`);
      using theirs = openKernel().createMap({ type: 1, keySize: 4, valueSize: 4, maxEntries: 1, name: "theirs" });
      for (const pin of pins) {
        unlinkSync(pin);
        openKernel().pin(theirs.number, pin);
      }
      expect(ofFar()).toMatchObject({
        troubles: [{ kind: "pin-taken", what: "slot", pin: pins[1] }],
        kept: [{ generation: 1, whole: false }],
      });
      await expect(rollback(pair.far)).rejects.toMatchObject({ code: "not-kept" });
      expect(await preview(keeping(1, 2, 3), pair.far)).toMatchObject({ outcome: "swapped", repair: true });
      await attach(keeping(1, 2, 3), pair.far);
      expect(await running()).toEqual([1, 2, 3]);
      expect(ofFar().troubles).toEqual([]);
    });

    it("a program's: packets notice nothing, and the next apply pins one again", async () => {
      await attach(chain(linkage, 1, 2), pair.far);
      const pin = tree(folder()).find((path) => /p1-\w+\/program$/.test(path))!;
      unlinkSync(pin);
      expect(await running()).toEqual([1, 2]);
      const { programs, troubles } = ofFar();
      expect(troubles).toEqual([{ kind: "pin-removed", what: "program", pin }]);
      expect(programs.every(({ id }) => id !== undefined)).toBe(true);
      await attach(chain(linkage, 1, 2), pair.far);
      expect(ofFar()).toMatchObject({ generation: 2, troubles: [] });
      expect(await running()).toEqual([1, 2]);
    });
  });

  describe("something else is put in the place of a pin", () => {
    /** What is there instead: a map of somebody else, or a folder. */
    const put = (path: string, map: Partial<Omit<MapInfo, "id" | "flags">> = {}): number => {
      unlinkSync(path);
      using theirs = openKernel().createMap({
        type: 1,
        keySize: 4,
        valueSize: 4,
        maxEntries: 1,
        name: "theirs",
        ...map,
      });
      openKernel().pin(theirs.number, path);
      return openKernel().mapInfo(theirs.number).id;
    };
    const totals = () => ofFar().programs[0]!.maps.find(({ name }) => name === "totals")!;

    /** A guest adds what the host may refuse. */
    const seen = (body: () => Promise<void>) =>
      linkage === "freplace" ? body : hostOnly("seen on the host by this linkage, and here by freplace", body);

    it(
      "the link's: the chain ends, apply names the path and changes nothing, detach removes all",
      seen(async () => {
        await attach(chain(linkage, 1), pair.far);
        const path = `${folder()}/link`;
        put(path);
        await eventually(() => hook() === 0 || undefined);
        expect(ofFar()).toMatchObject({ defunct: true, troubles: [{ kind: "pin-taken", what: "link", pin: path }] });
        expect(await shown()).toContain(`what somebody put at ${path} is not the link of the chain`);
        const refusal = `what somebody put at ${path}, which is for xdpgen's link, is no link: remove that`;
        const planned = await preview(chain(linkage, 1, 2), pair.far);
        expect(planned.obstacle).toContain(refusal);
        const left = tree(folder());
        for (const change of [() => attach(chain(linkage, 1, 2), pair.far), () => rollback(pair.far)])
          await expect(change()).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining(refusal) });
        expect(tree(folder())).toEqual(left);
        expect(await detach(pair.far)).toEqual({ detached: true });
        expect(tree(folder())).toEqual([]);
      }),
    );

    it(
      "the link's, by a symbolic link that leads nowhere: the same",
      seen(async () => {
        await attach(chain(linkage, 1), pair.far);
        const path = `${folder()}/link`;
        for (const target of ["/nowhere/at-all", path]) {
          unlinkSync(path);
          symlinkSync(target, path);
          await eventually(() => hook() === 0 || undefined);
          expect(ofFar().troubles).toEqual([{ kind: "pin-taken", what: "link", pin: path }]);
          expect((await preview(chain(linkage, 1), pair.far)).obstacle).toContain(path);
          await expect(attach(chain(linkage, 1), pair.far)).rejects.toMatchObject({ code: "conflict" });
          await expect(rollback(pair.far)).rejects.toMatchObject({ code: "conflict" });
        }
      }),
    );

    it(
      "the link's, and a process holds the link: the chain runs on, and apply pins it when the other is removed",
      seen(async () => {
        await attach(chain(linkage, 1, 2), pair.far);
        const path = `${folder()}/link`;
        using link = openKernel().openPin(path);
        unlinkSync(path);
        mkdirSync(path);
        expect(ofFar()).toMatchObject({
          defunct: false,
          mode: "native",
          troubles: [{ kind: "pin-taken", what: "link" }],
        });
        await expect(attach(chain(linkage, 1, 2), pair.far)).rejects.toMatchObject({ code: "conflict" });
        expect(await running()).toEqual([1, 2]);
        rmdirSync(path);
        expect((await attach(chain(linkage, 1, 2), pair.far)).result).toMatchObject({ outcome: "unchanged" });
        link.close();
        expect(await running()).toEqual([1, 2]);
        expect(ofFar().troubles).toEqual([]);
      }),
    );

    it(
      "the dispatcher's: packets notice nothing, and apply mends it",
      seen(async () => {
        await attach(chain(linkage, 1, 2), pair.far);
        const path = `${folder()}/gen-1/dispatcher`;
        unlinkSync(path);
        mkdirSync(path);
        expect(ofFar().troubles).toEqual([{ kind: "pin-taken", what: "dispatcher", pin: path }]);
        expect(await preview(chain(linkage, 1, 2), pair.far)).toMatchObject({ outcome: "swapped", repair: true });
        await attach(chain(linkage, 1, 2), pair.far);
        expect(ofFar()).toMatchObject({ generation: 2, troubles: [] });
        expect(await running()).toEqual([1, 2]);
      }),
    );

    it(
      "a map's: a swap that would take it is refused, status names both, and the own one goes on when it is pinned",
      seen(async () => {
        await attach(counting(linkage, 1), pair.far);
        await count();
        const before = counted();
        const { pin, id } = totals();
        const alike = { type: 6, valueSize: 16 };
        const other = linkage === "call" ? "inline" : "call";
        const changed = counting(other, 1, 2);
        for (const theirs of [alike, {}]) {
          put(pin, theirs);
          expect(ofFar().troubles).toEqual([{ kind: "pin-taken", what: "map", pin, id }]);
          expect(await shown()).toContain(`\`bpftool map pin id ${id} ${pin}\` pins its own again`);
          const refusal = { code: "map-pin", message: expect.stringContaining(`\`bpftool map pin id ${id} ${pin}\``) };
          await expect(preview(changed, pair.far)).rejects.toMatchObject(refusal);
          await expect(attach(changed, pair.far)).rejects.toMatchObject(refusal);
          expect(ofFar().generation).toBe(1);
        }
        unlinkSync(pin);
        execFileSync("bpftool", ["map", "pin", "id", `${id}`, pin]);
        await attach(changed, pair.far);
        expect(counted()).toBe(before);
        expect(ofFar().troubles).toEqual([]);
      }),
    );

    it(
      "a map's, by what is no map: the same",
      seen(async () => {
        await attach(counting(linkage, 1), pair.far);
        const { pin } = totals();
        using program = openKernel().programById(hook());
        unlinkSync(pin);
        const mess = [
          () => openKernel().pin(program.number, pin),
          () => mkdirSync(pin),
          () => symlinkSync("/nowhere/at-all", pin),
          () => symlinkSync(pin, pin),
        ];
        for (const make of mess) {
          make();
          expect(ofFar().troubles).toContainEqual({ kind: "pin-taken", what: "map", pin });
          const other = counting(linkage === "call" ? "inline" : "call", 1);
          const refusal = { code: "map-pin", message: expect.stringContaining(`${pin}, somebody put what is no map`) };
          await expect(preview(other, pair.far)).rejects.toMatchObject(refusal);
          await expect(attach(other, pair.far)).rejects.toMatchObject(refusal);
          // What runs on takes nothing over.
          expect(await preview(counting(linkage, 1), pair.far)).toMatchObject({ outcome: "unchanged" });
          expect((await attach(counting(linkage, 1), pair.far)).result).toMatchObject({ outcome: "unchanged" });
          unpin(pin);
        }
      }),
    );
  });

  it("an interface that is down keeps its chain, takes another, and runs that when it is up again", async () => {
    await attach(chain(linkage, 1), pair.far);
    ip("link", "set", pair.far, "down");
    expect(ofFar()).toMatchObject({ defunct: false, mode: "native", troubles: [] });
    expect((await attach(chain(linkage, 2), pair.far)).result).toMatchObject({ outcome: "swapped" });
    ip("link", "set", pair.far, "up");
    expect(hook()).toBe(ofFar().dispatcher.id);
    expect(await running()).toEqual([2]);
  });

  it("bpffs is unmounted: with its last mount the chain ends, and nothing is left of it", async () => {
    using other = bpffs();
    await attach(chain(linkage, 1, 2), pair.far, { machine: other.machine });
    expect(hook()).not.toBe(0);
    execFileSync("umount", [other.path]);
    await eventually(() => hook() === 0 || undefined);
    expect(status(undefined, other.machine)).toEqual([]);
    expect((await attach(chain(linkage, 1), pair.far)).result).toMatchObject({ outcome: "created", generation: 1 });
  });

  it("bpffs is unmounted here and mounted elsewhere: the chain runs, is shown, refused, and detached", async () => {
    using other = bpffs();
    await attach(chain(linkage, 1, 2), pair.far, { machine: other.machine });
    const { dispatcher } = status(pair.far, other.machine)[0]!;
    expect(ofFar()).toMatchObject({
      chain: "test",
      dispatcher,
      mode: "native",
      troubles: [{ kind: "pins-out-of-reach" }],
    });
    expect(ofFar().pins).toBeUndefined();
    expect(await shown()).toMatch(/its pins are out of reach, in another bpffs/);
    const attempt = attach(chain(linkage, 3), pair.far);
    await expect(attempt).rejects.toMatchObject({ code: "interface-occupied" });
    await expect(attempt).rejects.toThrow(/chain test of xdpgen, with its pins out of reach[^]*nothing was changed/);
    expect(hook()).toBe(dispatcher.id);
    expect(await detach(pair.far)).toEqual({ detached: true });
    expect(hook()).toBe(0);
    expect(status(pair.far, other.machine)).toMatchObject([{ defunct: true }]);
    await detach(pair.far, { machine: other.machine });
    expect(tree(other.machine.root)).toEqual([]);
  });

  it("a pin in the place of its folder is named, and nothing is changed until it is gone", async () => {
    using other = bpffs();
    const { machine, path } = other;
    await attach(chain(linkage, 1), pair.far, { machine });
    const dir = `${machine.root}/${folder().split("/").at(-1)}`;
    renameSync(dir, `${path}/moved`);
    using map = openKernel().createMap({ type: 2, keySize: 4, valueSize: 8, maxEntries: 3, name: "x" });
    openKernel().pin(map.number, dir);
    const refused = {
      code: "environment",
      message: expect.stringContaining(`${dir} is a pin or another file`) as string,
    };
    expect(status(pair.far, machine)).toMatchObject([{ chain: "test", troubles: [{ kind: "pins-out-of-reach" }] }]);
    await expect(preview(chain(linkage, 2), pair.far, { machine })).rejects.toMatchObject(refused);
    await expect(attach(chain(linkage, 2), pair.far, { machine })).rejects.toMatchObject(refused);
    await expect(detach(pair.far, { machine })).rejects.toMatchObject(refused);
    unlinkSync(dir);
    renameSync(`${path}/moved`, dir);
    expect(status(pair.far, machine)).toMatchObject([{ generation: 1, troubles: [] }]);
    await detach(pair.far, { machine });
  });

  it("what a process is building is neither cleared nor shown, from another network namespace either", async () => {
    const swept: number[] = [];
    const shownMeanwhile: AttachmentStatus[] = [];
    const kernel = openKernel();
    // Before each call that a first attachment makes, everybody clears.
    const busy = new Proxy(kernel, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function" || !["pin", "linkXdp", "linkExtension"].includes(String(key))) return value;
        return (...args: unknown[]): unknown => {
          swept.push(
            clearDefunct(),
            elsewhere(() => clearDefunct()),
          );
          shownMeanwhile.push(...status(pair.far));
          return (value as (...a: unknown[]) => unknown).apply(target, args);
        };
      },
    });
    const machine: Machine = { ...own(), kernel: busy };
    await attach(chain(linkage, 1, 2), pair.far, { machine });
    // Not before its link is pinned is it an attachment.
    expect(shownMeanwhile).toEqual([]);
    expect(swept.length).toBeGreaterThan(3);
    expect(swept.every((cleared) => cleared === 0)).toBe(true);
    expect(await running()).toEqual([1, 2]);
    expect(ofFar().troubles).toEqual([]);
  });
});

it("`xdp off`, bpftool and xdp-loader are refused by the kernel: the link holds its place", async () => {
  await attach(chain("call", 1), pair.far);
  const { dispatcher } = ofFar();
  const pins = tree(folder());
  const off = [
    ["ip", "link", "set", "dev", pair.far, "xdp", "off"],
    ["ip", "link", "set", "dev", pair.far, "xdpdrv", "off"],
    ["bpftool", "net", "detach", "xdp", "dev", pair.far],
    ["xdp-loader", "unload", pair.far, "--all"],
  ];
  for (const [command = "", ...args] of off) {
    const { status: code, stderr } = spawnSync(command, args, { encoding: "utf8" });
    expect({ command, refused: code !== 0, stderr }).toEqual({
      command,
      refused: true,
      stderr: expect.stringMatching(/Can't replace active BPF XDP link|Device or resource busy/i) as string,
    });
  }
  // In the other mode there is nothing to take off.
  spawnSync("ip", ["link", "set", "dev", pair.far, "xdpgeneric", "off"]);
  expect(hook()).toBe(dispatcher.id);
  expect(tree(folder())).toEqual(pins);
  expect(ofFar()).toMatchObject({ dispatcher, troubles: [] });
});

it("somebody else's program on xdpgen's link is shown, and no other attachment is hidden by it", async () => {
  const kernel = openKernel();
  await attach(chain("call", 1), pair.far);
  await attach(chain("call", 2), pair.near);
  using object = kernel.openObject(verdictObject(9), "theirs");
  object.programs[0]!.makeXdp();
  object.load();
  using link = kernel.openPin(`${folder()}/link`);
  using ours = kernel.programById(kernel.linkInfo(link.number).programId);
  kernel.updateLink(link.number, object.programs[0]!.fd(), ours.number);
  expect(status().filter(({ interface: name }) => name === pair.near || name === pair.far)).toHaveLength(2);
  expect(ofFar()).toMatchObject({ chain: "test", troubles: [{ kind: "foreign-program", name: "verdict_9" }] });
  expect(await shown()).toMatch(/NOT RUNNING: program \d+ \(verdict_9\) of somebody else is on xdpgen's link/);
  await attach(chain("call", 1), pair.far, { replace: true });
  expect(ofFar().troubles).toEqual([]);
  await detach(pair.near);
});

describe("an MTU that is larger than a chain without frags may see", () => {
  it("is refused by the kernel while the chain runs", async () => {
    await attach(chain("call", 1), pair.far);
    const { status: code, stderr } = spawnSync("ip", ["link", "set", pair.near, "mtu", "9000"], { encoding: "utf8" });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/mtu greater than device maximum/i);
    expect(ofFar()).toMatchObject({ mode: "native", troubles: [] });
  });

  it("that is there before the chain: native mode is refused with the reason, auto is generic", async () => {
    ip("link", "set", pair.near, "mtu", "9000");
    const native = attach(chain("call", 1), pair.far, { mode: "native" });
    await expect(native).rejects.toMatchObject({ code: "environment" });
    await expect(native).rejects.toThrow(/\(ERANGE: its MTU, or that of its peer,[^]*xdp\.frags/);
    const lines: string[] = [];
    const live = await attach(chain("call", 1), pair.far, {
      events: (event) => event.kind === "notice" && lines.push(event.message),
    });
    expect(live.status().mode).toBe("generic");
    expect(lines.join("\n")).toMatch(/\(ERANGE: its MTU/);
  });

  it("a chain with frags is not swapped for one without: the old one runs on", async ({ skip }) => {
    const reason = lacking("packets of several buffers (frags)");
    skip(reason !== undefined, reason);
    const frags = chainOf([{ ...testProgram("frags"), function: "xdp_frags" }], { linkage: "call" });
    await attach(frags, pair.far, { mode: "native" });
    ip("link", "set", pair.near, "mtu", "9000");
    const { dispatcher } = ofFar();
    const pins = tree(folder());
    const attempt = attach(chain("call", 1), pair.far);
    await expect(attempt).rejects.toThrow(/ERANGE[^]*MTU[^]*xdp\.frags[^]*nothing was changed/);
    expect(ofFar()).toMatchObject({ dispatcher, generation: 1, troubles: [] });
    expect(tree(folder())).toEqual(pins);
    ip("link", "set", pair.near, "mtu", "1500");
    expect((await attach(chain("call", 1), pair.far)).result).toMatchObject({ outcome: "swapped" });
  });
});

describe.each(loaderLinkages)("a dispatcher of another xdpgen, linkage %s", (linkage) => {
  beforeEach(async () => {
    await attach(counting(linkage, 1), pair.far, { machine: { ...own(), kernel: another() } });
  });

  it("is shown, and left alone without a word", async () => {
    const pins = tree(folder());
    expect(ofFar()).toMatchObject({ chain: "", mode: "native", programs: [], troubles: [{ kind: "unreadable" }] });
    expect(await shown()).toMatch(
      /: a chain that cannot be read, native mode[^]*NOT READABLE: the manifest has version 9, this xdpgen reads version \d+/,
    );
    expect((await run(["graph", "--dev", pair.far])).err).toContain("cannot draw what runs");
    for (const attempt of [() => attach(chain(linkage, 2), pair.far), () => rollback(pair.far)]) {
      await expect(attempt()).rejects.toMatchObject({ code: "interface-occupied" });
    }
    expect(tree(folder())).toEqual(pins);
  });

  it("is detached with all its pins", async () => {
    expect(await run(["detach", "--all"])).toMatchObject({ status: 0, out: `detached the chain from ${pair.far}\n` });
    expect(hook()).toBe(0);
    expect(tree(folder())).toEqual([]);
  });

  it("is replaced in one step by a chain with the same programs, or not at all", async () => {
    const before = { hook: hook(), pins: tree(folder()) };
    const checks = [{ name: "never", packet: "eth", expect: ["redirect"] }] as const;
    const refused = attach({ ...counting(linkage, 1), checks }, pair.far, { replace: true });
    await expect(refused).rejects.toMatchObject({ code: "check-failed" });
    expect({ hook: hook(), pins: tree(folder()) }).toEqual(before);
    const { result } = await attach(counting(linkage, 1), pair.far, { replace: true });
    expect(result).toMatchObject({ outcome: "swapped", generation: 1 });
    expect(ofFar()).toMatchObject({ troubles: [], kept: [] });
    await count();
    expect(counted()).toMatch(/[^0]/);
    expect(tree(folder()).filter((path) => path.includes("/aside"))).toEqual([]);
  });
});

describe("other network namespaces on the same bpffs", () => {
  beforeEach(() => void ip("netns", "add", NAMESPACE));
  afterEach(() => {
    if (existsSync(`/run/netns/${NAMESPACE}`)) ip("netns", "del", NAMESPACE);
    clearDefunct();
  });

  it("are shown with their name, and by the process that is in them; what runs here is not theirs", async (context) => {
    leftToHost(context);
    ip("link", "set", pair.near, "netns", NAMESPACE);
    await attach(chain("call", 1), pair.far);
    await elsewhereAsync(() => attach(chain("call", 2), pair.near, { machine: own() }));
    const there = status().find(({ interface: name }) => name === pair.near)!;
    expect(there).toMatchObject({ moved: false, defunct: false, mode: "native", troubles: [] });
    expect(there.namespace).toMatchObject({ kind: "other", name: NAMESPACE });
    expect(status(pair.far)).toHaveLength(1);
    expect((await run(["status"])).out).toMatch(
      new RegExp(`^${pair.near} in network namespace ${NAMESPACE} \\(\\d+\\): chain test`, "m"),
    );
    const listed = JSON.parse((await run(["status", "--json"])).out) as AttachmentStatus[];
    expect(listed.map(({ namespace }) => namespace.kind)).toEqual(["own", "other"]);
    // All of this namespace is not all of the machine.
    await run(["detach", "--all"]);
    expect(status()).toMatchObject([{ interface: pair.near, defunct: false }]);
  });

  it("one that ends takes its interfaces along: told, and cleared by the next command", async (context) => {
    leftToHost(context);
    ip("link", "set", pair.near, "netns", NAMESPACE);
    await elsewhereAsync(() => attach(chain("call", 2), pair.near, { machine: own() }));
    const { namespace } = status().find(({ interface: name }) => name === pair.near)!;
    ip("netns", "del", NAMESPACE);
    const gone = await eventually(() => status().find((one) => one.namespace.inode === namespace.inode && one.defunct));
    expect(gone).toMatchObject({ namespace: { kind: "gone" } });
    expect((await run(["status"], { columns: 1000 })).out).toMatch(
      /^interface \d+ \(gone\) in network namespace \d+, which is gone: chain test[^]*NOT RUNNING: its network namespace is gone/m,
    );
    clearDefunct();
    expect(status().some((one) => one.namespace.inode === namespace.inode)).toBe(false);
  });

  it("clear nothing of an interface that exists, whatever became of its link", async (context) => {
    leftToHost(context);
    await attach(counting("call", 1), pair.far);
    await count();
    const before = counted();
    execFileSync("bpftool", ["link", "detach", "pinned", `${folder()}/link`]);
    const left = tree(folder());
    elsewhere(() => clearDefunct());
    expect(tree(folder())).toEqual(left);
    await attach(counting("call", 1), pair.far);
    expect(counted()).toBe(before);
  });

  it("an interface that comes back finds its chain and its pins", async (context) => {
    leftToHost(context);
    await attach(counting("call", 1), pair.far);
    await count();
    const before = counted();
    ip("link", "set", pair.far, "netns", NAMESPACE);
    expect(status().find(({ chain: name }) => name === "test")).toMatchObject({
      interface: pair.far,
      moved: true,
      namespace: { kind: "other", name: NAMESPACE },
    });
    expect(
      (await elsewhereAsync(() => attach(counting("call", 1), pair.far, { machine: own() }))).result,
    ).toMatchObject({
      outcome: "unchanged",
    });
    ip("-n", NAMESPACE, "link", "set", pair.far, "netns", `${process.pid}`);
    expect((await attach(counting("call", 1, 2), pair.far)).result).toMatchObject({
      outcome: "swapped",
      generation: 2,
    });
    expect(counted()).toBe(before);
  });
});

describe("interfaces of two network namespaces with one index", () => {
  beforeEach(() => void ip("netns", "add", NAMESPACE));
  afterEach(() => {
    // Their other ends go with them.
    for (const device of [pair.near, "xh-stays"]) spawnSync("ip", ["link", "del", device]);
    ip("netns", "del", NAMESPACE);
    clearDefunct();
  });

  const indexOf = (device: string): number => openKernel().interfaceIndex(device);
  const addVeth = (at: readonly string[], name: string, peer: string, index?: number): string => {
    // The peer is made first, and would take it.
    const [own, other] = index === undefined ? [[], []] : [index, index + 10_000].map((one) => ["index", `${one}`]);
    return ip(...at, "link", "add", name, ...own!, "type", "veth", "peer", "name", peer, ...other!);
  };

  it("--replace takes over this one's program of somebody else, or says that it cannot tell", async (context) => {
    leftToHost(context);
    const kernel = openKernel();
    const ifindex = indexOf(pair.far);
    addVeth(["-n", NAMESPACE], "xh-there", "xh-peer", ifindex);
    using object = kernel.openObject(verdictObject(9), "theirs");
    object.programs[0]!.makeXdp();
    object.load();
    const theirs = object.programs[0]!.fd();
    const { id } = kernel.programInfo(theirs);
    const there = (): number => elsewhere(() => hook("xh-there"));
    using other = elsewhere(() => kernel.linkXdp(theirs, ifindex, "generic"));
    using here = kernel.linkXdp(theirs, ifindex, "generic");
    const attempt = (): Promise<unknown> => attach(chain("call", 1), pair.far, { replace: true });
    const ids = [other, here].map(({ number }) => kernel.linkInfo(number).id).join(", ");
    await expect(attempt()).rejects.toMatchObject({ code: "conflict" });
    await expect(attempt()).rejects.toThrow(`by the links ${ids}, and the kernel does not tell which is whose`);
    expect([hook(), there()]).toEqual([id, id]);
    expect(tree(folder())).toEqual([]);
    // What netlink holds no link does.
    kernel.detachLink(here.number);
    kernel.attachXdp(ifindex, theirs, "generic");
    await attempt();
    expect([hook(), there()]).toEqual([ofFar().dispatcher.id, id]);
  });

  /** An interface here and one that moved away, which share a dispatcher and have one index now. */
  async function siblings(first: "stays" | "moves"): Promise<{ readonly stays: string; readonly dispatcher: number }> {
    const moves = pair.far;
    addVeth(["-n", NAMESPACE], "xh-there", "xh-b", indexOf(moves));
    // The next index there, which the one that moves gets.
    for (let next = 0, name = 0; ; name++) {
      addVeth(["-n", NAMESPACE], `xh-c${name}`, `xh-d${name}`);
      next = 1 + elsewhere(() => Math.max(indexOf(`xh-c${name}`), indexOf(`xh-d${name}`)));
      if (openKernel().interfaceName(next) !== undefined) continue;
      addVeth([], "xh-stays", "xh-e", next);
      break;
    }
    const stays = "xh-stays";
    await attach(chain("call", 1), first === "stays" ? stays : moves);
    await attachAll(chain("call", 1), [stays, moves]);
    expect(hook(stays)).toBe(hook(moves));
    ip("link", "set", moves, "netns", NAMESPACE);
    expect(elsewhere(() => indexOf(moves))).toBe(indexOf(stays));
    return { stays, dispatcher: hook(stays) };
  }

  it("are each shown where they are, of two that share a dispatcher", async (context) => {
    leftToHost(context);
    const { stays } = await siblings("moves");
    const both = status().filter(({ interface: device }) => device === stays || device === pair.far);
    expect(both.map(({ interface: device, namespace }) => [device, namespace.kind])).toEqual([
      [stays, "own"],
      [pair.far, "other"],
    ]);
  });

  it.for(["stays", "moves"] as const)(
    "a command acts on its own, of two that share one (%s)",
    async (first, context) => {
      leftToHost(context);
      const { stays, dispatcher } = await siblings(first);
      const { far } = pair;
      expect(await elsewhereAsync(() => detach(far, { machine: own() }))).toEqual({ detached: true });
      expect([hook(stays), elsewhere(() => hook(far))]).toEqual([dispatcher, 0]);
      expect(status(stays)).toMatchObject([{ defunct: false, troubles: [] }]);
    },
  );

  it("that change places keep their chains, and are changed once one of them has been changed elsewhere", async (context) => {
    leftToHost(context);
    const [one, other, third] = [pair.far, "xh-there", `${NAMESPACE}-third`];
    const machine = own;
    addVeth(["-n", NAMESPACE], other, "xh-peer", indexOf(one));
    await attach(counting("call", 1), one);
    await count();
    const before = counted();
    await elsewhereAsync(() => attach(chain("call", 2), other, { machine: machine() }));
    ip("netns", "add", third);
    try {
      ip("-n", NAMESPACE, "link", "set", other, "netns", third);
      ip("link", "set", one, "netns", NAMESPACE);
      ip("-n", third, "link", "set", other, "netns", `${process.pid}`);
      expect(elsewhere(() => indexOf(one))).toBe(indexOf(other));
      const hooks = (): readonly number[] => [elsewhere(() => hook(one)), hook(other)];
      const ran = hooks();
      const shownOf = (device: string) => status().find((found) => found.interface === device);
      expect(shownOf(one)).toMatchObject({ namespace: { kind: "other", name: NAMESPACE }, dispatcher: { id: ran[0] } });
      expect(shownOf(other)).toMatchObject({ namespace: { kind: "own" }, dispatcher: { id: ran[1] } });
      const applyOne = (): Promise<unknown> =>
        elsewhereAsync(() => attach(counting("call", 1, 3), one, { machine: machine() }));
      // The pins of each are where the other's are to go.
      await expect(applyOne()).rejects.toMatchObject({ code: "interface-occupied" });
      await expect(attach(chain("call", 2), other)).rejects.toMatchObject({ code: "interface-occupied" });
      expect(hooks()).toEqual(ran);

      ip("link", "set", other, "netns", third);
      await elsewhereAsync(() => attach(chain("call", 2), other, { machine: machine() }), third);
      expect(await applyOne()).toMatchObject({ result: { outcome: "swapped" } });
      expect(elsewhere(counted)).toBe(before);
    } finally {
      ip("netns", "del", third);
    }
  });

  it("one whose pins are in another bpffs is detached where the other's link is pinned, and not where neither is", async (context) => {
    leftToHost(context);
    const { stays, dispatcher } = await siblings("moves");
    const { far } = pair;
    const [pins, pinsOfOther] = [far, stays].map(
      (device) => status().find((one) => one.interface === device)!.pins!,
    ) as [string, string];
    const detachThere = (): Promise<unknown> => elsewhereAsync(() => detach(far, { machine: own() }));
    using held = openKernel().openPin(`${pins}/link`);
    using other = openKernel().openPin(`${pinsOfOther}/link`);
    removeTree(pins);
    renameSync(pinsOfOther, `${pinsOfOther}-aside`);
    await expect(detachThere()).rejects.toMatchObject({ code: "conflict" });
    renameSync(`${pinsOfOther}-aside`, pinsOfOther);
    expect(await detachThere()).toEqual({ detached: true });
    expect([openKernel().linkInfo(held.number).ifindex, hook(stays)]).toEqual([0, dispatcher]);
    expect(openKernel().linkInfo(other.number).ifindex).not.toBe(0);
  });
});

it("a handle follows its interface when it is renamed, and not the name", async () => {
  const live = await attach(chain("call", 1), pair.far);
  ip("link", "set", pair.far, "down");
  ip("link", "set", pair.far, "name", "xh-renamed");
  ip("link", "set", pair.near, "down");
  ip("link", "set", pair.near, "name", pair.far);
  try {
    expect(live.status()).toMatchObject({ interface: "xh-renamed", generation: 1 });
    expect(await live.update(chain("call", 2))).toMatchObject({ outcome: "swapped" });
    expect(live.status()).toMatchObject({ interface: "xh-renamed", generation: 2 });
    expect(hook(pair.far)).toBe(0);
    expect(await live.detach()).toEqual({ detached: true });
  } finally {
    ip("link", "set", pair.far, "name", pair.near);
    ip("link", "set", "xh-renamed", "name", pair.far);
  }
});

const own = (): Machine => ({ kernel: openKernel(), root: "/sys/fs/bpf/xdpgen", netns: networkNamespace() });

/** The kernel as an xdpgen of another version uses it: its manifests have a version of their own. */
function another(): Kernel {
  const kernel = openKernel();
  return {
    ...kernel,
    openObject(elf, name) {
      const object = kernel.openObject(elf, name);
      const versioned = (map: ObjectMap): ObjectMap => ({
        ...map,
        setInitialValue: (value) => map.setInitialValue(value.with(4, 9)),
      });
      return {
        ...object,
        map: (wanted) => {
          const map = object.map(wanted);
          return map && wanted === MANIFEST_SECTION ? versioned(map) : map;
        },
      };
    },
  };
}

/** Runs in another network namespace, which is made for it where there is none; the bpffs is the same. */
function elsewhere<T>(work: () => T): T {
  const made = !existsSync(`/run/netns/${NAMESPACE}`);
  if (made) ip("netns", "add", NAMESPACE);
  try {
    const back = enter(`/run/netns/${NAMESPACE}`);
    try {
      return work();
    } finally {
      back();
    }
  } finally {
    if (made) ip("netns", "del", NAMESPACE);
  }
}

/** The same for what waits; nothing else goes on in this process meanwhile. */
async function elsewhereAsync<T>(work: () => Promise<T>, namespace = NAMESPACE): Promise<T> {
  const back = enter(`/run/netns/${namespace}`);
  try {
    return await work();
  } finally {
    back();
  }
}

function enter(path: string): () => void {
  const [home, there] = ["/proc/thread-self/ns/net", path].map((file) => openSync(file, "r")) as [number, number];
  openKernel().enterNetwork(there);
  return () => {
    openKernel().enterNetwork(home);
    closeSync(home);
    closeSync(there);
  };
}

/** A bpffs of its own, which is unmounted in the end. */
function bpffs(): { readonly path: string; readonly machine: Machine } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "xdpgen-bpffs-"));
  execFileSync("mount", ["-t", "bpf", "bpf", path]);
  mkdirSync(`${path}/xdpgen`);
  return {
    path,
    machine: { ...own(), root: `${path}/xdpgen` },
    [Symbol.dispose]: () => {
      spawnSync("umount", [path]);
      rmdirSync(path);
    },
  };
}

/** What the kernel does a little later, such as taking down a namespace. */
async function eventually<T>(look: () => T | undefined): Promise<T> {
  for (let tries = 0; ; tries++) {
    const found = look();
    if (found !== undefined) return found;
    if (tries === 200) throw new Error("it did not come to pass in ten seconds");
    await setTimeout(50);
  }
}
