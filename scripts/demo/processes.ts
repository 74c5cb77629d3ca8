/** Commands that the demo runs, all ended when the demo is interrupted. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Expectations that do not hold, and commands that should not have failed: the demo ends with the message. */
export class DemoFailure extends Error {
  override readonly name = "DemoFailure";
}

/**
 * Runs a command to its end.
 * @throws the signal's reason when the demo is interrupted; DemoFailure when the command cannot be started
 */
export async function run(words: readonly string[], signal: AbortSignal, environment = {}): Promise<Ended> {
  signal.throwIfAborted();
  const child = start(words, signal, environment);
  let [stdout, stderr] = ["", ""];
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", (cause) => reject(new DemoFailure(`cannot start ${words[0]}: ${cause.message}`, { cause })));
    child.once("close", (code) => resolve(code ?? 1));
  });
  signal.throwIfAborted();
  return { status, stdout, stderr };
}

/** The same, and it must end well. Returns what it wrote to standard output. */
export async function mustRun(words: readonly string[], signal: AbortSignal): Promise<string> {
  const { status, stdout, stderr } = await run(words, signal);
  if (status !== 0) throw new DemoFailure(`${words.join(" ")} ended with ${status}:\n${(stderr || stdout).trim()}`);
  return stdout;
}

/** A shell in a network namespace of its own, which lives as long as it does. The shell does not outlive this process. */
export async function holdNamespace(): Promise<ChildProcess & { readonly pid: number }> {
  const shell = ["sh", "-c", "echo ready; exec sleep infinity"];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "unshare", "--net", ...shell], {
    stdio: ["ignore", "pipe", "inherit"],
    // Not of the terminal's process group: Ctrl-C must leave the neighbour until the demo has put things away.
    detached: true,
  });
  const ended = once(child, "close").then(([code]) => {
    throw new DemoFailure(`cannot make a network namespace: unshare ended with ${code}`);
  });
  await Promise.race([once(child.stdout!, "data"), ended]);
  ended.catch(() => undefined);
  return child as ChildProcess & { readonly pid: number };
}

function start([path = "", ...args]: readonly string[], signal: AbortSignal, environment: object): ChildProcess {
  const child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
  const end = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", end);
  child.once("close", () => signal.removeEventListener("abort", end));
  return child;
}
