/** How checks came out, as values and in words. Nothing here runs one. */
import { type Action, ACTIONS, type Check, type CheckFrame } from "../../chain/index.ts";
import { describePacket, differenceOfPackets } from "../../packets/index.ts";

/** What a frame came to. */
export interface CheckRun {
  /** What the dispatcher returned: 32 bits, unsigned. */
  readonly verdict: number;
  /** The frame afterwards. */
  readonly data: Uint8Array;
  /** The programs that ran, where the check asks. */
  readonly path?: readonly string[];
}

/** One frame that was not as declared. Only what differs is there. */
export interface CheckFailure {
  /** Its place in its capture, from 1. */
  readonly frame: number;
  readonly packet: string;
  readonly verdict?: { readonly expected: string; readonly actual: string };
  readonly path?: { readonly expected: readonly string[]; readonly actual: readonly string[] };
  /** Lines of `differenceOfPackets`. */
  readonly difference?: readonly string[];
}

export interface CheckOutcome {
  readonly name: string;
  readonly maps: "fresh" | "live";
  /** How many ran. */
  readonly frames: number;
  readonly failures: readonly CheckFailure[];
  /** Why it did not run, where it did not. */
  readonly skipped?: string;
}

/** What of a frame is not as its check says; undefined where all is. */
export function compare(check: Check, frame: CheckFrame, run: CheckRun): CheckFailure | undefined {
  const expected = verdictName(frame.expect);
  const actual = verdictName(run.verdict);
  const difference = frame.after ? differenceOfPackets(frame.after, run.data) : [];
  const path = check.path && run.path && { expected: check.path, actual: run.path };
  const astray = path !== undefined && path.expected.join() !== path.actual.join();
  if (expected === actual && difference.length === 0 && !astray) return undefined;
  return {
    frame: frame.index,
    packet: `${frame.data.length} bytes: ${describePacket(frame.data)}`,
    ...(expected !== actual && { verdict: { expected, actual } }),
    ...(astray && { path }),
    ...(difference.length > 0 && { difference }),
  };
}

function verdictName(verdict: Action | number): string {
  return typeof verdict === "number" ? (ACTIONS[verdict] ?? String(verdict)) : verdict;
}

/** A check that failed, in lines: each frame with what was expected and what came. */
export function formatFailures({ name, failures }: CheckOutcome): string {
  const lines = failures.flatMap(({ frame, packet, verdict, path, difference = [] }) => [
    `check \`${name}\`, frame ${frame}: ${packet}`,
    ...(verdict ? [`  verdict  expected ${verdict.expected}, got ${verdict.actual}`] : []),
    ...(path ? [`  path     expected ${way(path.expected)}, got ${way(path.actual)}`] : []),
    ...difference.map((line, place) => `  ${place === 0 ? "packet " : "       "}  ${line}`),
  ]);
  return lines.join("\n");
}

function way(programs: readonly string[]): string {
  return programs.join(" > ") || "no program";
}
