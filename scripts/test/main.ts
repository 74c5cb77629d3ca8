/**
 * `npm test [-- WORDS FOR VITEST]`: the unit tests, and the kernel tests on this machine's kernel and on the oldest of
 * Debian's in a virtual machine. `npm run test:kernels` has the others.
 *
 * In: the checkout, set up. Out: what vitest prints, one summary of all runs with each skip's reason, and as its last line
 * `N passed, N failed` with the skips behind. Exit status 1 when a test failed or a run did not do what it should have.
 * On two processors both are busy to the end: the guest takes as long as all that this machine tests.
 */
import { oldestKernel } from "../vm/kernels.ts";
import { inGuest, onThisMachine, runSuites, unitTests } from "./suites.ts";
import { formatSummary, total } from "./summary.ts";

const LIMIT_SECONDS = 40 * 60;

const out = (chunk: Buffer | string): void => void process.stdout.write(chunk);
const words = process.argv.slice(2);
const suites = [inGuest(oldestKernel), unitTests, onThisMachine];
const runs = await runSuites(suites, { words, limitSeconds: LIMIT_SECONDS, out });
out(`\n${formatSummary(runs)}`);
const { passed, failed } = total(runs);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
