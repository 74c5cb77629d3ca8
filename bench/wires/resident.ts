import { execFileSync } from "node:child_process";

/** Runs a command and returns the most bytes that it had in memory. @throws Error where the command fails */
export const resident = (program: string, words: readonly string[]): number =>
  Math.round(1024 * (told(program, words) / excess()));

/** What busybox takes for kilobytes. */
function told(program: string, words: readonly string[]): number {
  const script = 'busybox time -v "$@" 2>&1 >/dev/null';
  const text = execFileSync("sh", ["-c", script, "sh", program, ...words], { encoding: "utf8" });
  return Number(/Maximum resident set size \(kbytes\): (\d+)/.exec(text)![1]);
}

let known: number | undefined;

/**
 * How many times too much busybox tells: Debian 12's takes the kernel's kilobytes for pages, so 4. It is held against what a
 * process says of itself.
 */
function excess(): number {
  if (known !== undefined) return known;
  const own = Number(execFileSync(process.execPath, ["-p", "process.resourceUsage().maxRSS"], { encoding: "utf8" }));
  known = Math.max(1, Math.round(told(process.execPath, ["-e", "0"]) / own));
  return known;
}
