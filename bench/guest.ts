/**
 * What section `instructions` runs in the virtual machine, whose clock counts instructions: the contestants on the works of
 * the scope that is named, `--quick` or none. Prints one line of JSON.
 */
import { CONTESTANTS, slowedCall } from "./contest/contestants/index.ts";
import { measure, type Row } from "./contest/measure.ts";
import { works } from "./contest/work.ts";
import { type Environment, thisEnvironment } from "./environment.ts";

export interface GuestReport {
  readonly environment: Environment;
  readonly rows: readonly Row[];
}

/** A run that takes longer is disturbed by the clock's interrupt, which comes every four million instructions. */
const INSTRUCTIONS = 1_000_000;

/** What a sample costs beside its runs is below this, and so is lost when the kernel rounds the mean down. */
const FEWEST = 250;

const scope = process.argv.includes("--quick") ? "quick" : process.argv.includes("--smoke") ? "smoke" : "full";
const rows = await measure({
  contestants: [...CONTESTANTS, slowedCall],
  works: works(scope),
  rounds: 3,
  clock: "kernel",
  repeat: (instructions) => Math.max(FEWEST, Math.floor(INSTRUCTIONS / instructions)),
  progress: (what) => void process.stderr.write(`${what}\n`),
});
console.log(JSON.stringify({ environment: thisEnvironment(), rows } satisfies GuestReport));
