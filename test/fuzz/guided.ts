/**
 * Inputs bred by coverage: one that reaches code which none before it has reached becomes a parent of later ones.
 *
 * Asking for coverage costs half a millisecond or more, so it is asked after groups of inputs; a group that reached
 * something new is halved until the inputs that did so are found.
 *
 * What a batch has bred, the next batch of the same process goes on with, or a long run would begin anew a thousand times.
 * So the seed of a later batch alone does not repeat its inputs: the failing one is shown whole.
 */
import { type Random, random } from "../support/random.ts";
import { type Check, checkInput, withoutStacks } from "./check.ts";
import { type Coverage, coverage } from "./coverage.ts";
import { mutated } from "./mutate.ts";

export interface GuidedOptions {
  /** Whose parents these are: the target's name. */
  readonly name: string;
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
/** Parents that are kept; then a new one takes the place of another. Those to begin with stay. */
const MAX_PARENTS = 4096;

interface Breed {
  readonly parents: Uint8Array[];
  readonly reached: Coverage;
  /** Bytes of the longest input. */
  readonly limit: number;
}

const breeds = new Map<string, Breed>();

/**
 * Checks about `cases` inputs. Those of a process's first batch are the same for a seed as long as the code under test is.
 * @returns how many
 * @throws Error with the smallest input found that fails, and what `check` says of it
 */
export function guided({ name, seeds, check, cases, seed, files }: GuidedOptions): number {
  const from = random(seed);
  const run = (inputs: readonly Uint8Array[]): void =>
    withoutStacks(() => inputs.forEach((input) => checkInput(check, input)));
  let done = 0;
  let breed = breeds.get(name);
  if (!breed) {
    breed = begin(seeds, files, run);
    breeds.set(name, breed);
    done = breed.parents.length;
  }
  const { parents, reached, limit } = breed;
  const keepNew = (inputs: readonly Uint8Array[]): void => {
    run(inputs);
    if (!reached.hasNew()) return;
    if (inputs.length > 1) {
      keepNew(inputs.slice(0, inputs.length / 2));
      keepNew(inputs.slice(inputs.length / 2));
      return;
    }
    reached.remember();
    keep(inputs[0]!, parents, seeds.length, from);
  };
  // What ran since the last batch, or before this run of the target, is nobody's merit.
  reached.hasNew();
  for (; done < cases; done += GROUP) keepNew(Array.from({ length: GROUP }, () => mutated(from, parents, limit)));
  return done;
}

function begin(seeds: readonly Uint8Array[], files: RegExp, run: (inputs: readonly Uint8Array[]) => void): Breed {
  const parents: Uint8Array[] = seeds.length > 0 ? [...seeds] : [new Uint8Array()];
  const reached = coverage(files);
  reached.hasNew();
  run(parents);
  reached.hasNew();
  reached.remember();
  return { parents, reached, limit: Math.max(64, ...parents.map(({ length }) => length * 2)) };
}

function keep(input: Uint8Array, parents: Uint8Array[], first: number, from: Random): void {
  if (parents.length >= MAX_PARENTS) parents.splice(first + from.int(parents.length - first), 1);
  parents.push(input);
}
