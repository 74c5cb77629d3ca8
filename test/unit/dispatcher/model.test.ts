/** The dispatcher's bytes against the model on a few hundred chains; the fuzz target `chain-model` does ten thousand. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Program } from "../../../src/chain/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { chainOf } from "../../support/chains.ts";
import { interpreted } from "../../support/interpreted.ts";
import { linked, WAYS_TO_LINK } from "../../support/mixed.ts";
import { expected, proofs } from "../../support/proof.ts";
import { verdictObject } from "../../support/verdict-program.ts";

describe("the emitted dispatcher", () => {
  it.each(WAYS_TO_LINK)("does what the reference model does, linkage %s", (linkage) => {
    fc.assert(
      fc.property(proofs, (proof) => {
        const run = interpreted(synthesise(linked(proof.chain, linkage)));
        for (const packet of proof.packets) {
          expect(run(packet)).toEqual(expected(proof, packet));
        }
      }),
      { numRuns: 300 },
    );
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
