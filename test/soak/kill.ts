/**
 * An apply in a process of its own, which can be killed within its transaction: from when it says that it takes the lock to when
 * it says what it did. The compiled command runs, as users run it: by tsx it would take ten times as long to start.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const XDPGEN = fileURLToPath(new URL("../../dist/cli/bin.js", import.meta.url));

export interface Applied {
  /** Its exit status; null where it was killed. */
  readonly status: number | null;
  /** What it said on standard error, step by step. */
  readonly said: string;
  /** Milliseconds of its transaction, as told; undefined where it did not begin or did not come to its end. */
  readonly milliseconds: number | undefined;
  /** Killed when the transaction had begun and was not done. */
  readonly inside: boolean;
}

/** @param killAfter milliseconds from the beginning of its transaction; default never */
export async function apply(file: string, device: string, killAfter?: number): Promise<Applied> {
  const child = spawn(process.execPath, [XDPGEN, "apply", file, "--dev", device], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  let began: number | undefined;
  let done: number | undefined;
  const begin = (): void => {
    began = performance.now();
    if (killAfter !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfter);
  };
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (began === undefined && said.includes(`${device}: lock\n`)) begin();
  });
  child.stdout.once("data", () => (done = performance.now()));
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  const milliseconds = began === undefined || done === undefined ? undefined : done - began;
  return { status, said, milliseconds, inside: signal === "SIGKILL" && done === undefined };
}
