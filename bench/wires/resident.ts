import { execFileSync } from "node:child_process";

/** Runs a command and returns the most bytes that it had in memory. @throws Error where the command fails */
export function resident(program: string, words: readonly string[]): number {
  const script = 'busybox time -v "$@" 2>&1 >/dev/null';
  const told = execFileSync("sh", ["-c", script, "sh", program, ...words], { encoding: "utf8" });
  return 1024 * Number(/Maximum resident set size \(kbytes\): (\d+)/.exec(told)![1]);
}
