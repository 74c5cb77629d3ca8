/** A dispatcher's manifest is read once in a process, and never taken for that of another program. */
import { expect, it } from "vitest";
import { attach } from "../../../src/loader/attachment.ts";
import { readManifest } from "../../../src/loader/live/manifest.ts";
import type { Kernel } from "../../../src/loader/machine/kernel.ts";
import { numbered } from "../../support/verdict-program.ts";
import { chain, world, type World } from "./world.ts";

/** The kernel of a world, and how often a map of it was looked into. */
function counting({ kernel }: World): { readonly kernel: Kernel; readonly lookups: () => number } {
  let count = 0;
  const lookup = (...words: Parameters<typeof kernel.lookup>): Uint8Array => {
    count++;
    return kernel.lookup(...words);
  };
  return { kernel: Object.assign(Object.create(kernel) as Kernel, { lookup }), lookups: () => count };
}

it("is looked up by the first swap that meets its dispatcher, and by none after it", async () => {
  using w = world();
  const { kernel, lookups } = counting(w);
  const live = await attach({ ...chain("call", numbered(1)), history: 1 }, "lo", { machine: w.machine(kernel) });
  for (const k of [2, 3, 4]) {
    const before = lookups();
    expect(await live.update({ ...chain("call", numbered(k)), history: 1 })).toMatchObject({
      outcome: "swapped",
      generation: k,
    });
    // That of what runs; what is kept beside it was met when it ran.
    expect(lookups() - before).toBe(1);
  }
});

it("is read anew for another program that has the id now", async () => {
  using w = world();
  const { kernel, lookups } = counting(w);
  const machine = w.machine(kernel);
  await attach(chain("call", numbered(1)), "lo", { machine });
  using program = kernel.programById(w.kernel.running());
  const info = kernel.programInfo(program.number);
  expect(readManifest(kernel, info)).toMatchObject({ generation: 1 });
  const before = lookups();
  expect(readManifest(kernel, info)).toMatchObject({ generation: 1 });
  expect(lookups()).toBe(before);
  const later = { ...info, loadTime: info.loadTime + 1n };
  expect(readManifest(kernel, later)).toMatchObject({ generation: 1 });
  expect(lookups()).toBe(before + 1);
  expect(readManifest(kernel, { ...later, loadTime: 9n, mapIds: [] })).toBeUndefined();
});
