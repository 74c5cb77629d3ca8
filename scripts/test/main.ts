/**
 * `npm test [-- WORDS FOR VITEST]`: the unit tests, the fuzz targets, and the kernel tests on this machine's kernel and, in
 * virtual machines, on the oldest of Debian's and what tells kernels apart on the newest. What takes minutes, in a guest above
 * all, and tells nothing new is left to `npm run test:kernels`, unless it is named.
 *
 * In: the checkout, set up. Out: what vitest prints, one summary of all runs with each skip's reason, and as its last line
 * `N passed, N failed` with the skips behind. Exit status 1 when a test failed or a run did not do what it should have.
 * On two processors the oldest kernel's guest keeps one busy for most of the time.
 */
import { newestKernel, oldestKernel } from "../vm/kernels.ts";
import { hostRefusal } from "./runs.ts";
import { fuzzTargets, inGuest, onThisMachine, runSuites, unitTests } from "./suites.ts";
import { formatSummary, total } from "./summary.ts";

/** A hang, and not what a slow machine is to be failed for: it is meant to take less than half of this. The gate has 90 minutes. */
const LIMIT_SECONDS = 80 * 60;

/**
 * What asks most of a kernel: dispatchers of each linkage are loaded, bound, run, and exchanged under traffic. The whole suite on
 * one kernel more would take half an hour, and is for `npm run test:kernels`.
 */
const TELLING_KERNELS_APART = ["behaviour", "tail", "equivalence", "swap", "generations"].map(
  (name) => `test/kernel/${name}.test.ts`,
);

const out = (chunk: Buffer | string): void => void process.stdout.write(chunk);
const words = process.argv.slice(2);
// What is left out in guests is what this machine's own kernel shows.
const short = words.length === 0 && hostRefusal() === undefined;
// The longest come first, and the unit tests last, since only they use a second processor that is free by then.
const suites = [
  inGuest(oldestKernel, { short }),
  onThisMachine({ short }),
  inGuest(newestKernel, { short, files: TELLING_KERNELS_APART }),
  fuzzTargets,
  unitTests,
];
const runs = await runSuites(suites, { words, limitSeconds: LIMIT_SECONDS, out });
out(`\n${formatSummary(runs)}`);
const { passed, failed } = total(runs);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
