import type { RunReport, TestOutcome } from "./report.ts";

/** One run of vitest as the runner saw it. */
export type Run = {
  readonly name: string;
  readonly seconds: number;
  readonly report: RunReport | undefined;
  /** Why the run as a whole is wrong although its tests may not be: no report, time over, a crash. It counts as one failure. */
  readonly fault?: string;
  /** Why there was no run. It counts as one skip. */
  readonly skipped?: string;
};

export type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

const state = (run: Run, wanted: TestOutcome["state"]): TestOutcome[] =>
  (run.report?.tests ?? []).filter((test) => test.state === wanted);

/** The counts of one run. Its own fault is one failure, its own absence one skip. */
export const count = (run: Run): Counts => ({
  passed: state(run, "passed").length,
  failed: state(run, "failed").length + (run.fault === undefined ? 0 : 1),
  skipped: state(run, "skipped").length + (run.skipped === undefined ? 0 : 1),
});

/** The counts of all runs together. */
export const total = (runs: readonly Run[]): Counts =>
  runs.map(count).reduce(
    (sum, next) => ({
      passed: sum.passed + next.passed,
      failed: sum.failed + next.failed,
      skipped: sum.skipped + next.skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  );

const inWords = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;

/** Skipped tests by reason, so that a reason shared by fifty tests is read once. */
function skipLines(run: Run): string[] {
  const byReason = new Map<string, number>();
  for (const test of state(run, "skipped")) {
    const reason = test.reason ?? "no reason given";
    byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
  }
  if (run.skipped !== undefined) byReason.set(`the whole run: ${run.skipped}`, 1);
  return [...byReason].map(([reason, times]) => `  skipped  ${run.name}: ${times > 1 ? `${times} × ` : ""}${reason}`);
}

const failureLines = (run: Run): string[] => [
  ...state(run, "failed").map(
    ({ file, name, message }) => `  FAILED   ${run.name}: ${file} > ${name}\n             ${message}`,
  ),
  ...(run.fault === undefined ? [] : [`  FAILED   ${run.name}: ${run.fault}`]),
];

/**
 * The page at the end of `npm test` and of `npm run test:kernels`: a table of runs, then why tests were skipped and what
 * failed. Its last line is `N passed, N failed` with the true total, skips behind it.
 */
export function formatSummary(runs: readonly Run[]): string {
  const rows = [
    ["", "passed", "failed", "skipped", "seconds"],
    ...runs.map((run) => {
      const { passed, failed, skipped } = count(run);
      return [run.name, ...[passed, failed, skipped].map(String), run.seconds.toFixed(0)];
    }),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("  "),
  );
  const details = [...runs.flatMap(skipLines), ...runs.flatMap(failureLines)];
  return [...lines, ...(details.length === 0 ? [] : ["", ...details]), "", inWords(total(runs)), ""].join("\n");
}

/** The same as a plain value, with every test. */
export const summaryValue = (runs: readonly Run[]): unknown => ({
  ...total(runs),
  runs: runs.map((run) => ({
    name: run.name,
    ...count(run),
    seconds: Math.round(run.seconds),
    ...(run.fault === undefined ? {} : { fault: run.fault }),
    ...(run.skipped === undefined ? {} : { reason: run.skipped }),
    tests: run.report?.tests ?? [],
  })),
});
