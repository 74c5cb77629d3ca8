import fc from "fast-check";
import { synthesise } from "../../../src/codegen/index.ts";
import { interpreted } from "../../support/interpreted.ts";
import { linked, WAYS_TO_LINK } from "../../support/mixed.ts";
import {
  countsInWords,
  expected,
  expectedCounts,
  inWords,
  type Proof,
  proofs,
  showProof,
} from "../../support/proof.ts";
import type { FuzzTarget } from "../target.ts";

/** A case is a chain of up to 64 programs with a few packets, for every linkage. */
const target: FuzzTarget = {
  name: "chain-model",
  claim: "the bytes of a dispatcher, interpreted, run the programs, give the verdict and count as the model does",
  cases: 10_000,
  batch: 1000,
  run(seed, cases) {
    const property = fc.property(proofs, (proof) => complaint(proof) === undefined);
    const { counterexample } = fc.check(property, { seed, numRuns: cases });
    if (counterexample) throw new Error(`${complaint(counterexample[0])}\n${showProof(counterexample[0])}`);
    return cases;
  },
};
export default target;

/** Where the bytes do otherwise, or cannot be made. */
function complaint(proof: Proof): string | undefined {
  try {
    for (const linkage of WAYS_TO_LINK) {
      const { run, counts } = interpreted(synthesise(linked(proof.chain, linkage)));
      for (const packet of proof.packets) {
        const is = inWords(run(packet));
        const should = inWords(expected(proof, packet));
        if (is !== should) return `linkage ${linkage}: it is ${is}\nand should be ${should}`;
      }
      const [counted, should] = [countsInWords(counts()), countsInWords(expectedCounts(proof))];
      if (counted !== should) return `linkage ${linkage}: it counts\n${counted}\nand should count\n${should}`;
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.stack : String(error);
  }
}
