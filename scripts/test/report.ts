import { existsSync, readFileSync } from "node:fs";

/**
 * What one test did. `reason` is what a skipped test says of itself; `message` the first line of a failure; `seconds` how
 * long it took, hooks apart.
 */
export type TestOutcome = {
  readonly file: string;
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  readonly reason?: string;
  readonly message?: string;
  readonly seconds?: number;
};

/**
 * One line of the file that a run of vitest writes, as JSON. A line is written when it happens, so that a run that is cut
 * short still says what it had done and which test it was at.
 */
export type ReportLine =
  | { readonly kind: "start"; readonly file: string; readonly name: string }
  | { readonly kind: "outcome"; readonly outcome: TestOutcome }
  | { readonly kind: "end" };

/**
 * A run of vitest. Modules that could not be loaded and errors outside tests are among the outcomes, as failures.
 * `running` names the test that had begun and not ended; `ended` says whether the run came to its end.
 */
export type RunReport = {
  readonly tests: readonly TestOutcome[];
  readonly running: string | undefined;
  readonly ended: boolean;
};

/** Environment variable that names the file. */
export const REPORT_VARIABLE = "XDPGEN_TEST_REPORT";

/** Reads what a run has written so far; `undefined` when it has written nothing. */
export function readReport(path: string): RunReport | undefined {
  if (!existsSync(path)) return undefined;
  const tests: TestOutcome[] = [];
  const running = new Set<string>();
  let ended = false;
  for (const text of readFileSync(path, "utf8").split("\n")) {
    // A line without its end is one whose writer was killed.
    if (!text.endsWith("}")) continue;
    const line = JSON.parse(text) as ReportLine;
    switch (line.kind) {
      case "start":
        running.add(`${line.file} > ${line.name}`);
        break;
      case "outcome":
        running.delete(`${line.outcome.file} > ${line.outcome.name}`);
        tests.push(line.outcome);
        break;
      case "end":
        ended = true;
        break;
    }
  }
  return { tests, running: [...running].at(-1), ended };
}
