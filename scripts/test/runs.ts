import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleForTests } from "../bundle.mjs";
import { ScriptFailure } from "../debian/failure.ts";
import { findCommand } from "../debian/run.ts";
import { runInVm } from "../vm/boot.ts";
import type { KernelVersion } from "../vm/kernels.ts";
import { readReport, REPORT_VARIABLE } from "./report.ts";
import type { RunReport } from "./report.ts";
import type { Run } from "./summary.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** What every run gets: where reports go, the words for vitest from the command line, and when all must be over. */
export type RunSettings = {
  readonly folder: string;
  readonly words: readonly string[];
  /** Test files of a run that is not to run all, where the command line names none. */
  readonly files?: readonly string[];
  /** What takes minutes, above all in emulation, is left to `npm run test:kernels`. */
  readonly short?: boolean;
  /** Milliseconds of `performance.now()`. */
  readonly deadline: number;
};

type Ended = { readonly status: number | null; readonly fault?: string };

const vitestWords = (project: string, settings: RunSettings): string[] => [
  "node_modules/vitest/vitest.mjs",
  "run",
  `--project=${project}`,
  "--allowOnly=false",
  "--passWithNoTests",
  "--reporter=default",
  "--reporter=scripts/test/reporter.ts",
  ...(settings.words.length > 0 ? settings.words : (settings.files ?? [])),
];

const secondsLeft = (settings: RunSettings): number =>
  Math.max(1, Math.floor((settings.deadline - performance.now()) / 1000));

/**
 * Judges a run by its report, not by its word: a run that ended well without a report, or that ran no test although
 * nothing was filtered out, has failed.
 */
function judge(name: string, started: number, reportFile: string, settings: RunSettings, ended: Ended): Run {
  const seconds = (performance.now() - started) / 1000;
  const report = readReport(reportFile);
  const fault = ended.fault ?? findFault(report, ended.status, settings);
  const where = report?.running === undefined || report.ended ? "" : `; it was at ${report.running}`;
  return { name, seconds, report, ...(fault === undefined ? {} : { fault: `${fault}${where}` }) };
}

function findFault(
  report: RunReport | undefined,
  status: number | null,
  { words, files = [] }: RunSettings,
): string | undefined {
  const filtered = words.length > 0;
  if (report === undefined && filtered && status === 0) return undefined;
  if (report === undefined) return `vitest ended with status ${status} and wrote no report`;
  if (!report.ended) return `vitest ended with status ${status} in the middle of its run`;
  const failed = report.tests.some(({ state }) => state === "failed");
  if (status !== 0 && !failed) return `vitest ended with status ${status} and no failed test`;
  if (filtered) return undefined;
  if (!report.tests.some(({ state }) => state !== "skipped")) return "no test was executed";
  const missing = files.find((wanted) => !report.tests.some(({ file }) => file === wanted));
  if (missing !== undefined) return `no test of ${missing} was there`;
  const silent = report.tests.filter(({ state, reason }) => state === "skipped" && reason === undefined);
  const [first] = silent;
  return first && `${silent.length} tests are skipped without a reason, first: ${first.file} > ${first.name}`;
}

/** The path of a run's report, with what an earlier run left there removed. */
function reportPath(settings: RunSettings, name: string): string {
  const path = join(settings.folder, name, "report.jsonl");
  rmSync(path, { force: true });
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

/**
 * Interfaces have names, so two runs on one machine would meet: the kernel's tests get a network of their own, which also
 * takes everything with it that a run which is killed leaves behind. Pins are told apart by the network's inode.
 */
const ownNetwork = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"'];

/** Where a run's output goes as it comes. */
export type Write = (chunk: Buffer | string) => void;

/** Runs a vitest project on this machine. */
export async function runOnHost(
  name: string,
  project: "unit" | "fuzz" | "kernel",
  settings: RunSettings,
  write: Write,
): Promise<Run> {
  const started = performance.now();
  const report = reportPath(settings, project);
  const [path = "", ...words] = [
    ...(project === "kernel" ? ownNetwork : []),
    process.execPath,
    ...vitestWords(project, settings),
  ];
  const child = spawn(path, words, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, [REPORT_VARIABLE]: report, ...shortly(settings) },
  });
  child.stdout.on("data", write);
  child.stderr.on("data", write);
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  let fault: string | undefined;
  const overdue = (): void => {
    fault = "the time was over and the run was ended";
    end();
  };
  const timer = setTimeout(overdue, secondsLeft(settings) * 1000);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  clearTimeout(timer);
  process.off("exit", end);
  return judge(name, started, report, settings, { status, ...(fault === undefined ? {} : { fault }) });
}

/**
 * Environment variables: the folders of what is made ready for guests, modules for vitest (vitest.config.ts) and programs for
 * plain node (test/support/programs.ts).
 */
const MODULES_VARIABLE = "XDPGEN_TEST_MODULES";
const PROGRAMS_VARIABLE = "XDPGEN_TEST_PROGRAMS";

/** Environment variable: there for a run that is to be short (test/kernel/cli/world.ts). */
const SHORT_VARIABLE = "XDPGEN_TEST_SHORT";
const shortly = ({ short }: RunSettings): Readonly<Record<string, string>> => (short ? { [SHORT_VARIABLE]: "1" } : {});

const modulesFolder = (settings: RunSettings): string => join(settings.folder, "modules");
const programsFolder = (settings: RunSettings): string => join(settings.folder, "programs");

/**
 * Makes ready what the host does in seconds and a guest in minutes: bundles the programs that tests start in processes of their
 * own, and transforms the modules of the kernel project, by listing its tests. Should the latter fail, guests say what is wrong.
 *
 * @throws Error where a program cannot be bundled
 */
export async function prepareGuests(settings: RunSettings): Promise<void> {
  const programs = programsFolder(settings);
  await bundleForTests(programs);
  const vitest = ["node_modules/vitest/vitest.mjs", "list", "--project=kernel", ...settings.words];
  await node(vitest, { [MODULES_VARIABLE]: modulesFolder(settings), [PROGRAMS_VARIABLE]: programs });
}

/** Runs node in silence, whatever its status. */
async function node(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<void> {
  const child = spawn(process.execPath, words, { cwd: root, stdio: "ignore", env: { ...process.env, ...environment } });
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  });
  process.off("exit", end);
}

/** Runs the kernel project in a guest. */
export async function runInGuest(
  name: string,
  kernel: KernelVersion,
  settings: RunSettings,
  write: Write,
): Promise<Run> {
  const started = performance.now();
  const report = reportPath(settings, `kernel-${kernel}`);
  const ended = await runInVm({
    kernel,
    command: ["node", ...vitestWords("kernel", settings)],
    folder: root,
    out: dirname(report),
    timeoutSeconds: secondsLeft(settings),
    environment: {
      [REPORT_VARIABLE]: report,
      [MODULES_VARIABLE]: modulesFolder(settings),
      [PROGRAMS_VARIABLE]: programsFolder(settings),
      ...shortly(settings),
    },
    stdout: write,
    stderr: write,
    say: (line) => write(`vm: ${line}\n`),
  }).then(
    (result): Ended =>
      result.kind === "exited"
        ? { status: result.status }
        : { status: null, fault: `the guest ended by ${result.kind}; its console's last lines:\n${result.console}` },
    (error: unknown): Ended => {
      if (!(error instanceof ScriptFailure)) throw error;
      return { status: null, fault: error.message };
    },
  );
  return judge(name, started, report, settings, ended);
}

/** Why the kernel's tests cannot run on this machine itself, or `undefined` when they can. */
export function hostRefusal(): string | undefined {
  if (process.getuid?.() !== 0) return "loading programs and making interfaces needs root";
  const bpftool = findCommand("bpftool");
  if (bpftool === undefined) return "bpftool is not installed";
  const { status, stderr } = spawnSync(bpftool, ["prog", "list"], { encoding: "utf8" });
  return status === 0 ? undefined : `this machine's kernel ${release()} does not let root use BPF: ${stderr.trim()}`;
}
