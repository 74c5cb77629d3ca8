/** Runs the health command of a chain. In: the command and what it is about. Out: nothing, or why it failed. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable } from "node:stream";
import { DEFAULT_WITHIN, type Health, withinMs } from "../../chain/health.ts";

/** What the command finds in its environment. */
export interface HealthSubject {
  readonly device: string;
  readonly chain: string;
  readonly generation: number;
}

export interface HealthFailure {
  /** Such as `ended with status 7`. */
  readonly reason: string;
  /** The last lines that it wrote, to either stream. */
  readonly lines: readonly string[];
}

const LAST_LINES = 10;
/** Characters of output that are kept. */
const MOST_OUTPUT = 8192;
/** How long output is waited for when the command has ended. */
const LAST_OUTPUT_MS = 100;

/**
 * Runs the command to its end, or until its time is over; then it is killed, and its children with it, but for those that left its
 * process group.
 *
 * @param signal cancels it, which is a failure too
 */
export async function runHealth(
  health: Health,
  { device, chain, generation }: HealthSubject,
  signal?: AbortSignal,
): Promise<HealthFailure | undefined> {
  const { command, within = DEFAULT_WITHIN, folder } = health;
  const [program, ...words] = typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  const about = { XDPGEN_INTERFACE: device, XDPGEN_CHAIN: chain, XDPGEN_GENERATION: `${generation}` };
  let child;
  try {
    child = spawn(program!, words, {
      // A group of its own, so that its children can be killed too.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      cwd: folder || ".",
      env: { ...process.env, ...about },
    });
  } catch (error) {
    return { reason: `cannot be started: ${(error as Error).message}`, lines: [] };
  }
  let output = "";
  // It has none where there was no fd for it, as of which it tells with its error.
  for (const stream of [child.stdout, child.stderr] as readonly (Readable | null | undefined)[]) {
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => (output = (output + text).slice(-MOST_OUTPUT)));
  }
  const reason = await ended(child, within, signal);
  if (reason === undefined) return undefined;
  if (child.pid === undefined && folder && !existsSync(folder)) {
    return { reason: `cannot be started: there is no folder ${folder}`, lines: [] };
  }
  return {
    reason,
    lines: output
      .trimEnd()
      .split("\n")
      .slice(-LAST_LINES)
      .filter((line) => line !== ""),
  };
}

/** Undefined for status 0. Nothing of the command's group runs on afterwards. */
function ended(child: ChildProcess, within: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  return new Promise((resolved) => {
    let reason: string | undefined;
    const kill = (why: string): void => {
      reason ??= why;
      killGroup(child);
    };
    const cancel = (): void => kill("was cancelled");
    const timer = setTimeout(() => kill(`did not end within ${within} and was killed`), withinMs(within));
    // From its end on its number may be another's.
    const letGo = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    };
    signal?.addEventListener("abort", cancel);
    if (signal?.aborted) cancel();
    child.on("error", (error) => {
      reason ??= `cannot be started: ${error.message}`;
      // Without a process there is no exit.
      if (child.pid !== undefined) return;
      letGo();
      resolved(reason);
    });
    child.on("exit", (status, name) => {
      letGo();
      if (status !== 0) reason ??= name === null ? `ended with status ${status}` : `was killed by ${name}`;
      // Children that it left behind would write to nobody.
      killGroup(child);
      // Who left the group may hold the streams: what the command itself wrote is read by then.
      const last = setTimeout(() => setImmediate(closeStreams, child), LAST_OUTPUT_MS);
      child.on("close", () => {
        clearTimeout(last);
        resolved(reason);
      });
    });
  });
}

function closeStreams({ stdout, stderr }: ChildProcess): void {
  stdout?.destroy();
  stderr?.destroy();
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All have ended.
  }
}
