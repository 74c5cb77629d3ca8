/** What `--replace` and links that are not where they were leave, and what a failure on the way leaves. */
import { describe, expect, it } from "vitest";
import { OBJECT_LINKAGES, type Mode } from "../../../src/chain/chain.ts";
import { attach, open } from "../../../src/loader/attachment.ts";
import type { Kernel } from "../../../src/loader/machine/kernel.ts";
import { status } from "../../../src/loader/report/status.ts";
import { detach } from "../../../src/loader/swap/detach.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { failure } from "./fake-kernel.ts";
import { chain, eachFailing, notices, withMap, world, type World } from "./world.ts";

const DIR = "42-1";

/** Puts a program of somebody else on xdpgen's link; returns its id. */
function occupyOurLink({ kernel, root }: World): number {
  using link = kernel.openPin(`${root}/${DIR}/link`);
  using ours = kernel.programById(kernel.linkInfo(link.number).programId);
  const theirs = kernel.foreign("theirs");
  kernel.updateLink(link.number, theirs.number, ours.number);
  return kernel.programInfo(theirs.number).id;
}

function detachOurLink({ kernel, root }: World): void {
  using link = kernel.openPin(`${root}/${DIR}/link`);
  kernel.detachLink(link.number);
}

const failingAt = (kernel: Kernel, name: string): Kernel =>
  watched(kernel, (_, call) => {
    if (call === name) throw failure(call, "EINVAL");
  });

describe.each(OBJECT_LINKAGES)("linkage %s, a program of somebody else on our link", (linkage) => {
  it("stays, with all pins, when any call of taking it back fails", async () => {
    const next = chain(linkage, numbered(1), numbered(2));
    const failures = await eachFailing(
      async (w) => {
        await attach(chain(linkage, numbered(1)), "lo", { machine: w.machine() });
        return occupyOurLink(w);
      },
      (w, kernel) => attach(next, "lo", { machine: w.machine(kernel), replace: true }),
      (w, theirs) => expect(w.kernel.running()).toBe(theirs),
    );
    expect(failures).toBeGreaterThan(10);
  });

  it("stays when the verifier refuses the new chain, and is replaced in one step when it does not", async () => {
    using w = world();
    const program = numbered(1, { bytes: withMap(1) });
    const live = await attach(chain(linkage, program), "lo", { machine: w.machine() });
    const { id } = live.status().programs[0]!.maps[0]!;
    occupyOurLink(w);
    const before = w.snapshot();
    w.kernel.options = { rejects: ["verdict_2"] };
    await expect(live.update(chain(linkage, program, numbered(2)), { replace: true })).rejects.toMatchObject({
      code: "program-rejected",
    });
    expect(w.snapshot()).toEqual(before);

    w.kernel.options = {};
    const calls: string[] = [];
    const machine = w.machine(watched(w.kernel, (_, call) => void calls.push(call)));
    const { lines, events } = notices();
    const taken = await attach(chain(linkage, program), "lo", { machine, replace: true, events });
    expect(taken.result).toMatchObject({ outcome: "swapped", generation: 2 });
    expect(calls).not.toContain("detachLink");
    expect(calls).not.toContain("linkXdp");
    expect(lines).toEqual([expect.stringMatching(/^took xdpgen's link on lo back from program \d+ \(theirs\)$/)]);
    expect(live.status().programs[0]!.maps[0]!.id).toBe(id);
  });
});

describe.each(OBJECT_LINKAGES)("linkage %s, a defunct link", (linkage) => {
  it("keeps its maps, as an update would, and what is there when that fails", async () => {
    using w = world();
    const program = (version: number) => numbered(1, { bytes: withMap(version) });
    const live = await attach(chain(linkage, program(1)), "lo", { machine: w.machine() });
    const { id } = live.status().programs[0]!.maps[0]!;
    for (const version of [1, 2]) {
      detachOurLink(w);
      expect(live.status()).toMatchObject({ defunct: true, moved: false });
      const before = w.snapshot();
      for (const call of ["load", "linkXdp", "pin"]) {
        const machine = w.machine(failingAt(w.kernel, call));
        await expect(attach(chain(linkage, program(version)), "lo", { machine })).rejects.toThrow(/EINVAL/);
        expect(w.snapshot(), `after ${call}`).toEqual(before);
      }
      const { outcome, generation } = await live.update(chain(linkage, program(version)));
      expect({ outcome, generation }).toEqual({ outcome: "created", generation: version + 1 });
      expect(live.status()).toMatchObject({ defunct: false, programs: [{ maps: [{ id }] }] });
      expect(w.pins().filter((pin) => pin.endsWith("/dispatcher"))).toEqual([`${DIR}/gen-${version + 1}/dispatcher`]);
    }
  });
});

it("says of a chain whose pins are in another bpffs that its maps are kept there", async () => {
  using w = world();
  await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
  const other = { ...w.machine(), root: `${w.root}-other` };
  await expect(attach(chain("call", numbered(2)), "lo", { machine: other })).rejects.toThrow(
    /nothing was changed. Mount that bpffs at \/sys\/fs\/bpf and go on with its maps, or take over with --replace, without them$/,
  );
});

describe("an interface that moved away, whose index another has now", () => {
  async function moved() {
    const w = world();
    const live = await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    const dispatcher = w.kernel.running();
    w.kernel.moveInterface("lo");
    return { w, live, dispatcher, machine: w.machine() };
  }

  it("is not shown, run, opened or detached as that one", async () => {
    const { w, live, dispatcher, machine } = await moved();
    using _ = w;
    const before = w.snapshot();
    expect(status("lo", machine)).toEqual([]);
    expect(status(undefined, machine)).toMatchObject([{ ifindex: 1, moved: true, defunct: false }]);
    expect(status(undefined, machine)[0]!.interface).toBeUndefined();
    expect(() => live.status()).toThrow(/has nothing on lo/);
    await expect(live.testRun({ data: new Uint8Array(64) })).rejects.toMatchObject({ code: "not-attached" });
    await expect(open("lo", { machine })).rejects.toMatchObject({ code: "not-attached" });
    const { lines, events } = notices();
    expect(await detach("lo", { machine, events })).toEqual({ detached: false });
    expect(lines.join("\n")).toMatch(
      /nothing on lo[^]*moved to another network namespace: `bpftool link detach pinned /,
    );
    await expect(live.update(chain("call", numbered(2)))).rejects.toMatchObject({
      code: "interface-occupied",
      message: expect.stringMatching(
        /`xdpgen status` says where, and `xdpgen apply` of that chain there takes its pins along; or --replace here ends it there$/,
      ) as string,
    });
    expect(w.snapshot()).toEqual(before);
    expect(w.kernel.linksTo(dispatcher)).toEqual([1]);
  });

  it("loses its chain to --replace only once the new one is there", async () => {
    const calls: string[] = [];
    let failures = 0;
    for (let at = 0; at === 0 || at <= calls.length; at++) {
      const { w, dispatcher } = await moved();
      using _ = w;
      const before = w.snapshot();
      const kernel = watched(w.kernel, (count, call) => {
        if (at === 0) calls[count - 1] = call;
        else if (count === at) throw failure(call, "EINVAL");
      });
      const failed = await attach(chain("call", numbered(2)), "lo", { machine: w.machine(kernel), replace: true }).then(
        () => false,
        () => true,
      );
      if (!failed) continue;
      failures++;
      expect(w.snapshot(), `call ${at}, ${calls[at - 1]}`).toEqual(before);
      expect(w.kernel.linksTo(dispatcher)).toEqual([1]);
    }
    expect(failures).toBeGreaterThan(10);
    expect(calls.lastIndexOf("pin")).toBeGreaterThan(calls.indexOf("linkXdp"));

    const { w, live, dispatcher, machine } = await moved();
    using _ = w;
    const { lines, events } = notices();
    await attach(chain("call", numbered(2)), "lo", { machine, replace: true, events });
    expect(lines.join()).toMatch(/chain test whose link .* moved to another network namespace: took it off there/);
    expect(w.kernel.linksTo(dispatcher)).toEqual([]);
    expect(live.status()).toMatchObject({ interface: "lo", moved: false, programs: [{ name: "p2" }] });
  });

  it("has no packets any more when its slots are unbound", async () => {
    using w = world();
    await attach(chain("freplace", numbered(1)), "lo", { machine: w.machine() });
    const dispatcher = w.kernel.running();
    w.kernel.moveInterface("lo");
    const waits: unknown[] = [];
    const kernel = watched(w.kernel, (_, call) => {
      if (call !== "waitForPackets") return;
      waits.push({ on: w.kernel.linksTo(dispatcher), bound: w.kernel.boundSlots(dispatcher).length });
    });
    await attach(chain("freplace", numbered(2)), "lo", { machine: w.machine(kernel), replace: true });
    expect(waits).toEqual([{ on: [0], bound: 1 }]);
    expect(w.kernel.boundSlots(dispatcher)).toEqual([]);
  });

  it("is told from a swap by another process in the middle of a look", async () => {
    using w = world();
    const live = await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    using link = w.kernel.openPin(`${w.root}/${DIR}/link`);
    const dispatcher = w.kernel.running();
    const next = w.kernel.foreign("next");
    let looked = false;
    const kernel = watched(w.kernel, (_, call) => {
      if (call !== "queryXdp" || looked) return;
      looked = true;
      using old = w.kernel.programById(dispatcher);
      w.kernel.updateLink(link.number, next.number, old.number);
    });
    const foreign = { moved: false, chain: "test", troubles: [{ kind: "foreign-program", name: "next" }] };
    expect(status(undefined, w.machine(kernel))).toMatchObject([foreign]);
    expect(looked).toBe(true);
    expect(live.status()).toMatchObject(foreign);
  });
});

describe("taking an interface over", () => {
  const attempt = (w: World, kernel: Kernel, lines: string[], mode: Mode | "auto" = "auto") =>
    attach(chain("call", numbered(1)), "lo", {
      machine: w.machine(kernel),
      replace: true,
      mode,
      events: (event) => void (event.kind === "notice" && lines.push(event.message)),
    });

  it.each(["linkXdp", "pin"])(
    "from a link: a failure of %s puts the program back, and says what was lost",
    async (name) => {
      using w = world();
      const id = w.kernel.occupy(1, "theirs", "generic");
      let linked = false;
      const kernel = watched(w.kernel, (_, call) => {
        if (call === "linkXdp") linked = true;
        if (call === name && linked) throw failure(call, "EPERM");
      });
      const lines: string[] = [];
      const failed = attempt(w, kernel, lines);
      await expect(failed).rejects.toMatchObject({ code: "kernel" });
      await expect(failed).rejects.toThrow(
        `XDP program ${id} (theirs) was taken off lo and put back in generic mode, but not on its link, which is defunct ` +
          "now: `ip link set dev lo xdpgeneric off` removes it",
      );
      await expect(failed).rejects.not.toThrow(/nothing was changed/);
      expect(lines).toEqual([]);
      expect(w.kernel.queryXdp(1)).toEqual({ native: 0, generic: id, offloaded: 0 });
    },
  );

  it("from a link, in a mode that the driver refuses: the same", async () => {
    using w = world({ refuses: ["native"] });
    const id = w.kernel.occupy(1, "theirs", "generic");
    const lines: string[] = [];
    const failed = attempt(w, w.kernel, lines, "native");
    await expect(failed).rejects.toMatchObject({ code: "environment" });
    await expect(failed).rejects.toThrow(
      /refuses XDP in native mode \(EOPNOTSUPP\); XDP program \d+ \(theirs\) was taken off/,
    );
    await expect(failed).rejects.not.toThrow(/nothing was changed/);
    expect(lines).toEqual([]);
    expect(w.kernel.running()).toBe(id);
  });

  it("from netlink: a failure puts all back as it was, and says that nothing was changed", async () => {
    using w = world({ refuses: ["native"] });
    const theirs = w.kernel.foreign("theirs");
    w.kernel.attachXdp(1, theirs.number, "generic");
    const before = w.snapshot();
    const failed = attempt(w, w.kernel, [], "native");
    await expect(failed).rejects.toThrow(/nothing was changed: say `mode: generic`/);
    expect(w.snapshot()).toEqual(before);
    expect(w.kernel.queryXdp(1).generic).toBe(w.kernel.programInfo(theirs.number).id);
  });

  it("says so when what was taken cannot be put back", async () => {
    using w = world();
    const id = w.kernel.occupy(1, "theirs");
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "linkXdp" || call === "attachXdp") throw failure(call, "EPERM");
    });
    await expect(attempt(w, kernel, [])).rejects.toThrow(
      `XDP program ${id} (theirs) was taken off lo and could not be put back (attachXdp: EPERM)`,
    );
  });

  it("puts nothing over what came when the new chain was taken off again", async () => {
    using w = world();
    const [theirs, late] = [w.kernel.foreign("theirs"), w.kernel.foreign("late")];
    w.kernel.attachXdp(1, theirs.number, "native");
    const [id, other] = [theirs, late].map(({ number }) => w.kernel.programInfo(number).id);
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "attachXdp") w.kernel.attachXdp(1, late.number, "native");
    });
    const unhealthy = { ...chain("call", numbered(1)), health: { command: ["false"] } };
    await expect(attach(unhealthy, "lo", { machine: w.machine(kernel), replace: true })).rejects.toThrow(
      `Not all is as before: XDP program ${id} (theirs) was taken off lo and could not be put back: XDP program ${other} ` +
        "(late) has its place now",
    );
    expect(w.kernel.queryXdp(1).native).toBe(other);
  });

  it("puts back what it took before it failed itself", async () => {
    using w = world();
    const theirs = w.kernel.foreign("theirs");
    w.kernel.attachXdp(1, theirs.number, "native");
    const { id } = w.kernel.programInfo(theirs.number);
    // A hook that claims a second program, so that the second step fails.
    const kernel: Kernel = Object.assign(Object.create(w.kernel) as Kernel, {
      queryXdp: () => ({ native: id, generic: 4711, offloaded: 0 }),
    });
    const before = w.snapshot();
    await expect(attempt(w, kernel, [])).rejects.toThrow(/cannot take lo over: .*ENOENT; nothing was changed/);
    expect(w.snapshot()).toEqual(before);
    expect(w.kernel.queryXdp(1).native).toBe(id);
  });
});

it("a folder that cannot be removed does not hide why the attachment failed", async () => {
  using w = world();
  const { rmSync, writeFileSync } = await import("node:fs");
  const kernel = watched(w.kernel, (_, call) => {
    if (call !== "linkXdp") return;
    rmSync(`${w.root}/${DIR}`, { recursive: true });
    writeFileSync(`${w.root}/${DIR}`, "");
    throw failure(call, "EPERM");
  });
  await expect(attach(chain("call", numbered(1)), "lo", { machine: w.machine(kernel) })).rejects.toThrow(
    /linkXdp: EPERM/,
  );
});
