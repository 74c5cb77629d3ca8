/** Runs the health command of a chain. In: the command and what it is about. Out: nothing, or why the swap must not stay. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable } from "node:stream";
import { commandLineOf, DEFAULT_WITHIN, type Health, withinMs } from "../../chain/health.ts";
import { XdpgenError } from "../../errors.ts";
import type { Steps } from "./steps.ts";

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

/** What became of an interface when the swap did not stay. */
export interface Outcome {
  /** By the name that it has then. */
  readonly device: string;
  /** In a clause. */
  readonly now: string;
}

/** Of one, where it is the one that is not healthy, or of each by its name. */
function outcomesOf(outcomes: readonly Outcome[], failed: string): string {
  if (outcomes.length === 1 && outcomes[0]!.device === failed) return outcomes[0]!.now;
  return outcomes.map(({ device, now }) => `${device}: ${now}`).join("; ");
}

/** A swap must not stay. What is there instead is known once it was taken back. */
export class Unhealthy extends Error {
  /** @param outcomes of all interfaces that were put back, in their order */
  readonly explained: (outcomes: readonly Outcome[]) => XdpgenError;

  constructor(explained: (outcomes: readonly Outcome[]) => XdpgenError) {
    super("what is live now is not healthy");
    this.name = "Unhealthy";
    this.explained = explained;
  }

  /** The same, of a swap of which some were put back already. */
  after(earlier: readonly Outcome[]): Unhealthy {
    return new Unhealthy((outcomes) => this.explained([...earlier, ...outcomes]));
  }
}

/**
 * Runs the health command on what is live now.
 *
 * @param called the interface's name now: it may change while the command runs
 * @param steps gives the signal, which cancels it as long as it runs
 * @throws Unhealthy, which is explained as `health-failed` or `aborted`
 */
export async function requireHealth(
  health: Health,
  { chain, generation }: Omit<HealthSubject, "device">,
  called: () => string,
  { notice, signal }: Pick<Steps, "notice" | "signal">,
): Promise<void> {
  const device = called();
  const command = commandLineOf(health);
  notice(`generation ${generation} is live on ${device}; its health command \`${command}\` decides whether it stays`);
  const failure = await runHealth(health, { device, chain, generation }, signal);
  if (!failure) return;
  const cancelled = signal?.aborted === true;
  throw new Unhealthy((outcomes) => {
    const now = called();
    const back = outcomes.length === 0 ? "" : `; ${outcomesOf(outcomes, now)}`;
    if (cancelled) {
      const when = `while generation ${generation} of chain ${chain} was live on ${now} and its health command ran`;
      return new XdpgenError("aborted", `cancelled ${when}${back}`, { cause: signal?.reason });
    }
    const lines = failure.lines.map((line) => `\n    ${line}`);
    const wrote = lines.length > 0 ? `. It wrote last:${lines.join("")}` : "";
    const how = `\`${command}\` ${failure.reason}${back}${wrote}`;
    return new XdpgenError(
      "health-failed",
      `generation ${generation} of chain ${chain} on ${now} is not healthy: ${how}`,
    );
  });
}
