/**
 * `npm run test:kernels [-- OPTIONS] [-- WORDS FOR VITEST]`: the kernel tests on this machine's kernel and on each of
 * Debian's, or on those named.
 *
 * In: the checkout, set up. Out: what vitest prints, kernel by kernel, then a table of kernels by what passed, failed and was
 * skipped, with each skip's reason. With `--json` that is one JSON value on standard output, and the rest goes to standard
 * error. Exit status 0 when all passed, 1 when a test failed or a run did not do what it should have, 2 for wrong options.
 */
import { ScriptFailure } from "../debian/failure.ts";
import { parseMatrixLine, usage } from "./matrix-line.ts";
import { inGuest, onThisMachine, runSuites } from "./suites.ts";
import { formatSummary, summaryValue, total } from "./summary.ts";

/** A hang: all kernels, two at a time, on a machine of half the speed that does other work too. */
const LIMIT_SECONDS = 3 * 60 * 60;

async function main(): Promise<number> {
  const line = parseMatrixLine(process.argv.slice(2));
  if (line === "help") {
    process.stdout.write(usage);
    return 0;
  }
  const { targets, json, jobs, words } = line;
  const suites = targets.map((target) => (target === "host" ? onThisMachine() : inGuest(target)));
  const runs = await runSuites(suites, {
    words,
    limitSeconds: LIMIT_SECONDS,
    ...(jobs === undefined ? {} : { lanes: jobs }),
    out: (chunk) => void (json ? process.stderr : process.stdout).write(chunk),
  });
  process.stdout.write(json ? `${JSON.stringify(summaryValue(runs), null, 2)}\n` : `\n${formatSummary(runs)}`);
  const { passed, failed } = total(runs);
  return failed > 0 || passed === 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ScriptFailure)) throw error;
  process.stderr.write(`test:kernels: ${error.message}\n`);
  process.exitCode = error.status;
}
