/** Processes that the demo starts, all ended when the demo is interrupted. */
import { spawn } from "node:child_process";

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An expectation that does not hold, or a command that should not have failed: the demo ends with the message. */
export class DemoFailure extends Error {
  override readonly name = "DemoFailure";
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** What the command reads from standard input. */
  readonly input?: string;
}

/**
 * Runs a command to its end.
 * @throws the signal's reason when the demo is interrupted; DemoFailure when the command cannot be started
 */
export async function run(words: readonly string[], signal: AbortSignal, options: RunOptions = {}): Promise<Ended> {
  signal.throwIfAborted();
  const [path = "", ...args] = words;
  const env = { ...process.env, ...options.environment };
  // Not of the terminal's process group: on Ctrl-C the demo itself decides what ends and what still has to be done.
  const child = spawn(path, args, { stdio: ["pipe", "pipe", "pipe"], env, detached: true });
  const end = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", end);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  // A command that ends without reading is known by its exit status.
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", (cause) => reject(new DemoFailure(`cannot start ${path}: ${cause.message}`, { cause })));
    child.once("close", (code) => resolve(code ?? 1));
  });
  signal.removeEventListener("abort", end);
  signal.throwIfAborted();
  return { status, stdout, stderr };
}

/** The same, and it must end well. Returns what it wrote to standard output. */
export async function mustRun(words: readonly string[], signal: AbortSignal, options?: RunOptions): Promise<string> {
  const { status, stdout, stderr } = await run(words, signal, options);
  if (status !== 0) throw new DemoFailure(`${words.join(" ")} ended with ${status}:\n${(stderr || stdout).trim()}`);
  return stdout;
}
