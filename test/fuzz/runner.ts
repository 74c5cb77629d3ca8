/** A target in a process of its own, with a limit of time for each batch and of memory. */
import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Answer, Batch } from "./child.ts";

export interface Limits {
  /** For one batch. */
  readonly seconds: number;
  /** For the whole process: JavaScript's heap, and what lies outside of it. */
  readonly megabytes: number;
}

export interface Runner {
  /** Runs a batch. A failure ends the process; the next batch gets a new one. */
  run(batch: Batch): Promise<Answer>;
  /** Ends the process and all that it started; a batch that runs is answered with a failure. */
  stop(): void;
}

/** Lines of a dead process that are worth showing. */
const LAST_LINES = 20;

const PAGE_BYTES = 4096;

const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach(killGroup));

/** @param folder where the target's module is */
export function runner(name: string, folder: string, limits: Limits): Runner {
  let child: ChildProcess | undefined;
  const stop = (): void => {
    if (child) killGroup(child);
    child = undefined;
  };
  return {
    async run(batch) {
      child ??= start(name, folder, limits);
      const end = endOf(child);
      const answer = end
        ? { failure: `its process ended ${end} after it had answered the batch before` }
        : await ask(child, batch, limits);
      if ("failure" in answer) stop();
      return answer;
    },
    stop,
  };
}

function start(name: string, folder: string, { megabytes }: Limits): ChildProcess {
  const child = fork(fileURLToPath(new URL("child.ts", import.meta.url)), [name, folder], {
    execArgv: [...process.execArgv, `--max-old-space-size=${megabytes}`],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A group of its own: Ctrl-C is for the process that sums up, and what the target started can be ended with it.
    detached: true,
  });
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** How a process ended, if it did. */
function endOf({ exitCode, signalCode }: ChildProcess): string | undefined {
  if (signalCode !== null) return `by ${signalCode}`;
  return exitCode === null ? undefined : `with status ${exitCode}`;
}

function ask(child: ChildProcess, batch: Batch, { seconds, megabytes }: Limits): Promise<Answer> {
  return new Promise((resolve) => {
    let output = "";
    const listen = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-100_000));
    const overdue = setTimeout(() => end({ failure: `the batch was not done after ${seconds} s` }), seconds * 1000);
    const watch = setInterval(() => {
      const used = residentMegabytes(child.pid!);
      if (used > megabytes) end({ failure: `it uses ${used} MB of memory, and ${megabytes} MB are allowed` });
    }, 250);
    const died = (): void => {
      const last = output.trimEnd().split("\n").slice(-LAST_LINES).join("\n");
      end({ failure: `its process ended ${endOf(child)}\n${last}`.trimEnd() });
    };
    const end = (answer: Answer): void => {
      clearTimeout(overdue);
      clearInterval(watch);
      child.off("message", end).off("close", died);
      child.stdout!.off("data", listen);
      child.stderr!.off("data", listen);
      resolve(answer);
    };
    child.once("message", end).once("close", died);
    child.stdout!.on("data", listen);
    child.stderr!.on("data", listen);
    // That it cannot be sent means that the process has died, which `close` tells with more.
    child.send(batch, () => undefined);
  });
}

/** 0 when the process is gone. */
function residentMegabytes(pid: number): number {
  try {
    return Math.floor((Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES) / 2 ** 20);
  } catch {
    return 0;
  }
}
