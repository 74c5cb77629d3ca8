/**
 * The command line as a user meets it: `run` calls `main` in this process with the real library, `spawn` starts the `xdpgen`
 * command in one of its own, for where the environment matters, and `spawnAll` several in one.
 */
import { spawnSync } from "node:child_process";
import { expect } from "vitest";
import { wordsToStart } from "../../support/processes.ts";
import type { Ended } from "./run.ts";

export { type Ended, run } from "./run.ts";

/** Words that start the `xdpgen` command of this checkout, whatever the working directory and the environment are. */
export const XDPGEN = wordsToStart(new URL("../../../src/cli/bin.ts", import.meta.url));

/** Runs `BEFORE xdpgen ARGV` in a process of its own; `before` is such as `["unshare", "-m"]`. */
export function spawn(argv: readonly string[], before: readonly string[] = []): Ended {
  const [command = "", ...rest] = [...before, ...XDPGEN, ...argv];
  const { status, stdout, stderr } = spawnSync(command, rest, { encoding: "utf8" });
  return { status, out: stdout, err: stderr };
}

/** The same for several command lines, one after the other in one process, so that they share what `before` makes. */
export function spawnAll(commands: readonly (readonly string[])[], before: readonly string[] = []): readonly Ended[] {
  const child = wordsToStart(new URL("child.ts", import.meta.url));
  const [command, ...rest] = [...before, ...child, JSON.stringify(commands)];
  const { status, stdout, stderr } = spawnSync(command, rest, { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout) as Ended[];
}

/** The user's own mistake, or the world's refusal: said in words, no trace of where in xdpgen it was noticed. */
export function expectRefusal(
  { status, out, err }: Ended,
  expected: 1 | 2,
  ...words: readonly (string | RegExp)[]
): void {
  expect({ status, err, out }).toMatchObject({ status: expected });
  for (const word of words) expect(err).toMatch(word);
  expect(err).not.toMatch(/^\s+at .*[:/]\w+\.[jt]s|bug in xdpgen|TypeError|undefined|\[object|NaN/m);
}

/** The one JSON value on stdout. */
export function json({ status, out, err }: Ended): unknown {
  expect(status, `${out}${err}`).toBe(0);
  return JSON.parse(out);
}
