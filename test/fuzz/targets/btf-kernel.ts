import { encodeBtf, formatBtf } from "../../../src/codegen/btf/index.ts";
import { openKernel } from "../../../src/loader/index.ts";
import { type LateKind, validBtf } from "../../support/btf-valid.ts";
import { has } from "../../support/kernel-differences.ts";
import { random } from "../../support/random.ts";
import { kernelMissing } from "../../support/samples.ts";
import type { FuzzTarget } from "../target.ts";

/** The ints that every list of random types begins with. */
const FEWEST = 12;
const MOST = 200;

const WITHOUT: ReadonlySet<LateKind> = new Set(
  (
    [
      ["float", "floats among types"],
      ["decl_tag", "tags on declarations"],
      ["type_tag", "tags on types"],
      ["enum64", "enums with a sign or of 64 bits"],
    ] as const
  ).flatMap(([kind, difference]) => (has(difference) ? [] : [kind])),
);

/** A case is a list of types of its own. */
const target: FuzzTarget = {
  name: "btf-kernel",
  claim: "the kernel loads types that its rules allow, as encodeBtf writes them",
  cases: 1000,
  needsKernel: true,
  unavailable: kernelMissing,
  run(seed, cases) {
    const kernel = openKernel();
    const loads = (nth: number, count: number): unknown => {
      try {
        kernel.loadBtf(encodeBtf({ btf: validBtf(random(nth), count, WITHOUT) }).btf)[Symbol.dispose]();
        return undefined;
      } catch (error) {
        return error;
      }
    };
    for (let nth = seed * 1_000_000; nth < seed * 1_000_000 + cases; nth++) {
      const count = FEWEST + (nth % (MOST - FEWEST));
      if (loads(nth, count) === undefined) continue;
      // Fewer types of a seed are the first of more: the fewest that are refused end in the one that is wrong.
      let fewest = FEWEST;
      while (loads(nth, fewest) === undefined) fewest++;
      const types = formatBtf(validBtf(random(nth), fewest, WITHOUT));
      throw new Error(`${String(loads(nth, fewest))} for validBtf(random(${nth}), ${fewest}):\n${types}`);
    }
    return cases;
  },
};
export default target;
