/**
 * The command line as a user meets it: `run` calls `main` in this process with the real library, `spawn` starts the `xdpgen`
 * command in one of its own, for where the environment matters.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type Io, processIo } from "../../../src/cli/io.ts";
import { main } from "../../../src/cli/main.ts";

export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  /** What the streams say of themselves; default a pipe. */
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly library?: Partial<Io["library"]>;
}

/** Runs `xdpgen ARGV` in this process. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { terminal = false, columns = 80, library = {} } = options;
  const written = { out: "", err: "" };
  const stream = (name: "out" | "err"): Io["out"] => ({
    write: (data) => void (written[name] += typeof data === "string" ? data : Buffer.from(data).toString("latin1")),
    isTerminal: terminal,
    columns,
  });
  const io = processIo();
  const status = await main(argv, {
    ...io,
    out: stream("out"),
    err: stream("err"),
    env: {},
    library: { ...io.library, ...library },
  });
  return { status, ...written };
}

const BIN = fileURLToPath(new URL("../../../src/cli/bin.ts", import.meta.url));

/** Words that start the `xdpgen` command of this checkout, whatever the working directory and the environment are. */
export const XDPGEN: readonly string[] = [process.execPath, "--import", import.meta.resolve("tsx"), BIN];

/** Runs `BEFORE xdpgen ARGV` in a process of its own; `before` is such as `["unshare", "-m"]`. */
export function spawn(argv: readonly string[], before: readonly string[] = [], input = ""): Ended {
  const [command, ...rest] = [...before, ...XDPGEN, ...argv];
  const { status, stdout, stderr } = spawnSync(command!, rest, { encoding: "utf8", input });
  return { status, out: stdout, err: stderr };
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
export function json<T>({ status, out, err }: Ended): T {
  expect({ status, err }).toMatchObject({ status: 0 });
  return JSON.parse(out) as T;
}
