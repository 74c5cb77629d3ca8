/** The dispatcher's bytes against the model on a few hundred chains; the fuzz target `chain-model` does ten thousand. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Program } from "../../../src/chain/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { buildDispatcher, COUNTERS_MAP, planChain, synthesise } from "../../../src/codegen/index.ts";
import { chainOf } from "../../support/chains.ts";
import { interpreted } from "../../support/interpreted.ts";
import { linked, WAYS_TO_LINK } from "../../support/mixed.ts";
import { expected, expectedCounts, proofs } from "../../support/proof.ts";
import { boundedObject, verdictObject } from "../../support/verdict-program.ts";

describe("the emitted dispatcher", () => {
  it.each(WAYS_TO_LINK)("does what the reference model does, linkage %s", (linkage) => {
    fc.assert(
      fc.property(proofs, (proof) => {
        const { run, counts } = interpreted(synthesise(linked(proof.chain, linkage)));
        for (const packet of proof.packets) {
          expect(run(packet)).toEqual(expected(proof, packet));
        }
        expect(counts()).toEqual(expectedCounts(proof));
      }),
      { numRuns: 300 },
    );
  });

  it.each(WAYS_TO_LINK)("counts what a program that is alone returns, linkage %s", (linkage) => {
    const alone = chainOf([{ name: "p0", object: "a", bytes: boundedObject(0, [1]) }], { counters: true });
    const { run, counts } = interpreted(synthesise(linked(alone, linkage)));
    run([1]);
    expect(counts()?.get("p0")).toMatchObject({ drop: 1, pass: 0 });
  });

  it("does not count while it is traced", () => {
    const program = { name: "a", object: "a", bytes: verdictObject(0) };
    const [counting, plain] = [true, false].map((counters) => planChain(chainOf([program], { counters })));
    const traced = buildDispatcher(counting!, { trace: true });
    expect(traced.listing).toBe(buildDispatcher(plain!, { trace: true }).listing);
    expect(readElf(traced.elf).symbols.map(({ name }) => name)).not.toContain(COUNTERS_MAP);
  });

  it("executes the same bytes whatever the order in which equal declarations are made", () => {
    const program = (name: string, priority: number): Program => ({
      name,
      object: name,
      bytes: verdictObject(0),
      priority,
    });
    const one = synthesise(chainOf([program("a", 1), program("b", 2)]));
    const other = synthesise(chainOf([program("b", 2), program("a", 1)]));
    expect(one.listing).toBe(other.listing);
  });
});
