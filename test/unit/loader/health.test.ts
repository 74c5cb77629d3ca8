/** Health commands: how they end, what is left of them, and what a swap does then. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { type Chain, OBJECT_LINKAGES } from "../../../src/chain/chain.ts";
import type { Health } from "../../../src/chain/health.ts";
import { attach, attachAll } from "../../../src/loader/attachment.ts";
import { undecidedMark } from "../../../src/loader/live/store.ts";
import { preview } from "../../../src/loader/report/preview.ts";
import { status } from "../../../src/loader/report/status.ts";
import type { SwapEvent } from "../../../src/loader/swap/events.ts";
import { runHealth } from "../../../src/loader/swap/health-command.ts";
import { programInSlot } from "../../../src/loader/swap/replacement.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { failure } from "./fake-kernel.ts";
import { chain, notices, withMap, type World, world } from "./world.ts";

const subject = { device: "eth0", chain: "edge", generation: 3 };
const run = (command: Health["command"], within = "20s", signal?: AbortSignal) =>
  runHealth({ command, within }, subject, signal);

/** Whether a process is there and no zombie. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

async function expectGone(pid: number): Promise<void> {
  expect(pid).toBeGreaterThan(1);
  for (let tries = 0; tries < 100 && isRunning(pid); tries++) await setTimeout(10);
  expect(isRunning(pid)).toBe(false);
}

describe("a health command", () => {
  it("is a list of words or a line for sh", async () => {
    expect(await run(["true"])).toBeUndefined();
    expect(await run("true && test 1 -lt 2")).toBeUndefined();
    expect(await run(["sh", "-c", "exit 7"])).toEqual({ reason: "ended with status 7", lines: [] });
    expect(await run(["test", "a b", "=", "a b"])).toBeUndefined();
    expect((await run("kill -TERM $$"))?.reason).toBe("was killed by SIGTERM");
  });

  it("knows what it is about, and runs in the chain's folder", async () => {
    const folder = mkdtempSync(join(tmpdir(), "xdpgen-health-"));
    const command = 'echo "$XDPGEN_INTERFACE $XDPGEN_CHAIN $XDPGEN_GENERATION" > about; false';
    await runHealth({ command, folder }, subject);
    expect(readFileSync(join(folder, "about"), "utf8")).toBe("eth0 edge 3\n");
    rmSync(folder, { recursive: true });
  });

  it("shows its last lines, from both streams", async () => {
    const failed = await run("for i in $(seq 1 5000); do echo line $i; done; echo wrong >&2; exit 1");
    expect(failed?.lines).toHaveLength(10);
    expect(failed?.lines).toContain("line 5000");
    expect(failed?.lines).toContain("wrong");
  });

  it("has failed where its folder is gone, or nobody has an fd left for it, and says which", async () => {
    const gone = await runHealth({ command: ["true"], folder: "/nonexistent" }, subject);
    expect(gone?.reason).toBe("cannot be started: there is no folder /nonexistent");
    const child = `
      import { openSync, closeSync } from "node:fs";
      import { runHealth } from "${new URL("../../../src/loader/swap/health-command.ts", import.meta.url).href}";
      const subject = { device: "lo", chain: "c", generation: 1 };
      await runHealth({ command: ["true"] }, subject);
      const fds = [];
      try { for (;;) fds.push(openSync("/dev/null", "r")); } catch {}
      for (const spare of [0, 1, 1, 1, 1]) {
        for (let n = 0; n < spare; n++) closeSync(fds.pop());
        const failed = await runHealth({ command: ["true"] }, subject);
        if (!/cannot be started/.test(failed?.reason)) throw new Error(String(failed?.reason));
      }
      for (const fd of fds) closeSync(fd);
      console.log("failed each time");
    `;
    const words = ["--import", "tsx", "--input-type=module", "--eval", child];
    const { stdout, stderr } = spawnSync("sh", ["-c", 'ulimit -n 64; exec "$0" "$@"', process.execPath, ...words], {
      encoding: "utf8",
    });
    expect({ stdout, stderr }).toEqual({ stdout: "failed each time\n", stderr: "" });
  });

  it("that cannot be started has failed", async () => {
    expect((await run(["/nowhere/at-all"]))?.reason).toMatch(/^cannot be started: .*ENOENT/);
    expect((await run(["true\0"]))?.reason).toMatch(/^cannot be started: /);
    const nowhere = await runHealth({ command: ["true"], folder: "/nowhere/at-all" }, subject);
    expect(nowhere?.reason).toMatch(/^cannot be started: /);
  });

  it("that does not end in its time is killed, with its children", async () => {
    const began = performance.now();
    const failed = await run("sleep 60 & echo $!; echo waiting; wait", "300ms");
    expect(performance.now() - began).toBeLessThan(5000);
    expect(failed).toMatchObject({
      reason: "did not end within 300ms and was killed",
      lines: [expect.stringMatching(/^\d+$/), "waiting"],
    });
    await expectGone(Number(failed!.lines[0]));
  });

  it("that ends leaves nothing behind, and does not wait for what it left", async () => {
    const began = performance.now();
    const failed = await run("sleep 60 & echo $!; exit 3");
    expect(performance.now() - began).toBeLessThan(5000);
    expect(failed?.reason).toBe("ended with status 3");
    await expectGone(Number(failed!.lines[0]));
  });

  it("does not hang for a process that has left its group and holds its streams", async () => {
    const began = performance.now();
    const failed = await run("setsid sleep 12 & sleep 0.2; echo last; exit 3", "20s");
    expect(performance.now() - began).toBeLessThan(5000);
    expect(failed).toEqual({ reason: "ended with status 3", lines: ["last"] });
    expect(await run("setsid sleep 12 & sleep 0.2; exit 0", "20s")).toBeUndefined();
  });

  it("has its group killed once, and never after it has ended, when its number may be another's", async () => {
    const kill = vi.spyOn(process, "kill");
    const cancel = new AbortController();
    try {
      await run("setsid sleep 2 & sleep 0.2; exit 3", "600ms", cancel.signal);
      cancel.abort();
      await setTimeout(600);
      expect(kill.mock.calls).toEqual([[expect.any(Number), "SIGKILL"]]);
    } finally {
      kill.mockRestore();
    }
  });

  it("is cancelled by a signal", async () => {
    const cancel = new AbortController();
    const ending = run(["sleep", "60"], "20s", cancel.signal);
    await setTimeout(50);
    cancel.abort();
    expect(await ending).toEqual({ reason: "was cancelled", lines: [] });
    expect(await run(["sleep", "60"], "20s", cancel.signal)).toEqual({ reason: "was cancelled", lines: [] });
  });
});

const checked = (of: Chain, command: Health["command"], history = 0): Chain => ({
  ...of,
  history,
  health: { command },
});

describe.each(OBJECT_LINKAGES)("linkage %s", (linkage) => {
  const [one, two] = [chain(linkage, numbered(1), numbered(2)), chain(linkage, numbered(2), numbered(3))];

  it("a swap that is healthy stays", async () => {
    using w = world();
    const live = await attach(checked(one, ["true"]), "lo", { machine: w.machine() });
    const { lines, events } = notices();
    expect(await live.update(checked(two, ["true"]), { events })).toMatchObject({ outcome: "swapped", generation: 2 });
    expect(lines).toEqual(["generation 2 is live on lo; its health command `true` decides whether it stays"]);
    expect(existsSync(`${w.root}/42-1/gen-2/new`)).toBe(false);
    expect(w.kernel.openFds).toBe(0);
  });

  it.each([0, 1, 3])("one that is not leaves everything as it was, with a history of %i", async (history) => {
    using w = world();
    const live = await attach(checked(one, ["true"], history), "lo", { machine: w.machine() });
    await live.update(checked(chain(linkage, numbered(1)), ["true"], history));
    const before = w.snapshot();
    const attempt = live.update(checked(two, "echo no answer; exit 4", history));
    await expect(attempt).rejects.toMatchObject({ code: "health-failed", exitStatus: 1 });
    await expect(attempt).rejects.toThrow(
      "generation 3 of chain test on lo is not healthy: `echo no answer; exit 4` ended with status 4; " +
        "back to generation 2. It wrote last:\n    no answer",
    );
    expect(w.snapshot()).toEqual(before);
    expect(await live.update(two)).toMatchObject({ generation: 3 });
  });

  it("has a time that can be read, or is refused before anything is done", async () => {
    using w = world();
    const bad = { ...one, health: { command: ["true"], within: "5 s" } };
    await expect(attach(bad, "lo", { machine: w.machine() })).rejects.toMatchObject({
      code: "chain-invalid",
      message: expect.stringContaining("`within` of `health` must be a time such as 500ms") as string,
    });
    expect(w.kernel.running()).toBe(0);
  });

  it("a first one that is not is detached", async () => {
    using w = world();
    const attempt = attach(checked(one, ["false"]), "lo", { machine: w.machine() });
    await expect(attempt).rejects.toThrow("ended with status 1; detached, since no chain ran before");
    expect(w.pins()).toEqual([]);
    expect(w.kernel.running()).toBe(0);
    expect(w.kernel.openFds).toBe(0);
  });

  it("a first one after a defunct attachment says that there was one", async () => {
    using w = world();
    await attach(one, "lo", { machine: w.machine() });
    w.kernel.deleteInterface("lo");
    w.kernel.interfaces.set("lo", 1);
    const attempt = attach(checked(two, ["false"]), "lo", { machine: w.machine() });
    await expect(attempt).rejects.toThrow(/ended with status 1; detached, since the attachment was defunct before$/);
  });

  it("one that took an interface over gives it back", async () => {
    using w = world();
    w.kernel.occupy(1, "theirs");
    const machine = w.machine();
    const attempt = attach(checked(one, ["false"]), "lo", { machine, replace: true });
    await expect(attempt).rejects.toThrow(/XDP program \d+ \(theirs\) was taken off lo and put back in native mode/);
    expect(w.pins()).toEqual([]);
    expect(w.kernel.running()).not.toBe(0);
  });

  it("one that cannot be taken back runs on, whole, and the error says so", async () => {
    using w = world();
    await attach(one, "lo", { machine: w.machine() });
    let updates = 0;
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "updateLink" && ++updates === 2) throw failure("bpf_link_update", "EBUSY");
    });
    const attempt = attach(checked(two, ["false"]), "lo", { machine: w.machine(kernel) });
    await expect(attempt).rejects.toThrow(
      /ended with status 1\nNot all is as before: lo could not be put back from generation 2 \(bpf_link_update: EBUSY\)$/,
    );
    expect(status("lo", w.machine())).toMatchObject([{ generation: 2, kept: [{ generation: 1 }] }]);
    expect(w.kernel.boundSlots(w.kernel.running())).toHaveLength(linkage === "freplace" ? 2 : 0);
    const next = await attach(two, "lo", { machine: w.machine() });
    expect(next.result).toMatchObject({ outcome: "unchanged", generation: 2 });
  });

  it.each([
    [
      "somebody puts a program on its link",
      (w: World, link: number) =>
        w.kernel.updateLink(link, w.kernel.foreign("theirs").number, w.kernel.programById(w.kernel.running()).number),
    ],
    ["its interface goes away", (w: World) => w.kernel.deleteInterface("lo")],
  ])("one of which %s meanwhile is not what ran last", async (_, change) => {
    using w = world();
    await attach({ ...one, history: 1 }, "lo", { machine: w.machine() });
    using link = w.kernel.openPin(`${w.root}/42-1/link`);
    const events = ({ kind, ...event }: SwapEvent): void => {
      if (kind === "begin" && "step" in event && event.step === "health") change(w, link.number);
    };
    const attempt = attach(checked(two, ["false"], 1), "lo", { machine: w.machine(), events });
    await expect(attempt).rejects.toThrow(
      /ended with status 1; (program \d+, which somebody else put on its link meanwhile, runs there|the interface went away meanwhile)$/,
    );
    expect(w.pins().filter((pin) => pin.includes("gen-2"))).toEqual([]);
    w.kernel.interfaces.set("lo", 1);
    const next = await attach({ ...chain(linkage, numbered(4)), history: 1 }, "lo", {
      machine: w.machine(),
      replace: true,
    });
    expect(next.status()).toMatchObject({ kept: [{ generation: 1 }] });
  });

  it("that is cancelled takes the swap back", async () => {
    using w = world();
    const live = await attach(one, "lo", { machine: w.machine() });
    const before = w.snapshot();
    const cancel = new AbortController();
    const events = ({ kind }: SwapEvent): void => void (kind === "notice" && cancel.abort());
    const attempt = live.update(checked(two, ["sleep", "60"]), { events, signal: cancel.signal });
    await expect(attempt).rejects.toMatchObject({
      code: "aborted",
      message:
        "cancelled while generation 2 of chain test was live on lo and its health command ran; back to generation 1",
    });
    expect(w.snapshot()).toEqual(before);
  });

  it("is asked of each interface, and one that is not healthy takes all of them back", async () => {
    using w = world();
    w.kernel.interfaces.set("b", 2_000_002);
    const live = await attachAll(one, ["lo", "b"], { machine: w.machine() });
    const before = w.snapshot();
    const told: string[] = [];
    const events = (event: SwapEvent): void =>
      void (event.kind === "begin" && told.push(`${event.step} ${event.interfaces.join()}`));
    const attempt = live.update(checked(two, "test $XDPGEN_INTERFACE = lo"), { events });
    await expect(attempt).rejects.toThrow(
      /on b is not healthy: .*; lo: back to generation 1; b: back to generation 1$/,
    );
    expect(told.slice(-5)).toEqual(["commit lo", "commit b", "health lo", "health b", "undo lo,b"]);
    expect(w.snapshot()).toEqual(before);
  });

  it("is told the name that an interface has then, and its messages say what it has in the end", async () => {
    using w = world();
    w.kernel.interfaces.set("b", 2_000_002);
    await attachAll(one, ["lo", "b"], { machine: w.machine() });
    const rename = (from: string, to: string): void => {
      w.kernel.interfaces.set(to, w.kernel.interfaces.get(from)!);
      w.kernel.interfaces.delete(from);
    };
    const events = (event: SwapEvent): void => {
      if (event.kind === "begin" && event.step === "health") {
        if (event.interfaces[0] === "lo") rename("b", "wan");
        else rename("lo", "lan");
      }
    };
    const next = checked(two, "echo $XDPGEN_INTERFACE; test $XDPGEN_INTERFACE = lo");
    await expect(attachAll(next, ["lo", "b"], { machine: w.machine(), events })).rejects.toThrow(
      /on wan is not healthy: .*; lan: back to generation 1; wan: back to generation 1. It wrote last:\n    wan$/,
    );
  });

  it("is not asked where nothing is swapped", async () => {
    using w = world();
    await attach(one, "lo", { machine: w.machine() });
    const again = await attach(checked(one, ["false"]), "lo", { machine: w.machine() });
    expect(again.result).toMatchObject({ outcome: "unchanged" });
  });
});

describe("an xdpgen that is killed", () => {
  const of = (k: number, health?: Health): Chain => ({
    ...chain("call", numbered(k, { bytes: withMap(k) })),
    history: 1,
    ...(health && { health }),
  });

  it("while the command runs leaves a generation that ran last, whatever becomes of the link then", async () => {
    using w = world();
    const machine = w.machine();
    const folder = `${w.root}/42-1`;
    await attach(of(1), "lo", { machine });
    const live = await attach(of(2, { command: ["cp", "-r", folder, `${w.root}/copy`] }), "lo", { machine });
    const { id } = live.status().programs[0]!.maps[0]!;
    rmSync(folder, { recursive: true });
    renameSync(`${w.root}/copy`, folder);
    using link = w.kernel.openPin(`${folder}/link`);
    w.kernel.detachLink(link.number);
    rmSync(`${folder}/link`);
    expect(status("lo", machine)).toMatchObject([{ generation: 2, defunct: true, kept: [{ generation: 1 }] }]);
    await live.update(of(2));
    expect(live.status().programs[0]!.maps[0]!.id).toBe(id);
  });

  it("does not bring back what was rolled back before", async () => {
    using w = world();
    const machine = w.machine();
    const folder = `${w.root}/42-1`;
    await attach(of(1), "lo", { machine });
    const live = await attach(of(2), "lo", { machine });
    await live.rollback();
    expect(live.status()).toMatchObject({ generation: 1, kept: [{ generation: 2 }] });
    await expect(attach(of(3, { command: ["false"] }), "lo", { machine })).rejects.toThrow("back to generation 1");
    expect(live.status()).toMatchObject({ generation: 1, kept: [{ generation: 2 }] });
    await attach(of(3, { command: ["cp", "-r", folder, `${w.root}/copy`] }), "lo", { machine });
    rmSync(folder, { recursive: true });
    renameSync(`${w.root}/copy`, folder);
    expect(live.status()).toMatchObject({ generation: 3, kept: [{ generation: 1 }] });
    await attach(of(3), "lo", { machine });
    expect(live.status()).toMatchObject({ generation: 3, kept: [{ generation: 1 }], troubles: [] });
    expect(existsSync(`${folder}/gen-2`)).toBe(false);
    expect(await live.rollback()).toMatchObject({ generation: 1 });
  });

  it("when the command has failed and the old chain runs again leaves nothing of the new one", async () => {
    using w = world();
    const folder = `${w.root}/42-1`;
    await attach(of(1), "lo", { machine: w.machine() });
    const before = w.pins();
    // It waits for packets once the link is put back, and takes the pins away after that.
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "waitForPackets") cpSync(folder, `${w.root}/copy`, { recursive: true });
    });
    await expect(attach(of(2, { command: ["false"] }), "lo", { machine: w.machine(kernel) })).rejects.toThrow(
      "status 1",
    );
    rmSync(folder, { recursive: true });
    renameSync(`${w.root}/copy`, folder);
    expect(status("lo", w.machine())).toMatchObject([{ generation: 1, kept: [] }]);
    const again = await attach(of(1), "lo", { machine: w.machine() });
    expect(again.result).toMatchObject({ outcome: "unchanged", generation: 1 });
    expect(w.pins().toSorted()).toEqual(before.toSorted());
  });
});

describe.each(OBJECT_LINKAGES)("linkage %s: a generation whose command never decided", (linkage) => {
  const [one, two] = [chain(linkage, numbered(1), numbered(2)), chain(linkage, numbered(2), numbered(3))];

  /** Generation 2 runs on both interfaces: its command failed, and nothing could be put back. */
  async function stuck(w: World, devices: readonly string[] = ["lo"]): Promise<void> {
    await attachAll(one, devices, { machine: w.machine() });
    let updates = 0;
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "updateLink" && ++updates > devices.length) throw failure("bpf_link_update", "EBUSY");
    });
    const attempt = attachAll(checked(two, ["false"]), devices, { machine: w.machine(kernel) });
    await expect(attempt).rejects.toMatchObject({ code: "health-failed" });
    expect(status("lo", w.machine())).toMatchObject([{ generation: 2, troubles: [{ kind: "undecided" }] }]);
  }

  it("is asked again by the next apply of its chain, which plan foretells, and stays", async () => {
    using w = world();
    await stuck(w);
    expect(await preview(checked(two, ["true"]), "lo", { machine: w.machine() })).toMatchObject({
      outcome: "unchanged",
      undecided: true,
    });
    const { lines, events } = notices();
    const again = await attach(checked(two, ["true"]), "lo", { machine: w.machine(), events });
    expect(again.result).toMatchObject({ outcome: "unchanged", generation: 2 });
    expect(lines).toEqual([
      "generation 2 of lo is live, and its health command never said that all is well",
      "generation 2 is live on lo; its health command `true` decides whether it stays",
    ]);
    expect(again.status().troubles).toEqual([]);
    const later = await preview(checked(two, ["true"]), "lo", { machine: w.machine() });
    expect(later).not.toHaveProperty("undecided");
    const settled = await attach(checked(two, ["false"]), "lo", { machine: w.machine() });
    expect(settled.result).toMatchObject({ outcome: "unchanged", generation: 2 });
    expect(w.kernel.openFds).toBe(0);
  });

  it("goes back where it fails then, on all interfaces", async () => {
    using w = world();
    w.kernel.interfaces.set("b", 2_000_002);
    await stuck(w, ["lo", "b"]);
    const attempt = attachAll(checked(two, "test $XDPGEN_INTERFACE = lo"), ["lo", "b"], { machine: w.machine() });
    await expect(attempt).rejects.toThrow(
      /^generation 2 of chain test on b is not healthy: .* ended with status 1; lo: back to generation 1; b: back to generation 1$/,
    );
    for (const device of ["lo", "b"])
      expect(status(device, w.machine())).toMatchObject([{ generation: 1, troubles: [], kept: [{ generation: 2 }] }]);
    expect(w.kernel.openFds).toBe(0);
    const next = await attachAll(checked(two, ["true"]), ["lo", "b"], { machine: w.machine() });
    expect(next.results).toMatchObject([
      { outcome: "swapped", generation: 3 },
      { outcome: "swapped", generation: 3 },
    ]);
  });

  it("goes back where it can, when somebody changes a link in the middle of it, and is not made anew", async () => {
    using w = world();
    w.kernel.interfaces.set("b", 2_000_002);
    await stuck(w, ["lo", "b"]);
    let updates = 0;
    const kernel = watched(w.kernel, (_, call) => {
      if (call !== "updateLink" || ++updates < 2) return;
      using link = w.kernel.openPin(`${w.root}/42-2000002/link`);
      w.kernel.detachLink(link.number);
    });
    const attempt = attachAll(checked(two, ["false"]), ["lo", "b"], { machine: w.machine(kernel) });
    await expect(attempt).rejects.toThrow(
      /^generation 2 of chain test on lo is not healthy: .*; lo: back to generation 1; b: somebody else changed its link meanwhile$/,
    );
    expect(status("lo", w.machine())).toMatchObject([{ generation: 1, troubles: [] }]);
    expect(status("b", w.machine())).toMatchObject([{ generation: 2, defunct: true }]);
    expect(w.kernel.openFds).toBe(0);
  });

  it("is asked when all have the chain, with those that get it, and goes back with them", async () => {
    using w = world();
    w.kernel.interfaces.set("b", 2_000_002);
    await attach(one, "b", { machine: w.machine() });
    await stuck(w);
    const told: string[] = [];
    const events = (event: SwapEvent): void => {
      if (event.kind === "begin") told.push(`${event.step} ${event.interfaces.join()}`);
      if (event.kind === "notice") told.push(event.message);
    };
    const attempt = attachAll(checked(two, "test $XDPGEN_INTERFACE = b"), ["lo", "b"], {
      machine: w.machine(),
      events,
    });
    await expect(attempt).rejects.toThrow(
      /on lo is not healthy: .* ended with status 1; lo: back to generation 1; b: back to generation 1$/,
    );
    const steps = told.filter((line) => /^(commit|health|undo) /.test(line));
    expect(steps).toEqual(["commit b", "health b", "health lo", "undo lo", "undo lo,b"]);
    for (const device of ["lo", "b"])
      expect(status(device, w.machine())).toMatchObject([{ generation: 1, troubles: [] }]);
    expect(w.kernel.openFds).toBe(0);
    await attachAll(checked(two, ["true"]), ["lo", "b"], { machine: w.machine() });
    for (const device of ["lo", "b"]) expect(status(device, w.machine())).toMatchObject([{ troubles: [] }]);
  });

  it("is worth less for a rollback than one before it that was healthy", async () => {
    using w = world();
    await stuck(w);
    const next = await attach({ ...chain(linkage, numbered(4)), history: 1 }, "lo", { machine: w.machine() });
    expect(next.status()).toMatchObject({ generation: 3, kept: [{ generation: 1 }] });
    expect(await next.rollback()).toMatchObject({ generation: 1 });
    expect(w.kernel.boundSlots(w.kernel.running())).toHaveLength(linkage === "freplace" ? 2 : 0);
  });

  it("is one that nobody asks where its chain has no command any more, or another chain comes", async () => {
    using w = world();
    await stuck(w);
    const plain = await attach(two, "lo", { machine: w.machine() });
    expect(plain.result).toMatchObject({ outcome: "unchanged" });
    expect(plain.status().troubles).toEqual([]);
    using other = world();
    await stuck(other);
    const next = await attach(checked(chain(linkage, numbered(4)), ["true"]), "lo", { machine: other.machine() });
    expect(next.result).toMatchObject({ outcome: "swapped", generation: 3 });
    expect(next.status().troubles).toEqual([]);
  });

  it("is decided by that too when others of its chain change, or come to run it", async () => {
    using w = world();
    w.kernel.interfaces.set("b", 2_000_002);
    await stuck(w);
    await attachAll(two, ["lo", "b"], { machine: w.machine() });
    for (const device of ["lo", "b"]) expect(status(device, w.machine())).toMatchObject([{ troubles: [] }]);
  });

  it("runs on where asking is cancelled, and is asked the next time", async () => {
    using w = world();
    await stuck(w);
    const before = w.snapshot();
    const cancel = new AbortController();
    const events = ({ kind }: SwapEvent): void => void (kind === "notice" && setTimeout(50).then(() => cancel.abort()));
    const options = { machine: w.machine(), events, signal: cancel.signal };
    await expect(attach(checked(two, ["sleep", "60"]), "lo", options)).rejects.toMatchObject({
      code: "aborted",
      message: "cancelled while generation 2 of chain test was live on lo and its health command ran; it runs on",
    });
    expect(w.snapshot()).toEqual(before);
    expect(status("lo", w.machine())).toMatchObject([{ troubles: [{ kind: "undecided" }] }]);
  });

  it("runs on where nothing before it is kept, and the error says what takes it off", async () => {
    using w = world();
    await attach(one, "lo", { machine: w.machine() });
    mkdirSync(undecidedMark(`${w.root}/42-1`, 1));
    const attempt = attach(checked(one, ["false"]), "lo", { machine: w.machine() });
    await expect(attempt).rejects.toThrow(
      "ended with status 1; generation 1 runs on, since none before it is kept that was healthy and is whole (`xdpgen detach lo` takes it off)",
    );
    expect(status("lo", w.machine())).toMatchObject([{ generation: 1, troubles: [{ kind: "undecided" }] }]);
  });

  it("runs on where any call of the kernel fails then, and can be asked again", async () => {
    let calls = 0;
    // The first time none fails, and all are counted.
    for (let at = 0; at <= calls; at++) {
      using w = world();
      await stuck(w);
      const kernel = watched(w.kernel, (count, call) => {
        calls = Math.max(calls, count);
        if (count === at) throw failure(call, "EINVAL");
      });
      const attempt = attach(checked(two, ["false"]), "lo", { machine: w.machine(kernel) });
      await expect(attempt).rejects.toThrow(/health|EINVAL/);
      expect(w.kernel.openFds).toBe(0);
      const [now] = status("lo", w.machine());
      // The last of them is the one that goes back.
      expect(now).toMatchObject(at === 0 ? { generation: 1, troubles: [] } : { generation: 2, troubles: [{}] });
      const next = await attach(checked(two, ["true"]), "lo", { machine: w.machine() });
      expect(next.status()).toMatchObject({ troubles: [], programs: [{ name: "p2" }, { name: "p3" }] });
    }
    expect(calls).toBeGreaterThan(10);
  });
});

describe("a slot that gets another loaded program", () => {
  /** The chain with a program in its slot; generation 1 is another chain. */
  async function holding(w: World) {
    const [old, other] = [w.kernel.loadedAs("old", {}).number, w.kernel.loadedAs("other", {}).number];
    const of = (fd: number, command?: Health["command"]): Chain => ({
      ...chain("auto", { name: "held", fd, priority: 1 }, numbered(2)),
      history: 1,
      ...(command && { health: { command } }),
    });
    await attach({ ...chain("auto", numbered(1)), history: 1 }, "lo", { machine: w.machine() });
    await attach(of(old), "lo", { machine: w.machine() });
    const held = (): number => programInSlot(w.kernel, `${w.root}/42-1`, 2, "held")!;
    return { old, other, of, held, idOf: (fd: number): number => w.kernel.programInfo(fd).id };
  }

  /** As if xdpgen were killed while the command runs: it copies what is pinned then, which is put back. */
  async function killed(w: World, of: (command: Health["command"]) => Chain): Promise<void> {
    const folder = `${w.root}/42-1`;
    await attach(of(["cp", "-r", folder, `${w.root}/copy`]), "lo", { machine: w.machine() });
    rmSync(folder, { recursive: true });
    renameSync(`${w.root}/copy`, folder);
  }

  it("is decided when its command has said that all is well, and is as before where it has not", async () => {
    using w = world();
    const { old, other, of, held, idOf } = await holding(w);
    await expect(attach(of(other, ["false"]), "lo", { machine: w.machine() })).rejects.toThrow("status 1");
    expect(held()).toBe(idOf(old));
    expect(status("lo", w.machine())).toMatchObject([{ generation: 2, troubles: [] }]);
    const next = await attach(of(other, ["true"]), "lo", { machine: w.machine() });
    expect(next.result).toMatchObject({ outcome: "replaced", generation: 2 });
    expect(next.status()).toMatchObject({ troubles: [] });
  });

  it("is undecided where xdpgen is killed meanwhile: the next apply asks again, and goes back to what was healthy", async () => {
    using w = world();
    const { other, of, held, idOf } = await holding(w);
    await killed(w, (command) => of(other, command));
    expect(held()).toBe(idOf(other));
    expect(status("lo", w.machine())).toMatchObject([{ generation: 2, troubles: [{ kind: "undecided" }] }]);
    await expect(attach(of(other, ["false"]), "lo", { machine: w.machine() })).rejects.toThrow("back to generation 1");
    expect(status("lo", w.machine())).toMatchObject([{ generation: 1, troubles: [], kept: [{ generation: 2 }] }]);
  });

  it("stays undecided where another one fails, and is decided by a chain without a command", async () => {
    using w = world();
    const { old, other, of, held, idOf } = await holding(w);
    await killed(w, (command) => of(other, command));
    await expect(attach(of(old, ["false"]), "lo", { machine: w.machine() })).rejects.toThrow("status 1");
    expect(held()).toBe(idOf(other));
    expect(status("lo", w.machine())).toMatchObject([{ generation: 2, troubles: [{ kind: "undecided" }] }]);
    const plain = await attach(of(old), "lo", { machine: w.machine() });
    expect(plain.result).toMatchObject({ outcome: "replaced", generation: 2 });
    expect(plain.status().troubles).toEqual([]);
  });
});
