import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readReport } from "../../../scripts/test/report.ts";
import type { ReportLine, TestOutcome } from "../../../scripts/test/report.ts";
import { formatSummary, total } from "../../../scripts/test/summary.ts";
import type { Run } from "../../../scripts/test/summary.ts";

const outcome = (state: TestOutcome["state"], name: string, more: Partial<TestOutcome> = {}): TestOutcome => ({
  file: "a.test.ts",
  name,
  state,
  ...more,
});

describe("a run's report", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "report-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const written = (lines: readonly ReportLine[], tail = "") => {
    const path = join(folder, "report.jsonl");
    writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join("") + tail);
    return readReport(path);
  };

  test("is absent when nothing was written", () => {
    expect(readReport(join(folder, "none.jsonl"))).toBeUndefined();
  });

  test("of a run that was killed says what was done and what was under way", () => {
    const lines: ReportLine[] = [
      { kind: "start", file: "a.test.ts", name: "one" },
      { kind: "outcome", outcome: outcome("passed", "one") },
      { kind: "start", file: "a.test.ts", name: "two" },
    ];
    expect(written(lines, '{"kind":"outcome","outc')).toEqual({
      tests: [outcome("passed", "one")],
      running: "a.test.ts > two",
      ended: false,
    });
  });

  test("of a whole run says so", () => {
    expect(written([{ kind: "end" }])).toEqual({ tests: [], running: undefined, ended: true });
  });
});

describe("the summary", () => {
  const run = (name: string, tests: readonly TestOutcome[], more: Partial<Run> = {}): Run => ({
    name,
    seconds: 1.4,
    report: { tests, running: undefined, ended: true },
    ...more,
  });

  const runs: Run[] = [
    run("unit", [outcome("passed", "a"), outcome("failed", "b", { message: "expected 1 to be 2" })]),
    run("host", [], { report: undefined, skipped: "needs root" }),
    run(
      "guest",
      ["c", "d"].map((name) => outcome("skipped", name, { reason: "no EXT" })),
      { fault: "time over" },
    ),
  ];

  test("counts a run's fault as a failure and its absence as a skip", () => {
    expect(total(runs)).toEqual({ passed: 1, failed: 2, skipped: 3 });
  });

  test("gives each reason once, each failure with its place, and the total as its last line", () => {
    expect(formatSummary(runs)).toBe(
      [
        "       passed  failed  skipped  seconds",
        "unit        1       1        0        1",
        "host        0       0        1        1",
        "guest       0       1        2        1",
        "",
        "  skipped  host: the whole run: needs root",
        "  skipped  guest: 2 × no EXT",
        "  FAILED   unit: a.test.ts > b",
        "             expected 1 to be 2",
        "  FAILED   guest: time over",
        "",
        "1 passed, 2 failed, 3 skipped",
        "",
      ].join("\n"),
    );
  });
});
