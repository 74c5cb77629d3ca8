/**
 * `node --import tsx scripts/llvm/main.ts [--check]`: fetches Debian's newest LLVM into the cache, unless the system's own
 * or the one in the cache knows the whole instruction set. With `--check` it only ends with 1 when there is one to fetch.
 *
 *     llvm.ts    where it lies, how its tools are started, how it is fetched
 *     system.ts  the system's own
 */
import { constants } from "node:os";
import { ScriptFailure } from "../debian/failure.ts";
import { COMPLETE, cachedLlvm, fetchLlvm } from "./llvm.ts";
import { systemVersion } from "./system.ts";

const say = (line: string): void => void process.stderr.write(`llvm: ${line}\n`);

async function main(words: readonly string[]): Promise<number> {
  const [word, ...rest] = words;
  if ((word !== undefined && word !== "--check") || rest.length > 0) {
    throw new ScriptFailure("usage: node --import tsx scripts/llvm/main.ts [--check]", 2);
  }
  if (cachedLlvm() !== undefined || (systemVersion() ?? 0) >= COMPLETE) return 0;
  if (word === "--check") return 1;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // What lies about at that moment is removed by its own handler of the process's exit.
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
  const { version, root } = await fetchLlvm(say);
  say(`LLVM ${version} is in ${root}`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ScriptFailure)) throw error;
  say(error.message);
  process.exitCode = error.status;
}
