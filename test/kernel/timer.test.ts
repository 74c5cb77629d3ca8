/**
 * A program with timers, spin locks and a ring buffer does the same alone, called, inlined and extended: same packets, same
 * verdicts, same counts, and each timer that it starts calls its function, wherever the linker has put that.
 */
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openKernel } from "../../src/loader/index.ts";
import { testProgram } from "../support/chains.ts";
import { alone, amongNeighbours, type Observed, observed, type Runnable } from "../support/equivalence.ts";
import { lacking } from "../support/kernel-differences.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { kernelMissing, u32 } from "../support/samples.ts";

const PACKETS = 50;
/** By what the callback writes: it comes when it comes. */
const FIRED = "fired";
const KINDS = [0, 1, 2, 3];

async function outcome(runnable: Runnable): Promise<Observed & { readonly fired: readonly number[] }> {
  const kernel = openKernel();
  const seen = await observed(runnable, [], PACKETS, new Set([FIRED]));
  const map = runnable.maps.get(FIRED)!;
  const counts = (): readonly number[] =>
    KINDS.map((kind) => Number(Buffer.from(kernel.lookup(map.fd(), u32(kind), 8)).readBigUInt64LE()));
  while (counts().includes(0)) await setTimeout(5);
  return { ...seen, fired: counts() };
}

describe.skipIf(kernelMissing())("a program with timers", () => {
  it.for([...runnableLinkages, "tail" as const])("is alike alone and by %s", async (linkage, context) => {
    const reason = lacking("timers in maps");
    context.skip(reason !== undefined, reason);
    using lone = alone(testProgram("timer"));
    using chained = amongNeighbours(testProgram("timer"), linkage);
    const expected = await outcome(lone);
    expect(expected.fired).toEqual([1, 1, 1, 1]);
    expect(await outcome(chained)).toEqual(expected);
  });
});
