/** Programs that are loaded already, on the fake kernel: what is asked of them, and what happens when any call fails. */
import { describe, expect, it } from "vitest";
import type { Program } from "../../../src/chain/chain.ts";
import { attach } from "../../../src/loader/index.ts";
import { openLoaded } from "../../../src/loader/load/loaded.ts";
import type { SwapEvent } from "../../../src/loader/swap/events.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { FakeKernel, failure } from "./fake-kernel.ts";
import { chain, world } from "./world.ts";

const theirs = (fd: number, name = "theirs"): Program => ({ name, fd, priority: 50 });

describe("a loaded program", () => {
  it.each([
    [{}, "xdp", false],
    [{ frags: true }, "xdp", true],
    [{ attachType: "none" }, "none", false],
    [{ attachType: "none", frags: true }, "none", true],
  ] as const)("of kind %j is found out", (kind, attachType, frags) => {
    const kernel = new FakeKernel();
    const { number } = kernel.loadedAs("theirs", kind);
    const fds = kernel.openFds;
    using loaded = openLoaded(kernel, chain("auto", theirs(number)));
    expect(loaded.attachType).toBe(attachType);
    expect(loaded.chain.programs[0]!.facts).toEqual({ frags, tailCalls: false, attachType });
    expect(kernel.openFds).toBe(fds);
  });

  it("is asked once in a process, and another one anew", () => {
    const kernel = new FakeKernel();
    const asked: string[] = [];
    const seen = watched(kernel, (_, call) => void asked.push(call));
    const count = (call: string): number => asked.splice(0).filter((one) => one === call).length;
    const theirsOf = (fd: number): void => openLoaded(seen, chain("auto", theirs(fd)))[Symbol.dispose]();
    const first = kernel.loadedAs("theirs", {}).number;
    theirsOf(first);
    expect(count("createMap")).toBe(1);
    theirsOf(first);
    expect(count("createMap")).toBe(0);
    theirsOf(kernel.loadedAs("theirs", { frags: true }).number);
    expect(count("createMap")).toBe(1);
  });

  it("is held by its id until the work is done", () => {
    const kernel = new FakeKernel();
    const program = kernel.loadedAs("theirs", {});
    const { id } = kernel.programInfo(program.number);
    const loaded = openLoaded(kernel, chain("auto", { name: "theirs", id }));
    program.close();
    expect(kernel.openFds).toBe(1);
    loaded[Symbol.dispose]();
    expect(kernel.openFds).toBe(0);
  });

  it("is refused where it can be no slot's, and no fd stays open", () => {
    const kernel = new FakeKernel();
    const extension = kernel.loadedAs("ext", { type: 28 });
    const [one, other] = (["xdp", "none"] as const).map((attachType) => kernel.loadedAs(attachType, { attachType }));
    const fds = kernel.openFds;
    const open = (...programs: readonly Program[]) => openLoaded(kernel, chain("auto", ...programs));
    const { id } = kernel.programInfo(one!.number);
    expect(() => open({ name: "held", id }, theirs(extension.number))).toThrow(/is of type type 28, and a slot takes/);
    expect(() => open({ name: "held", id }, theirs(other!.number))).toThrow(
      "program held is loaded with expected_attach_type BPF_XDP and theirs without an expected_attach_type",
    );
    expect(() => open({ name: "gone", id: 9999 })).toThrow("program gone (id: 9999): no such program is loaded");
    // What the kernel says of a program that is bound to a device (kernel/bpf/core.c, __bpf_prog_map_compatible).
    const bound = watched(kernel, (_, call) => {
      if (call === "update") throw failure(call, "EINVAL");
    });
    expect(() => openLoaded(bound, chain("auto", theirs(one!.number)))).toThrow(
      "cannot be tail-called: it is bound to a device",
    );
    expect(kernel.openFds).toBe(fds);
  });
});

describe("when any one call fails", () => {
  const other = (kernel: FakeKernel, at: number, calls: string[]) =>
    watched(kernel, (count, call) => {
      if (at === 0) calls[count - 1] = call;
      else if (count === at) throw failure(call, "EINVAL");
    });

  it.each(["replaced", "swapped"] as const)("the chain is the old or the new one whole, %s", async (outcome) => {
    const calls: string[] = [];
    let failures = 0;
    for (let at = 0; at === 0 || at <= calls.length; at++) {
      using w = world();
      const [one, two] = ["one", "two"].map((name) => w.kernel.loadedAs(name, {}).number) as [number, number];
      const more = outcome === "swapped" ? [numbered(2)] : [];
      await attach(chain("call", numbered(1), theirs(one)), "lo", { machine: w.machine() });
      const running = (): unknown => {
        const info = w.kernel.programInfo(w.kernel.programById(w.kernel.running()).number);
        return info.mapIds.map((id) => w.kernel.programIn(id)).filter((id) => id !== undefined);
      };
      const held = w.snapshot();
      const idOf = (fd: number): number => w.kernel.programInfo(fd).id;
      const next = chain("call", numbered(1), theirs(two), ...more);
      const result = await attach(next, "lo", { machine: w.machine(other(w.kernel, at, calls)) }).then(
        (live) => live.result?.outcome,
        () => "failed",
      );
      if (result === "failed") failures++;
      if (at === 0) expect(result).toBe(outcome);
      if (result === "failed") expect(w.snapshot(), `call ${at}, ${calls[at - 1]}`).toEqual(held);
      expect(running(), `call ${at}, ${calls[at - 1]}`).toEqual([idOf(result === "failed" ? one : two)]);
    }
    expect(failures).toBeGreaterThan(10);
  });
});

describe("a slot that is filled when somebody takes the link away", () => {
  /** Of an apply that finds the slot as `prepare` has made it, and fails at `fill` of those in its commit. */
  async function lost(prepare: (kernel: FakeKernel, array: number) => void, fill?: number): Promise<unknown> {
    using w = world();
    const [one, two] = ["one", "two"].map((name) => w.kernel.loadedAs(name, {}).number) as [number, number];
    await attach(chain("call", numbered(1), theirs(one)), "lo", { machine: w.machine() });
    using array = w.kernel.openPin(`${w.root}/42-1/gen-1/slot-theirs`);
    prepare(w.kernel, array.number);
    let fills: number | undefined;
    const events = (event: SwapEvent): void => {
      if (event.kind === "begin" && event.step === "commit") fills ??= 0;
    };
    const kernel = watched(w.kernel, (_, call) => {
      if (call !== "update" || fills === undefined) return;
      if (++fills === fill) throw failure("bpf_map_update_elem", "ENOSPC");
      if (fills > 1) return;
      using link = w.kernel.openPin(`${w.root}/42-1/link`);
      w.kernel.detachLink(link.number);
    });
    const next = chain("call", numbered(1), theirs(two));
    const live = await attach(next, "lo", { machine: w.machine(kernel), events });
    return live.result!.outcome;
  }

  const nothing = (): void => {};
  const empty = (kernel: FakeKernel, array: number): void => kernel.update(array, new Uint8Array(4), new Uint8Array(4));

  it("is put back, and the apply begins again", async () => {
    expect(await lost(nothing)).toBe("created");
  });

  it("and cannot be put back is in the error, which never says that nothing was changed", async () => {
    const attempt = lost(nothing, 2);
    await expect(attempt).rejects.toMatchObject({ code: "conflict" });
    await expect(attempt).rejects.toThrow(
      "cannot attach chain test to lo: the link of lo was changed by somebody else; " +
        "the slot of program theirs could not be put back (bpf_map_update_elem: ENOSPC): ",
    );
    await expect(lost(empty)).rejects.toThrow(
      /changed by somebody else; the slot of program theirs was empty, and has program \d+ now: look at what runs/,
    );
  });
});
