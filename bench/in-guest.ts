/** What sections run in the virtual machine: a compiled file of the benchmark, on one of Debian's kernels. */
import { spawn } from "node:child_process";
import { ScriptFailure } from "../scripts/debian/failure.ts";
import { COMPILED, type Options } from "./section.ts";

interface Guest {
  readonly kernel: string;
  /** Seconds. */
  readonly timeout: number;
  /** Its clock counts instructions. */
  readonly icount?: true;
}

/**
 * @param script below `COMPILED`, and what it is told
 * @returns what it prints: one line of JSON
 * @throws ScriptFailure where the guest or the script fails, with all that it said
 */
export async function inGuest(
  { kernel, timeout, icount }: Guest,
  [script, ...words]: readonly [string, ...string[]],
  { quick, smoke, progress }: Options,
): Promise<unknown> {
  const flags = [...(quick ? ["--quick"] : []), ...(smoke ? ["--smoke"] : [])];
  const machine = ["--kernel", kernel, "--timeout", `${timeout}`, ...(icount === true ? ["--icount"] : [])];
  const command = ["node", "--expose-gc", `${COMPILED}/bench/${script}`, ...words, ...flags];
  const child = spawn(process.execPath, ["--import", "tsx", "scripts/vm/main.ts", ...machine, "--", ...command], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [output, said] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => void (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    progress(said.trimEnd().split("\n").at(-1) ?? "");
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (status === 0) return JSON.parse(output);
  throw new ScriptFailure(`${script} on ${kernel}: the virtual machine ended with ${status}:\n${said}`);
}
