/** What is asked of the kernel before anything is built. */
import { expect, it } from "vitest";
import type { Linkage } from "../../../src/chain/chain.ts";
import { attach } from "../../../src/loader/attachment.ts";
import { watched } from "./faults.ts";
import { chain, numbered, world } from "./world.ts";

async function probes(linkage: Linkage | "auto"): Promise<number> {
  using w = world();
  let loaded = 0;
  // Programs of a chain come by objects; a program without one is a probe.
  const kernel = watched(w.kernel, (_, call) => void (loaded += call === "loadProgram" ? 1 : 0));
  await attach(chain(linkage, numbered(1), numbered(2)), "lo", { machine: w.machine(kernel) });
  return loaded;
}

it.each(["call", "inline", "freplace"] as const)(
  "asks nothing of the kernel for declared linkage %s",
  async (linkage) => {
    expect(await probes(linkage)).toBe(0);
  },
);

it("asks what the kernel allows where the linkage is left to it", async () => {
  expect(await probes("auto")).toBe(2);
});
