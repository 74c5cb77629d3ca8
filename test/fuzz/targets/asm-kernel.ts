import { openKernel } from "../../../src/loader/index.ts";
import { randomInstruction } from "../../support/instructions.ts";
import { random } from "../../support/random.ts";
import { kernelMissing } from "../../support/samples.ts";
import { disagreement, tooNew } from "../../support/verifier-dialect.ts";
import { openWitness } from "../../support/verifier.ts";
import type { FuzzTarget } from "../target.ts";

/** Any instruction, in a program of its own, so that a failing case is as small as it can be. */
const target: FuzzTarget = {
  name: "asm-kernel",
  claim: "the verifier prints an instruction as format() does in the kernel's dialect, and parse() reads the line back",
  cases: 8000,
  needsKernel: true,
  unavailable: kernelMissing,
  run(seed, cases) {
    using witness = openWitness(openKernel());
    const from = random(seed);
    let checked = 0;
    for (let done = 0; done < cases; done++) {
      const instruction = randomInstruction(from);
      if (tooNew(instruction) !== undefined) continue;
      const wrong = disagreement(witness.show(instruction));
      if (wrong !== undefined) throw new Error(wrong);
      checked++;
    }
    return checked;
  },
};
export default target;
