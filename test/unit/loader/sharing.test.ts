/** Who runs a dispatcher, and who looks at it: nobody is missed for where their pins are or who else is reading. */
import { rmSync } from "node:fs";
import { expect, it } from "vitest";
import type { Chain } from "../../../src/chain/chain.ts";
import { attach, attachAll, open } from "../../../src/loader/attachment.ts";
import { openKernel } from "../../../src/loader/ffi/index.ts";
import type { Fd, Kernel } from "../../../src/loader/machine/kernel.ts";
import { preview } from "../../../src/loader/report/preview.ts";
import { status, type StatusReport } from "../../../src/loader/report/status.ts";
import { programInSlot } from "../../../src/loader/swap/replacement.ts";
import { numbered } from "../../support/verdict-program.ts";
import { chain, world, type World } from "./world.ts";

const OTHER = 2_000_000;

/** Interfaces `lo` and `b` share a dispatcher, whose first slot holds a loaded program. */
async function shared(): Promise<World & { readonly one: Fd; readonly two: Fd }> {
  const w = world();
  w.kernel.interfaces.set("b", OTHER);
  const [one, two] = [w.kernel.loadedAs("one", {}), w.kernel.loadedAs("two", {})];
  await attachAll(holding(one), ["lo", "b"], { machine: w.machine() });
  return Object.assign(w, { one, two });
}

const holding = (loaded: Fd): Chain =>
  chain("auto", { name: "held", fd: loaded.number, priority: 1 }, numbered(2, { linkage: "call" }));

/** Gives `lo` alone another loaded program, and tells what `b` has then. */
async function changedAlone(w: Awaited<ReturnType<typeof shared>>): Promise<void> {
  const slotOfOther = `${w.root}/42-1`;
  const before = programInSlot(w.kernel, slotOfOther, 1, "held");
  using slot = w.kernel.openPin(`${slotOfOther}/gen-1/slot-held`);
  const other = w.kernel.running(OTHER);
  const foreseen = await preview(holding(w.two), "lo", { machine: w.machine() });
  const { result } = await attach(holding(w.two), "lo", { machine: w.machine() });
  expect([foreseen.outcome, result!.outcome]).toEqual(["swapped", "swapped"]);
  expect(w.kernel.running()).not.toBe(other);
  expect(w.kernel.programIn(w.kernel.mapInfo(slot.number).id)).toBe(before);
}

it("an interface whose pins are in another bpffs keeps its loaded program, and is named", async () => {
  using w = await shared();
  using link = w.kernel.openPin(`${w.root}/42-${OTHER}/link`);
  rmSync(`${w.root}/42-${OTHER}`, { recursive: true });
  expect(w.kernel.linkInfo(link.number).ifindex).toBe(OTHER);
  const live = await open("lo", { machine: w.machine() });
  expect(live.status().sharedWith).toEqual(["b"]);
  await changedAlone(w);
  expect(live.status().sharedWith).toEqual([]);
});

it("an interface that moved to another network namespace keeps its loaded program", async () => {
  using w = await shared();
  w.kernel.moveInterface("b");
  const live = await open("lo", { machine: w.machine() });
  expect(live.status().sharedWith).toEqual([]);
  // Its link is on no interface that is seen from here.
  const seen = w.kernel.running();
  await changedAlone(w);
  expect(w.kernel.linksTo(seen)).toEqual([OTHER]);
});

it("readers do not hide from each other a chain that stopped", async () => {
  using w = world();
  await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
  rmSync(`${w.root}/42-1/link`);
  const tryLock: Kernel["tryLock"] = (fd, kind) => openKernel().tryLock(fd, kind);
  const locking = (take: Kernel["tryLock"]): Kernel =>
    Object.assign(Object.create(w.kernel) as Kernel, { tryLock: take });
  let other: StatusReport | undefined;
  // The other one reads while the first holds the lock.
  const kernel = locking((fd, kind) => {
    const taken = tryLock(fd, kind);
    other ??= status(undefined, w.machine(locking(tryLock)));
    return taken;
  });
  expect(status(undefined, w.machine(kernel))).toMatchObject([{ interface: "lo", defunct: true }]);
  expect(other).toMatchObject([{ interface: "lo", defunct: true }]);
});
