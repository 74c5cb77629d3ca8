/** System calls of a process, counted by strace, which is somebody else's word for it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A process that looks for these files is counted from the one look to the other only. */
export const BEGIN = "/xdpgen-bench-begin";
export const END = "/xdpgen-bench-end";

export interface Calls {
  readonly all: number;
  readonly bpf: number;
  /** Of bpf(2), by command: `BPF_PROG_LOAD`, … */
  readonly commands: Readonly<Record<string, number>>;
}

/** @throws Error where the command fails */
export function traced(command: string, words: readonly string[]): Calls {
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-bench-"));
  try {
    const file = join(folder, "trace");
    execFileSync("strace", ["-f", "-o", file, command, ...words], { stdio: ["ignore", "ignore", "pipe"] });
    return count(readFileSync(file, "utf8").split("\n"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function count(lines: readonly string[]): Calls {
  const begin = lines.findIndex((line) => line.includes(BEGIN));
  const end = lines.findIndex((line) => line.includes(END));
  const within = begin < 0 ? lines : lines.slice(begin + 1, end);
  // A call that another thread interrupts is shown in two lines, the second of which begins `<... `.
  const calls = within.filter((line) => /^\d+ +\w+\(/.test(line));
  const commands: Record<string, number> = {};
  for (const line of calls) {
    const command = /^\d+ +bpf\((\w+)/.exec(line)?.[1];
    if (command !== undefined) commands[command] = (commands[command] ?? 0) + 1;
  }
  const bpf = Object.values(commands).reduce((sum, each) => sum + each, 0);
  return { all: calls.length, bpf, commands };
}
