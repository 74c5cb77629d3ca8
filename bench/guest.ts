/**
 * What section `instructions` runs in the virtual machine, whose clock counts instructions: the contestants on all works, or on
 * those of `--quick`. Prints one line of JSON.
 */
import { release } from "node:os";
import { contestantsOf } from "./contest/contestants/index.ts";
import { measure, type Row } from "./contest/measure.ts";
import { works } from "./contest/work.ts";
import { type Environment, mitigations } from "./environment.ts";

export interface GuestReport extends Pick<Environment, "kernel" | "mitigations"> {
  readonly rows: readonly Row[];
}

/** A longer sample is likely to meet the clock's interrupt: 250 or, on newer kernels, 1000 in a thousand million instructions. */
const INSTRUCTIONS = 250_000;

/**
 * What a sample costs beside its runs is below the first, so it is lost when the kernel rounds the mean down; and it is large
 * enough by the second to make up for the clock, which may be slow by a hundred-thousandth.
 */
const [FEWEST, MOST] = [250, 1000] as const;

const scope = process.argv.includes("--quick") ? "quick" : "full";
const rows = await measure({
  contestants: contestantsOf(scope),
  works: works(scope),
  rounds: 9,
  reload: false,
  clock: "kernel",
  repeat: (instructions) => Math.min(MOST, Math.max(FEWEST, Math.floor(INSTRUCTIONS / instructions))),
  progress: (what) => void process.stderr.write(`${what}\n`),
});
console.log(JSON.stringify({ kernel: release(), mitigations: mitigations(), rows } satisfies GuestReport));
