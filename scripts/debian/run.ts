/** Commands of this machine: where they are, which Debian package brings them, and how one is run to its end. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ScriptFailure } from "./failure.ts";

/** Debian keeps depmod in /sbin, which the PATH of an ordinary user leaves out. */
const systemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/** The path of a command, looked up in PATH and in the system's own folders; `undefined` when it is nowhere. */
export const findCommand = (name: string): string | undefined =>
  [...(process.env["PATH"] ?? "").split(delimiter), ...systemFolders]
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/** The path of a command that there is no going on without. */
export function requireCommand(name: string, debianPackage: string): string {
  const path = findCommand(name);
  if (path === undefined) {
    throw new ScriptFailure(
      `${name} is needed and not installed: apt-get install ${debianPackage}` +
        ` (or let \`node scripts/setup.mjs --for test\` see to all of it)`,
      2,
    );
  }
  return path;
}

/**
 * Runs a command to its end and returns what it wrote to standard output.
 *
 * @throws ScriptFailure with the last lines of standard error when it fails; `what` says what was attempted.
 */
export async function run(what: string, path: string, args: readonly string[], cwd?: string): Promise<Buffer> {
  const child = spawn(path, args, {
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
  });
  const end = (): void => void child.kill();
  process.once("exit", end);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const ending = await new Promise<string | undefined>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve(status === 0 ? undefined : `status ${status ?? signal}`));
  }).catch((error: unknown) => {
    throw new ScriptFailure(`${what}: cannot start ${path}`, 1, { cause: error });
  });
  process.off("exit", end);
  if (ending !== undefined) {
    const tail = Buffer.concat(errors).toString().trim().split("\n").slice(-8).join("\n  ");
    throw new ScriptFailure(`${what} failed: ${path} ended with ${ending}\n  ${tail}`);
  }
  return Buffer.concat(output);
}
