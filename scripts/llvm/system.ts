/** The LLVM that the system has installed, by the version that its assembler reports. */
import { spawnSync } from "node:child_process";

/** The major version: 14, 22; `undefined` when `llvm-mc` is not in PATH or does not say. */
export function systemVersion(): number | undefined {
  const { stdout } = spawnSync("llvm-mc", ["--version"], { encoding: "utf8" });
  const digits = /LLVM version (\d+)/.exec(stdout ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}
