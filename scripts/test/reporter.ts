import { writeFileSync } from "node:fs";
import { relative } from "node:path";

import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule } from "vitest/node";

import { REPORT_VARIABLE } from "./report.ts";
import type { RunReport, TestOutcome } from "./report.ts";

const firstLine = (error: SerializedError | undefined): string => (error?.message ?? "no message").split("\n")[0] ?? "";

function outcome(test: TestCase): TestOutcome {
  const result = test.result();
  const place = { file: relative(process.cwd(), test.module.moduleId), name: test.fullName };
  switch (result.state) {
    case "passed":
      return { ...place, state: "passed" };
    case "skipped":
      return { ...place, state: "skipped", ...(result.note === undefined ? {} : { reason: result.note }) };
    case "failed":
      return { ...place, state: "failed", message: firstLine(result.errors[0]) };
    case "pending":
      return { ...place, state: "failed", message: "the test did not end" };
  }
}

/**
 * A vitest reporter beside the one that people read: vitest's own JSON leaves out why a test was skipped, and that is
 * what the summary of all runs shows.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const path = process.env[REPORT_VARIABLE];
    if (path === undefined) return;
    const tests: TestOutcome[] = [];
    for (const module of modules) {
      tests.push(...[...module.children.allTests()].map(outcome));
      // A module's errors are those of its import, a suite's those of its hooks; neither belongs to a test.
      const outside = [module, ...module.children.allSuites()].flatMap((part) =>
        part.errors().map((error) => ({ name: part.type === "suite" ? part.fullName : "(loading the file)", error })),
      );
      for (const { name, error } of outside) {
        const file = relative(process.cwd(), module.moduleId);
        tests.push({ file, name, state: "failed", message: firstLine(error) });
      }
    }
    for (const error of unhandled) {
      tests.push({ file: "(outside the tests)", name: "unhandled error", state: "failed", message: firstLine(error) });
    }
    const report: RunReport = { tests };
    writeFileSync(path, JSON.stringify(report));
  }
}
