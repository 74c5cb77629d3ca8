/** Checking many inputs, and what is said of the one that fails. */
import { showBytes, shrinkBytes } from "./shrink.ts";

/** Throws if the input shows a mistake. It must give the same answer each time, and neither keep nor change the input. */
export type Check = (bytes: Uint8Array) => void;

/** @throws Error with the smallest input found that fails too, and what the check says of it */
export function checkInput(check: Check, input: Uint8Array): void {
  if (failure(check, input) === undefined) return;
  const least = shrinkBytes(input, (bytes) => failure(check, bytes) !== undefined);
  Error.stackTraceLimit = 10;
  const cause = failure(check, least);
  throw new Error(`${cause instanceof Error ? cause.stack : String(cause)}\nwith ${showBytes(least)}`, { cause });
}

function failure(check: Check, input: Uint8Array): unknown {
  try {
    check(input);
    return undefined;
  } catch (error) {
    return error ?? new Error("nothing was thrown, as undefined");
  }
}

/** Most inputs are refused with an error that nobody reads: half of the time would go into its stack. */
export function withoutStacks(work: () => void): void {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    work();
  } finally {
    Error.stackTraceLimit = before;
  }
}
