import fc from "fast-check";
import type { Chain } from "../../../src/chain/index.ts";
import { type DispatcherImage, synthesise } from "../../../src/codegen/index.ts";
import { openKernel } from "../../../src/loader/index.ts";
import { fillProgramArray } from "../../../src/loader/load/program-array.ts";
import { loaded, withPinned } from "../../support/loaded.ts";
import { linked } from "../../support/mixed.ts";
import type { Outcome } from "../../support/model.ts";
import { expected, inWords, MOST_PROGRAMS, type Proof, proofs, showProof } from "../../support/proof.ts";
import { random } from "../../support/random.ts";
import { rendered } from "../../support/rendered.ts";
import { kernelMissing } from "../../support/samples.ts";
import { verdictPacket, visited } from "../../support/verdict-program.ts";
import type { FuzzTarget } from "../target.ts";

/** Chains for each run of clang. */
const BATCH = 200;

/** A case is a chain of up to 64 programs with a few packets. `freplace` needs a kernel that has it: see behaviour.test.ts. */
const target: FuzzTarget = {
  name: "chain-kernel",
  claim: "the dispatcher in the kernel, and its rendition in C, compiled and loaded, do what the model does",
  cases: 10_000,
  batch: 5 * BATCH,
  needsKernel: true,
  unavailable: () =>
    process.env["XDPGEN_VM"] === undefined
      ? kernelMissing()
      : "clang takes minutes where it is emulated, and the host's kernel has run ten thousand chains",
  async run(seed, cases) {
    const seeds = random(seed);
    for (let done = 0; done < cases; done += BATCH) {
      const draw = { seed: seeds.bits32(), numRuns: Math.min(BATCH, cases - done) };
      const ofBatch = await complaint(fc.sample(proofs, draw));
      if (ofBatch === undefined) continue;
      // The same ones again, each by itself, so that the first that fails is made small.
      const alone = fc.asyncProperty(proofs, async (proof) => (await complaint([proof])) === undefined);
      const { counterexample } = await fc.check(alone, draw);
      // By itself it may do well after all: then what was said of the batch is all there is to say.
      const said = counterexample && (await complaint([counterexample[0]]));
      const shown = counterexample ? showProof(counterexample[0]) : "no chain of the batch fails by itself";
      throw new Error(`${said ?? ofBatch}\n${shown}`);
    }
    return cases;
  },
};
export default target;

/** What some chain does otherwise than the model, in the kernel as we emit it or as clang compiles its rendition. */
async function complaint(proofsOfBatch: readonly Proof[]): Promise<string | undefined> {
  try {
    const chains = proofsOfBatch.map((proof, index) => ({ ...linkedSomehow(proof), name: `c${index}` }));
    const images = chains.map((chain) => synthesise(withPinned(chain)));
    return (await emitted(proofsOfBatch, chains, images)) ?? (await compiled(proofsOfBatch, images));
  } catch (error) {
    return error instanceof Error ? error.stack : String(error);
  }
}

/** `call`, `inline`, or both in one chain and loaded programs among them: as a case alone has it too. */
function linkedSomehow({ chain, packets }: Proof): Chain {
  const ways = ["call", "inline", "mixed"] as const;
  return linked(chain, ways[packets.length % ways.length]!, ["call", "inline", "tail"]);
}

type Images = readonly DispatcherImage[];

async function emitted(
  proofsOfBatch: readonly Proof[],
  chains: readonly Chain[],
  images: Images,
): Promise<string | undefined> {
  for (const [index, proof] of proofsOfBatch.entries()) {
    const { elf, main, slots } = images[index]!;
    using object = openKernel().openObject(elf, "emitted");
    object.load();
    for (const { program, array } of slots) {
      if (array === undefined) continue;
      const declared = chains[index]!.programs.find(({ name }) => name === program)!;
      fillProgramArray(openKernel(), object.map(array)!.fd(), loaded(declared), program);
    }
    const found = await difference(proof, object.programs.find(({ name }) => name === main)!.fd());
    if (found) return `as emitted, ${found}`;
  }
  return undefined;
}

async function compiled(proofsOfBatch: readonly Proof[], images: Images): Promise<string | undefined> {
  const plans = images.map(({ plan }) => plan);
  using object = openKernel().openObject(rendered(plans, MOST_PROGRAMS), "rendered");
  object.load();
  for (const [index, proof] of proofsOfBatch.entries()) {
    const found = await difference(proof, object.programs.find(({ name }) => name === `xdpgen_c${index}`)!.fd());
    if (found) return `as C, ${found}`;
  }
  return undefined;
}

async function difference(proof: Proof, program: number): Promise<string | undefined> {
  for (const packet of proof.packets) {
    const { retval, dataOut } = await openKernel().testRun(program, { data: verdictPacket(packet) });
    const outcome: Outcome = { path: visited(dataOut).map((k) => `p${k}`), verdict: retval >>> 0 };
    const [is, should] = [inWords(outcome), inWords(expected(proof, packet))];
    if (is !== should) return `it is ${is}\nand should be ${should}`;
  }
  return undefined;
}
