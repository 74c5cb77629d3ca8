import { appendFileSync } from "node:fs";
import { relative } from "node:path";
import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule } from "vitest/node";
import { REPORT_VARIABLE } from "./report.ts";
import type { ReportLine, TestOutcome } from "./report.ts";

const firstLine = (error: SerializedError | undefined): string => (error?.message ?? "no message").split("\n")[0] ?? "";

const fileOf = (module: TestModule): string => relative(process.cwd(), module.moduleId);

const place = (test: TestCase): { file: string; name: string } => ({ file: fileOf(test.module), name: test.fullName });

function took(test: TestCase): { seconds?: number } {
  const milliseconds = test.diagnostic()?.duration;
  return milliseconds === undefined ? {} : { seconds: Math.round(milliseconds) / 1000 };
}

function outcome(test: TestCase): TestOutcome {
  const result = test.result();
  switch (result.state) {
    case "passed":
      return { ...place(test), state: "passed", ...took(test) };
    case "skipped":
      return { ...place(test), state: "skipped", ...(result.note === undefined ? {} : { reason: result.note }) };
    case "failed":
      return { ...place(test), state: "failed", message: firstLine(result.errors[0]), ...took(test) };
    case "pending":
      return { ...place(test), state: "failed", message: "the test did not end" };
  }
}

function write(line: ReportLine): void {
  const path = process.env[REPORT_VARIABLE];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(line)}\n`);
}

/**
 * A vitest reporter beside the one that people read: vitest's own JSON leaves out why a test was skipped, which the
 * summary of all runs shows, and is not written when a run is cut short.
 */
export default class SummaryReporter implements Reporter {
  readonly #written = new Set<string>();

  onTestCaseReady(test: TestCase): void {
    write({ kind: "start", ...place(test) });
  }

  onTestCaseResult(test: TestCase): void {
    this.#written.add(test.id);
    write({ kind: "outcome", outcome: outcome(test) });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const fail = (file: string, name: string, error: SerializedError): void =>
      write({ kind: "outcome", outcome: { file, name, state: "failed", message: firstLine(error) } });
    for (const module of modules) {
      // Tests of a file or suite that broke down have no result of their own.
      for (const test of module.children.allTests()) {
        if (!this.#written.has(test.id)) write({ kind: "outcome", outcome: outcome(test) });
      }
      // A module's errors are those of its import, a suite's those of its hooks; neither belongs to a test.
      for (const error of module.errors()) fail(fileOf(module), "(loading the file)", error);
      for (const suite of module.children.allSuites()) {
        for (const error of suite.errors()) fail(fileOf(module), suite.fullName, error);
      }
    }
    for (const error of unhandled) fail("(outside the tests)", "unhandled error", error);
    write({ kind: "end" });
  }
}
