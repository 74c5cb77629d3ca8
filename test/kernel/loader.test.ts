/** The loader on a real kernel: failures, crashes, other people's programs, interfaces that go away. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Linkage } from "../../src/chain/index.ts";
import { attach, detach, freplaceSupport, open, openKernel, openMap, preview, status } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { networkNamespace } from "../../src/loader/machine/interface.ts";
import { KernelError, type Kernel } from "../../src/loader/machine/kernel.ts";
import { chainOf, sampleProgram, testProgram } from "../support/chains.ts";
import { loaderLinkages } from "../support/linkages.ts";
import { wordsToStart } from "../support/processes.ts";
import { numbered, verdictObject, verdictPacket, visited } from "../support/verdict-program.ts";
import { type Veth, veth } from "../support/veth.ts";
import { watched } from "../support/watched-kernel.ts";
import { EMULATED, leftToHost } from "./cli/world.ts";

const ROOT = "/sys/fs/bpf/xdpgen";
const CHILD = wordsToStart(new URL("loader-child.ts", import.meta.url));

const machine = (kernel: Kernel) => ({ kernel, root: ROOT, netns: networkNamespace() });
/** It keeps no generation beside the live one: what is pinned is what is live. */
const chain = (linkage: Linkage, ...programs: readonly number[]) =>
  chainOf(
    programs.map((k) => numbered(k)),
    { linkage, history: 0 },
  );

let pair: Veth;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  pair = veth("xl");
});
afterEach(async () => {
  const { far } = pair;
  if (openKernel().interfaceIndex(far) !== 0) await detach(far);
  pair[Symbol.dispose]();
});

/** Which programs run, by the live dispatcher's own doing: all return PASS. */
async function running(): Promise<readonly number[]> {
  await using live = await open(pair.far);
  const { dataOut } = await live.testRun({ data: verdictPacket([2, 2, 2, 2, 2, 2]) });
  return visited(dataOut);
}

/** The pins of the attachment: all of them, whoever made them. */
function pins(): readonly string[] {
  const dir = `${ROOT}/${networkNamespace()}-${openKernel().interfaceIndex(pair.far)}`;
  const walk = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true }).flatMap((e) =>
      e.isDirectory() ? walk(`${path}/${e.name}`) : [`${path}/${e.name}`.slice(dir.length + 1)],
    );
  return existsSync(dir) ? walk(dir).toSorted() : [];
}

const openFds = (): number => readdirSync("/proc/self/fd").length;

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  it("leaves the old or the new chain whole when it is killed, and clears up next time", async () => {
    const swap = (at: number) => {
      const [command, ...words] = [...CHILD, pair.far, linkage, "0", `${at}`, "2", "3"];
      return spawnSync(command, words, { encoding: "utf8" });
    };
    await attach(chain(linkage, 1, 2), pair.far);
    const calls: string[] = [];
    const heard = watched(openKernel(), (_, call) => void calls.push(call));
    await attach(chain(linkage, 2, 3), pair.far, { machine: machine(heard) });
    // Between these calls the state of the kernel differs; before the others a crash finds what the one before left.
    const changing = calls.flatMap((call, i) => (/^(load|pin|link|update|wait)/.test(call) ? [i + 1] : []));
    // A process costs seconds in the virtual machine: there, before the swap itself and behind it.
    const swapping = calls.indexOf("updateLink") + 1;
    const moments = EMULATED ? changing.filter((at) => at >= swapping).slice(0, 2) : changing;
    expect(moments.length).toBeGreaterThan(1);
    for (const at of moments) {
      await attach(chain(linkage, 1, 2), pair.far);
      const { signal, stdout, stderr } = swap(at);
      expect({ signal, stderr }).toEqual({ signal: "SIGKILL", stderr: "" });
      expect(stdout.trim().split("\n")).toEqual(calls.slice(0, at - 1));
      const found = await running();
      expect(
        [
          [1, 2],
          [2, 3],
        ],
        `killed before call ${at}, ${calls[at - 1]}`,
      ).toContainEqual(found);

      await attach(chain(linkage, 2, 3), pair.far);
      expect(await running()).toEqual([2, 3]);
      const generations = new Set(pins().flatMap((pin) => /^gen-\d+/.exec(pin)?.[0] ?? []));
      expect(generations.size).toBe(1);
      expect(pins().some((pin) => pin.startsWith("programs/p1-"))).toBe(false);
    }
  }, 600_000);

  it("serialises two writers", async () => {
    const results = await Promise.all([1, 2, 3, 4].map((k) => attach(chain(linkage, k), pair.far)));
    const generations = results.map((r) => r.result!.generation).toSorted((a, b) => a - b);
    expect(generations).toEqual([1, 2, 3, 4]);
    expect(pins().filter((pin) => pin.endsWith("/dispatcher"))).toEqual(["gen-4/dispatcher"]);
  });

  it("uses no fd more after twenty swaps than before", async () => {
    const live = await attach(chain(linkage, 1), pair.far);
    await live.update(chain(linkage, 1, 2));
    const fds = openFds();
    for (let i = 0; i < 20; i++) await live.update(i % 2 ? chain(linkage, 1, 2) : chain(linkage, 2));
    expect(openFds()).toBe(fds);
  });

  it("answers when the interface is deleted under it", async () => {
    const { far } = pair;
    const live = await attach(chain(linkage, 1), far);
    pair[Symbol.dispose]();
    await expect(live.update(chain(linkage, 2))).rejects.toMatchObject({ code: "interface-missing" });
    expect(status().some((s) => s.ifindex === live.ifindex && s.defunct)).toBe(true);
    await expect(detach(far)).rejects.toMatchObject({ code: "interface-missing" });
    expect(status().some((s) => s.ifindex === live.ifindex)).toBe(false);
  });
});

describe("programs of others", () => {
  it("are there, or nothing, or the chain, where a takeover is killed; the next apply attaches the chain", async (context) => {
    leftToHost(context);
    const kernel = openKernel();
    using object = kernel.openObject(verdictObject(9), "theirs");
    object.programs[0]!.makeXdp();
    object.load();
    const theirs = object.programs[0]!.fd();
    const ifindex = kernel.interfaceIndex(pair.far);
    const calls: string[] = [];
    kernel.attachXdp(ifindex, theirs, "native");
    const heard = watched(kernel, (_, call) => void calls.push(call));
    await attach(chain("call", 1), pair.far, { machine: machine(heard), replace: true });
    const taking = calls.indexOf("detachXdp");
    const all = calls.flatMap((call, at) => (/^(load|pin|link|detach|wait)/.test(call) ? [at] : []));
    const moments = EMULATED ? [taking, calls.indexOf("linkXdp")] : all;
    const met = new Set<string>();
    for (const at of moments) {
      await detach(pair.far);
      kernel.attachXdp(ifindex, theirs, "native");
      const [command, ...words] = [...CHILD, pair.far, "call", "0", `${at + 1}`, "1"];
      expect(spawnSync(command, words, { encoding: "utf8" })).toMatchObject({ signal: "SIGKILL", stderr: "" });
      const now = kernel.queryXdp(ifindex).native;
      const whose = now === 0 ? "nothing" : now === kernel.programInfo(theirs).id ? "theirs" : "the chain";
      met.add(whose);
      if (at <= taking) expect(whose, `killed before ${calls[at]!}`).toBe("theirs");
      await attach(chain("call", 1), pair.far, { replace: true });
      expect(await running()).toEqual([1]);
    }
    expect(met.has("nothing")).toBe(true);
    await detach(pair.far);
    expect(pins()).toEqual([]);
  }, 600_000);

  it("attached by link are named, left alone, and taken over when asked", async () => {
    const kernel = openKernel();
    using object = kernel.openObject(verdictObject(9), "theirs");
    object.programs[0]!.makeXdp();
    object.load();
    using link = kernel.linkXdp(object.programs[0]!.fd(), kernel.interfaceIndex(pair.far), "native");
    const attempt = attach(chain("call", 1), pair.far);
    await expect(attempt).rejects.toMatchObject({ code: "interface-occupied" });
    await expect(attempt).rejects.toThrow(/program \d+ \(verdict_9\) in native mode/);
    expect(pins()).toEqual([]);
    expect(kernel.linkInfo(link.number).ifindex).not.toBe(0);

    await attach(chain("call", 1), pair.far, { replace: true });
    expect(kernel.linkInfo(link.number).ifindex).toBe(0);
    expect(await running()).toEqual([1]);
  });

  it("attached by netlink are taken over, and put back when that fails", async () => {
    const kernel = openKernel();
    const ifindex = kernel.interfaceIndex(pair.far);
    using object = kernel.openObject(verdictObject(9), "theirs");
    object.programs[0]!.makeXdp();
    object.load();
    kernel.attachXdp(ifindex, object.programs[0]!.fd(), "generic");
    const theirs = kernel.queryXdp(ifindex).generic;
    expect(theirs).not.toBe(0);
    const failing = watched(kernel, (_, call) => {
      if (call === "linkXdp") throw new KernelError("bpf_link_create", 12, "ENOMEM");
    });
    await expect(attach(chain("call", 1), pair.far, { replace: true, machine: machine(failing) })).rejects.toThrow(
      /ENOMEM/,
    );
    expect(kernel.queryXdp(ifindex).generic).toBe(theirs);

    await attach(chain("call", 1), pair.far, { replace: true });
    expect(kernel.queryXdp(ifindex)).toMatchObject({ generic: 0 });
    expect(await running()).toEqual([1]);
  });

  it("that came while another was taken off keep their place, and the error says what is not there any more", async () => {
    const kernel = openKernel();
    const ifindex = kernel.interfaceIndex(pair.far);
    using old = kernel.openObject(verdictObject(8), "old");
    using late = kernel.openObject(verdictObject(9), "late");
    for (const object of [old, late]) {
      object.programs[0]!.makeXdp();
      object.load();
    }
    const [theirs, others] = [old, late].map((object) => kernel.programInfo(object.programs[0]!.fd()).id);
    kernel.attachXdp(ifindex, old.programs[0]!.fd(), "generic");
    const racing = watched(kernel, (_, call) => {
      if (call === "linkXdp") kernel.attachXdp(ifindex, late.programs[0]!.fd(), "generic");
    });
    const attempt = attach(chain("call", 1), pair.far, { replace: true, machine: machine(racing) });
    await expect(attempt).rejects.toMatchObject({ code: "interface-occupied" });
    await expect(attempt).rejects.toThrow(
      `already runs XDP program ${others} (verdict_9) in generic mode, which is not xdpgen's; XDP program ${theirs} ` +
        `(verdict_8) was taken off ${pair.far} and could not be put back: XDP program ${others} (verdict_9) has its place now.`,
    );
    await expect(attempt).rejects.not.toThrow(/nothing was changed/);
    expect(kernel.queryXdp(ifindex)).toEqual({ native: 0, generic: others, offloaded: 0 });
    expect(pins()).toEqual([]);
    kernel.detachXdp(ifindex, "generic", late.programs[0]!.fd());
  });

  it("attached by link run on when taking over fails, and the error says what they lost", async () => {
    const kernel = openKernel();
    const ifindex = kernel.interfaceIndex(pair.far);
    using object = kernel.openObject(verdictObject(9), "theirs");
    object.programs[0]!.makeXdp();
    object.load();
    using link = kernel.linkXdp(object.programs[0]!.fd(), ifindex, "generic");
    const theirs = kernel.linkInfo(link.number).programId;
    const failing = watched(kernel, (_, call) => {
      if (call === "linkXdp") throw new KernelError("bpf_link_create", 95, "EOPNOTSUPP");
    });
    const options = { replace: true, mode: "native", machine: machine(failing) } as const;
    const attempt = attach(chain("call", 1), pair.far, options);
    await expect(attempt).rejects.toMatchObject({ code: "environment" });
    await expect(attempt).rejects.toThrow(`XDP program ${theirs} (verdict_9) was taken off ${pair.far} and put back`);
    await expect(attempt).rejects.not.toThrow(/nothing was changed/);
    expect(kernel.queryXdp(ifindex)).toEqual({ native: 0, generic: theirs, offloaded: 0 });
    expect(pins()).toEqual([]);
    await attach(chain("call", 1), pair.far, { replace: true });
    expect(await running()).toEqual([1]);
  });

  it("put on our own link stay there, with all pins, when the verifier refuses the chain that is to replace them", async () => {
    const kernel = openKernel();
    await attach(chain("call", 1), pair.far);
    const ifindex = kernel.interfaceIndex(pair.far);
    using object = kernel.openObject(verdictObject(9), "theirs");
    object.programs[0]!.makeXdp();
    object.load();
    using link = kernel.openPin(`${ROOT}/${networkNamespace()}-${ifindex}/link`);
    using ours = kernel.programById(kernel.linkInfo(link.number).programId);
    kernel.updateLink(link.number, object.programs[0]!.fd(), ours.number);
    link.close();
    const before = pins();
    const hook = kernel.queryXdp(ifindex);
    expect(hook.native).not.toBe(0);
    const refused = chainOf([numbered(1), testProgram("rejected")], { linkage: "call" });
    await expect(attach(refused, pair.far, { replace: true })).rejects.toMatchObject({ code: "program-rejected" });
    expect(pins()).toEqual(before);
    expect(kernel.queryXdp(ifindex)).toEqual(hook);
  });

  it("put on our own link are seen, and detach removes them", async () => {
    const kernel = openKernel();
    await attach(chain("call", 1), pair.far);
    using object = kernel.openObject(verdictObject(9), "theirs");
    object.programs[0]!.makeXdp();
    object.load();
    using live = kernel.openPin(`${ROOT}/${networkNamespace()}-${kernel.interfaceIndex(pair.far)}/link`);
    using ours = kernel.programById(kernel.linkInfo(live.number).programId);
    kernel.updateLink(live.number, object.programs[0]!.fd(), ours.number);
    await expect(attach(chain("call", 2), pair.far)).rejects.toMatchObject({ code: "interface-occupied" });
    await attach(chain("call", 2), pair.far, { replace: true });
    expect(await running()).toEqual([2]);
  });
});

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  it("a link that somebody detached loses no map contents", async () => {
    const counter = chainOf([sampleProgram("counter")], { linkage });
    const live = await attach(counter, pair.far);
    await live.testRun({ data: new Uint8Array(64) });
    const contents = (): string => {
      const { pin } = live.status().programs[0]!.maps.find(({ name }) => name === "totals")!;
      using map = openMap(pin);
      return Buffer.from(map.lookup(new Uint8Array(4))).toString("hex");
    };
    const counted = contents();
    expect(counted).toMatch(/[^0]/);
    const link = `${ROOT}/${networkNamespace()}-${live.ifindex}/link`;
    execFileSync("bpftool", ["link", "detach", "pinned", link]);
    expect(live.status().defunct).toBe(true);
    expect(await live.update(counter)).toMatchObject({ outcome: "created", generation: 2 });
    expect(live.status()).toMatchObject({ defunct: false, mode: "native" });
    expect(contents()).toBe(counted);
  });
});

it("an interface that moved away is not acted upon in the name of the one that has its index now", async () => {
  const namespace = `xl-${process.pid}`;
  const kernel = openKernel();
  const live = await attach(chain("call", 1), pair.far);
  execFileSync("ip", ["netns", "add", namespace]);
  try {
    execFileSync("ip", ["link", "set", pair.far, "netns", namespace]);
    expect(status()).toMatchObject([{ ifindex: live.ifindex, moved: true }]);
    const index = ["index", `${live.ifindex}`];
    execFileSync("ip", ["link", "add", pair.far, ...index, "type", "veth", "peer", "name", "xl-peer"]);
    const before = pins();
    expect(kernel.interfaceIndex(pair.far)).toBe(live.ifindex);
    expect(status(pair.far)).toEqual([]);
    expect(() => live.status()).toThrow(/has nothing on/);
    await expect(live.testRun({ data: new Uint8Array(64) })).rejects.toMatchObject({ code: "not-attached" });
    expect(await detach(pair.far)).toEqual({ detached: false });
    expect(pins()).toEqual(before);
    const there = execFileSync("ip", ["-n", namespace, "-j", "link", "show", pair.far], { encoding: "utf8" });
    expect(JSON.parse(there)).toMatchObject([{ xdp: { prog: { name: "xdpgen_test" } } }]);
    execFileSync("bpftool", ["link", "detach", "pinned", `${ROOT}/${networkNamespace()}-${live.ifindex}/link`]);
    expect(await detach(pair.far)).toEqual({ detached: true });
    execFileSync("ip", ["link", "del", pair.far]);
    execFileSync("ip", ["-n", namespace, "link", "set", pair.far, "netns", `${process.pid}`]);
  } finally {
    execFileSync("ip", ["netns", "del", namespace]);
  }
});

it("is one kernel for the whole process, which is tried for extensions once", () => {
  expect(openKernel()).toBe(openKernel());
  expect(freplaceSupport(openKernel())).toBe(freplaceSupport(openKernel()));
});

it("attaches in generic mode when asked, and keeps the mode across swaps", async () => {
  const live = await attach(chain("call", 1), pair.far, { mode: "generic" });
  expect(live.status().mode).toBe("generic");
  await live.update(chain("call", 1, 2));
  expect(live.status()).toMatchObject({ mode: "generic", generation: 2 });
  await expect(live.update(chain("call", 1), { mode: "native" })).rejects.toMatchObject({ code: "environment" });
});

it("dates a dispatcher by when it was loaded", async () => {
  const before = Date.now();
  const live = await attach(chain("call", 1), pair.far);
  expect(live.status().since.getTime()).toBeGreaterThan(before - 2000);
  expect(live.status().since.getTime()).toBeLessThan(Date.now() + 2000);
});

it("a map that an object fills with its own programs is that object's: packets in the old dispatcher must not meet the new ones", async () => {
  const program = { ...testProgram("map-of-programs"), function: "xdp_map_of_programs", linkage: "call" } as const;
  // The same code by another hash.
  const changed = { ...program, bytes: Uint8Array.of(...program.bytes!, 0) };
  await using live = await attach(chainOf([program]), pair.far);
  const steps = (): number =>
    live
      .status()
      .programs.find(({ name }) => name === program.name)!
      .maps.find(({ name }) => name === "steps")!.id;
  const first = steps();
  await live.update(chainOf([program, numbered(1)]));
  expect(steps()).toBe(first);
  const planned = await preview(chainOf([changed, numbered(1)]), pair.far);
  expect(planned.difference.programs.flatMap(({ maps }) => maps)).toContainEqual({
    program: program.name,
    name: "steps",
    contents: "empty",
  });
  await live.update(chainOf([changed, numbered(1)]));
  expect(steps()).not.toBe(first);
  await live.detach();
});
