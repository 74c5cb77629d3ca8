/** A report while others change what it reads, at each call of the kernel that it makes. */
import { rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Chain, OBJECT_LINKAGES } from "../../../src/chain/chain.ts";
import { attach, attachAll } from "../../../src/loader/attachment.ts";
import { status, type StatusReport } from "../../../src/loader/report/status.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { chain, world, type World } from "./world.ts";

const LONG = 60_000;

/** What is reported where `change` happens before the first call, before the second, and so on. */
async function reports(begin: (w: World) => Promise<(w: World) => void>): Promise<readonly StatusReport[]> {
  const found: StatusReport[] = [];
  for (let at = 1; ; at++) {
    using w = world();
    const change = await begin(w);
    let changed = false;
    const kernel = watched(w.kernel, (count) => {
      if (count !== at) return;
      changed = true;
      change(w);
    });
    const report = status(undefined, w.machine(kernel));
    if (!changed) return found;
    found.push(report);
  }
}

it(
  "is never of two generations where interfaces that share a dispatcher are swapped one after the other",
  async () => {
    const found = await reports(async (w) => {
      w.kernel.interfaces.set("b", 2_000_002);
      const devices = ["lo", "b"];
      const machine = w.machine();
      const of = (k: number): Chain => ({ ...chain("freplace", numbered(k)), history: 1 });
      await attachAll(of(1), devices, { machine });
      const to = w.kernel.running(1);
      await attachAll(of(2), devices, { machine });
      const from = w.kernel.running(1);
      const links = ["42-1", "42-2000002"].map((dir) => w.kernel.openPin(`${w.root}/${dir}/link`));
      return () => {
        using old = w.kernel.programById(from);
        using next = w.kernel.programById(to);
        for (const link of links) w.kernel.updateLink(link.number, next.number, old.number);
      };
    });
    const seen = new Set(found.map((report) => report.map(({ generation }) => generation).join()));
    // What was read of the old generation is read anew, whenever the change came.
    expect([...seen]).toEqual(["1,1"]);
    expect(found.every((report) => report.every(({ sharedWith }) => sharedWith.length === 1))).toBe(true);
  },
  LONG,
);

describe.each(OBJECT_LINKAGES)("linkage %s", (linkage) => {
  it(
    "does not say of a kept generation that is being removed that somebody has damaged it",
    async () => {
      const found = await reports(async (w) => {
        const of = (...k: readonly number[]): Chain => ({
          ...chain(linkage, ...k.map((n) => numbered(n))),
          history: 2,
        });
        const live = await attach(of(1, 2), "lo", { machine: w.machine() });
        await live.update(of(2, 3));
        await live.update(of(3, 4));
        return ({ root }) => rmSync(`${root}/42-1/gen-1`, { recursive: true });
      });
      expect(new Set(found.map(([one]) => one!.kept.length))).toEqual(new Set([1, 2]));
      expect(found.flatMap(([one]) => one!.kept.filter(({ whole }) => !whole))).toEqual([]);
    },
    LONG,
  );
});
