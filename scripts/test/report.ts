/** What one test did. `reason` is what a skipped test says of itself; `message` the first line of a failure. */
export type TestOutcome = {
  readonly file: string;
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  readonly reason?: string;
  readonly message?: string;
};

/** What one run of vitest wrote at its end. Modules that could not be loaded and errors outside tests are failures. */
export type RunReport = { readonly tests: readonly TestOutcome[] };

/** Environment variable that names the file the reporter writes. */
export const REPORT_VARIABLE = "XDPGEN_TEST_REPORT";
