/**
 * `npm run vm -- --kernel 6.1 -- COMMAND…`: runs a command as root in a virtual machine with one of Debian's kernels.
 *
 * In: a kernel version, a command, the checkout it is run from. Out: the command's standard output and standard error as
 * they come, its exit status, and what it left in the `--out` folder. The guest sees the host's root read-only with a
 * tmpfs above it, so whatever else it writes is gone when it ends.
 *
 *     kernels.ts    which kernels there are; a kernel from the cache, or fetched (../debian/apt.ts) and unpacked
 *     initramfs.ts  the guest's first root: cpio.ts, modules.ts, job.ts, and the scripts of guest/
 *     boot.ts       one guest from start to end: qemu.ts says how, channel.ts carries the output
 *
 * Nothing here needs root, a network in the guest, or anything installed beyond what `node scripts/setup.mjs --for vm` names.
 */
import { constants } from "node:os";
import { ScriptFailure } from "../debian/failure.ts";
import { runInVm } from "./boot.ts";
import type { VmOptions, VmResult } from "./boot.ts";
import { parseCommandLine, usage } from "./command-line.ts";

/** Exit statuses beside the command's own: 1 a guest that panicked, 2 a wrong command line, 124 time over, 128+n a signal. */
const TIMED_OUT = 124;

/** What the caller reads when the guest ended without an exit status of its command. */
function describe(result: Exclude<VmResult, { kind: "exited" }>, options: VmOptions): string {
  const what = {
    timeout: `the time of ${options.timeoutSeconds} s was over and the guest was killed (--timeout gives it more)`,
    panic: `the guest's kernel ${options.kernel} panicked`,
    lost: "the guest ended without an exit status",
  }[result.kind];
  const tail = result.console === "" ? "its console was empty" : `the end of its console:\n${result.console}`;
  return `vm: ${what}; ${tail}\n`;
}

async function main(): Promise<number> {
  const options = parseCommandLine(process.argv.slice(2));
  if (options === "help") {
    process.stdout.write(usage);
    return 0;
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // What runs or lies about at that moment is ended and removed by its own handler of the process's exit.
    process.once(signal, () => {
      process.stderr.write(`vm: ended by ${signal}\n`);
      process.exit(128 + constants.signals[signal]);
    });
  }
  const result = await runInVm(options);
  if (result.kind === "exited") return result.status;
  process.stderr.write(describe(result, options));
  return result.kind === "timeout" ? TIMED_OUT : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ScriptFailure)) throw error;
  process.stderr.write(`vm: ${error.message}\n`);
  process.exitCode = error.status;
}
