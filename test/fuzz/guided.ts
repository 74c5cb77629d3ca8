/**
 * Inputs bred by coverage: one that reaches code which none before it has reached becomes a parent of later ones.
 *
 * Asking for coverage costs half a millisecond or more, so it is asked after groups of inputs; a group that reached
 * something new is halved until the inputs that did so are found.
 */
import { random } from "../support/random.ts";
import { type Check, checkInput, withoutStacks } from "./check.ts";
import { coverage } from "./coverage.ts";
import { mutated } from "./mutate.ts";

export interface GuidedOptions {
  /** Inputs to begin with. */
  readonly seeds: readonly Uint8Array[];
  readonly check: Check;
  /** How many inputs. */
  readonly cases: number;
  readonly seed: number;
  /** Addresses of the modules under test: `/src\/codegen\/elf\//`. */
  readonly files: RegExp;
}

const GROUP = 256;

/**
 * Checks about `cases` inputs. Those of a seed are the same as long as the code under test is.
 * @returns how many
 * @throws Error with the smallest input found that fails, and what `check` says of it
 */
export function guided({ seeds, check, cases, seed, files }: GuidedOptions): number {
  const from = random(seed);
  const corpus: Uint8Array[] = seeds.length > 0 ? [...seeds] : [new Uint8Array()];
  const limit = Math.max(64, ...corpus.map(({ length }) => length * 2));
  const reached = coverage(files);
  const run = (inputs: readonly Uint8Array[]): void =>
    withoutStacks(() => inputs.forEach((input) => checkInput(check, input)));

  const keepNew = (inputs: readonly Uint8Array[]): void => {
    run(inputs);
    if (!reached.hasNew()) return;
    if (inputs.length > 1) {
      keepNew(inputs.slice(0, inputs.length / 2));
      keepNew(inputs.slice(inputs.length / 2));
      return;
    }
    reached.remember();
    corpus.push(inputs[0]!);
  };

  // What ran before this run of the target is nobody's merit.
  reached.hasNew();
  run(corpus);
  reached.hasNew();
  reached.remember();
  let done = corpus.length;
  for (; done < cases; done += GROUP) keepNew(Array.from({ length: GROUP }, () => mutated(from, corpus, limit)));
  return done;
}
