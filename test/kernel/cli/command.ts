/**
 * The command line as a user meets it: `run` calls `main` in this process with the real library, `spawn` starts the `xdpgen`
 * command in one of its own, for where the environment matters, and `spawnAll` several in one, since each start is slow.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Ended } from "./run.ts";

export { type Ended, run } from "./run.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
/** Words that start a script in TypeScript. */
export const NODE: readonly string[] = [process.execPath, "--import", import.meta.resolve("tsx")];

/** Whether `dist` is what `src` is: whoever runs the tests has compiled it. In the guest tsx takes ten seconds to start. */
const COMPILED = process.env["XDPGEN_TEST_COMPILED"] !== undefined;

/** Words that start the `xdpgen` command of this checkout, whatever the working directory and the environment are. */
export const XDPGEN: readonly string[] = COMPILED
  ? [process.execPath, path("../../../dist/cli/bin.js")]
  : [...NODE, path("../../../src/cli/bin.ts")];

/** Runs `BEFORE xdpgen ARGV` in a process of its own; `before` is such as `["unshare", "-m"]`. */
export function spawn(argv: readonly string[], before: readonly string[] = []): Ended {
  const [command = "", ...rest] = [...before, ...XDPGEN, ...argv];
  const { status, stdout, stderr } = spawnSync(command, rest, { encoding: "utf8" });
  return { status, out: stdout, err: stderr };
}

/** The same for several command lines, in one process where each would be slow to start. */
export function spawnAll(commands: readonly (readonly string[])[], before: readonly string[] = []): readonly Ended[] {
  if (COMPILED) return commands.map((argv) => spawn(argv, before));
  const [command, ...rest] = [...before, ...NODE, path("child.ts"), JSON.stringify(commands)];
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
  expect({ status, err }).toMatchObject({ status: 0 });
  return JSON.parse(out);
}
