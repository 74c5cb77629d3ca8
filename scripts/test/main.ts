/**
 * `npm test [-- WORDS FOR VITEST]`: the unit tests, the kernel tests on this machine's kernel, and the kernel tests on
 * Debian's 6.1 in a virtual machine, which takes EXT programs whether or not this machine does.
 *
 * In: the checkout, set up. Out: what vitest prints, one summary of all runs with each skip's reason, and as its last line
 * `N passed, N failed` with the skips behind. Exit status 1 when a test failed or a run did not do what it should have.
 * The guest runs beside the other two; its output follows theirs.
 *
 * Environment: XDPGEN_TEST_KERNELS names the guests' kernels instead of 6.1, as in `"5.10 6.1 6.12 7.2"`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";

import { isKernelVersion } from "../vm/kernels.ts";
import { hostRefusal, runInGuest, runOnHost } from "./runs.ts";
import type { RunSettings } from "./runs.ts";
import { formatSummary, total } from "./summary.ts";
import type { Run } from "./summary.ts";

/** All runs together, downloads included: two cores carry the host's tests and the emulated guest at once. */
const LIMIT_SECONDS = 30 * 60;

/** Output that waits while another run has the terminal, and flows from then on. */
function heldOutput(): { write: (chunk: Buffer) => void; release: () => void } {
  let held: Buffer[] | undefined = [];
  return {
    write: (chunk) => void (held === undefined ? process.stdout.write(chunk) : held.push(chunk)),
    release: () => {
      for (const chunk of held ?? []) process.stdout.write(chunk);
      held = undefined;
    },
  };
}

async function main(words: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-test-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const settings: RunSettings = { folder, words, deadline: performance.now() + LIMIT_SECONDS * 1000 };
  const versions = (process.env["XDPGEN_TEST_KERNELS"] ?? "6.1").split(/[ ,]+/).filter((each) => each !== "");
  const kernels = versions.filter(isKernelVersion);
  if (kernels.length < versions.length || kernels.length === 0) {
    process.stderr.write(`XDPGEN_TEST_KERNELS: "${versions.join(" ")}" has a kernel that the harness has not\n`);
    return 2;
  }

  const heading = (name: string): string => `\n── ${name} ──\n`;
  const guestName = (kernel: string): string => `kernel tests on Debian's ${kernel}`;
  const output = heldOutput();
  const guests = (async (): Promise<Run[]> => {
    const runs: Run[] = [];
    for (const kernel of kernels) {
      output.write(Buffer.from(heading(guestName(kernel))));
      runs.push(await runInGuest(guestName(kernel), kernel, settings, output.write));
    }
    return runs;
  })();
  // Its outcome is awaited below; without this a failure meanwhile would end the process before the summary.
  guests.catch(() => undefined);

  const runs: Run[] = [];
  process.stdout.write(heading("unit tests"));
  runs.push(await runOnHost("unit tests", "unit", settings));
  const hostName = `kernel tests on this machine's ${release()}`;
  process.stdout.write(heading(hostName));
  const refusal = hostRefusal();
  if (refusal === undefined) {
    runs.push(await runOnHost(hostName, "kernel", settings));
  } else {
    process.stdout.write(`not run: ${refusal}\n`);
    runs.push({ name: hostName, seconds: 0, report: undefined, skipped: refusal });
  }
  output.release();
  runs.push(...(await guests));

  process.stdout.write(`\n${formatSummary(runs)}`);
  const { passed, failed } = total(runs);
  return failed > 0 || passed === 0 ? 1 : 0;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main(process.argv.slice(2));
