/** What `npm test` and `npm run test:kernels` are made of: suites, each on this machine or in a guest, run beside each other. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, release, tmpdir } from "node:os";
import { join } from "node:path";
import type { KernelVersion } from "../vm/kernels.ts";
import { inLanes } from "./lanes.ts";
import type { Task } from "./lanes.ts";
import { hostRefusal, runInGuest, runOnHost, prepareGuests } from "./runs.ts";
import type { RunSettings } from "./runs.ts";
import { openSections } from "./sections.ts";
import type { Section } from "./sections.ts";
import type { Run } from "./summary.ts";

/** A run, on one of the machine's processors. */
type Suite = (settings: SuiteSettings, open: (heading: string) => Section) => Promise<Run>;

type SuiteSettings = RunSettings & {
  /** Done once for all guests, when the first of them begins. */
  readonly ready: () => Promise<void>;
};

/** A run with a section of its own. */
async function inSection(
  name: string,
  open: (heading: string) => Section,
  run: (section: Section) => Promise<Run>,
): Promise<Run> {
  const section = open(name);
  try {
    return await run(section);
  } finally {
    section.end();
  }
}

export const unitTests: Suite = (settings, open) =>
  inSection("unit tests", open, ({ write }) => runOnHost("unit tests", "unit", settings, write));

/** Those that need no kernel; the others are among its tests. */
export const fuzzTargets: Suite = (settings, open) =>
  inSection("fuzz targets", open, ({ write }) => runOnHost("fuzz targets", "fuzz", settings, write));

/** The kernel suite on this machine's own kernel, or why not. */
export const onThisMachine =
  (part: Pick<RunSettings, "short"> = {}): Suite =>
  (settings, open) => {
    const name = `kernel tests on this machine's ${release()}`;
    return inSection(name, open, async ({ write }): Promise<Run> => {
      const refusal = hostRefusal();
      if (refusal === undefined) return runOnHost(name, "kernel", { ...settings, ...part }, write);
      write(`not run: ${refusal}\n`);
      return { name, seconds: 0, report: undefined, skipped: refusal };
    });
  };

/** The kernel suite, or a part of it, in a guest with one of Debian's kernels. */
export const inGuest =
  (kernel: KernelVersion, part: Pick<RunSettings, "files" | "short"> = {}): Suite =>
  (settings, open) => {
    const name = `${part.files ? `${part.files.length} files of the ` : ""}kernel tests on Debian's ${kernel}`;
    return inSection(name, open, async ({ write }) => {
      try {
        await settings.ready();
      } catch (error) {
        const fault = `nothing could be made ready for it: ${(error as Error).message}`;
        return { name, seconds: 0, report: undefined, fault };
      }
      return runInGuest(name, kernel, { ...settings, ...part }, write);
    });
  };

export type SuitesOptions = {
  /** Words for vitest: names of files, `-t NAME`. */
  readonly words: readonly string[];
  /** All suites together, downloads included; what is under way then is ended and has failed. */
  readonly limitSeconds: number;
  /** How many suites run at the same time; one for each processor by default, since a guest keeps one busy. */
  readonly lanes?: number;
  readonly out: (chunk: Buffer | string) => void;
};

/** Runs suites to their end, whatever fails on the way. */
export async function runSuites(suites: readonly Suite[], options: SuitesOptions): Promise<Run[]> {
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-test-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
  const { words, limitSeconds, lanes = availableParallelism(), out } = options;
  const run: RunSettings = { folder, words, deadline: performance.now() + limitSeconds * 1000 };
  let ready: Promise<void> | undefined;
  const settings: SuiteSettings = { ...run, ready: () => (ready ??= prepareGuests(run)) };
  const open = openSections(out);
  const tasks = suites.map(
    (suite): Task<Run> =>
      () =>
        suite(settings, open),
  );
  return inLanes(lanes, tasks);
}
