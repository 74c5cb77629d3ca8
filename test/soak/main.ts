/**
 * `npm run soak`: hours of what operators do to a chain, and of what happens to them, in one process.
 *
 *     command-line.ts  what was asked for
 *     soak.ts          the run
 *     course.ts        which deed is next, and what is counted on the way
 *     deeds.ts         what is done to the chain, and what must be true afterwards
 *     kill.ts          a process that applies a chain, and is killed within its transaction
 *     leftovers.ts     what of it could be left behind
 *     memory.ts        whether the process grows
 *     report.ts        what came of it
 */
import { processIo } from "../../src/cli/io.ts";
import { progress } from "../../src/cli/progress.ts";
import { readCommandLine, USAGE, UsageError } from "./command-line.ts";
import { reportText } from "./report.ts";
import { soak } from "./soak.ts";

async function main(words: readonly string[]): Promise<number> {
  const command = readCommandLine(words);
  if (command === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  using live = progress(processIo().err);
  const report = await soak(command, (line) => live.step(line));
  live[Symbol.dispose]();
  process.stdout.write(command.json ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report));
  return report.failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`soak: ${error.message}\nSee npm run soak -- --help\n`);
  process.exitCode = 2;
}
