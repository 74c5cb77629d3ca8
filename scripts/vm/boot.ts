import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ScriptFailure } from "../debian/failure.ts";
import { findCommand, requireCommand } from "../debian/run.ts";
import { openChannel } from "./channel.ts";
import { buildInitramfs } from "./initramfs.ts";
import { obtainKernel } from "./kernels.ts";
import type { Kernel, KernelVersion } from "./kernels.ts";
import { qemuArguments } from "./qemu.ts";

export type VmOptions = {
  readonly kernel: KernelVersion;
  readonly command: readonly string[];
  /** The folder that the command runs in, the same path as on the host. Default: the current one. */
  readonly folder?: string;
  readonly cpus?: number;
  /** Whether the guest's clock counts instructions. */
  readonly icount?: boolean;
  readonly memory?: string;
  readonly timeoutSeconds?: number;
  /** A folder that the guest may write to; it has the same path there. Made when it is missing. */
  readonly out?: string;
  /** Variables for the command, beside those that the harness sets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Further words for the kernel's command line. */
  readonly append?: readonly string[];
  /** Where the guest's output and the harness's own lines go; the process's own streams by default. */
  readonly stdout?: (chunk: Buffer) => void;
  readonly stderr?: (chunk: Buffer) => void;
  readonly say?: (line: string) => void;
};

/**
 * How a guest ended: its command's exit status, the time limit, or without any status, which is a panic or a guest that
 * could not start. `console` holds the last lines of the guest's console, which only the kernel
 * and the harness write to.
 */
export type VmResult =
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "timeout" | "panic" | "lost"; readonly console: string };

const CONSOLE_LINES = 40;

/**
 * Boots a guest with one of Debian's kernels, runs one command in it as root, and stops it.
 *
 * @throws ScriptFailure when a tool is missing or the kernel cannot be fetched.
 */
export async function runInVm(options: VmOptions): Promise<VmResult> {
  const say = options.say ?? ((line) => void process.stderr.write(`vm: ${line}\n`));
  const qemu = requireCommand("qemu-system-x86_64", "qemu-system-x86");
  if (process.arch !== "x64")
    throw new ScriptFailure(`the guest shares the host's programs: x86-64 only, not ${process.arch}`, 2);
  const kernel = await obtainKernel(options.kernel, say);
  const scratch = mkdtempSync(join(tmpdir(), "xdpgen-vm-"));
  const discard = (): void => rmSync(scratch, { recursive: true, force: true });
  process.once("exit", discard);
  try {
    return await boot(qemu, kernel, scratch, options);
  } finally {
    discard();
    process.off("exit", discard);
  }
}

async function boot(qemu: string, kernel: Kernel, scratch: string, options: VmOptions): Promise<VmResult> {
  const folder = realpathSync(options.folder ?? process.cwd());
  const out = options.out === undefined ? undefined : sharedFolder(options.out);
  const modules = join(kernel.root, "lib", "modules", kernel.release);
  const needed = [folder, process.execPath, modules, ...(out === undefined ? [] : [out])];
  const settings = {
    modules,
    release: kernel.release,
    out: out ?? "",
    freshTmp: !needed.some((path) => path.startsWith("/tmp/")),
  };
  const job = { command: options.command, folder, environment: guestEnvironment(options) };
  const initramfs = join(scratch, "initramfs");
  writeFileSync(initramfs, await buildInitramfs(kernel, settings, job));

  let status = "";
  const toStdout = options.stdout ?? ((chunk: Buffer) => void process.stdout.write(chunk));
  const toStderr = options.stderr ?? ((chunk: Buffer) => void process.stderr.write(chunk));
  const channels = {
    stdout: await openChannel(join(scratch, "stdout"), toStdout),
    stderr: await openChannel(join(scratch, "stderr"), toStderr),
    status: await openChannel(join(scratch, "status"), (chunk) => void (status += chunk.toString())),
  };
  const consoleFile = join(scratch, "console");
  const args = qemuArguments({
    kernelImage: kernel.image,
    initramfs,
    cpus: options.cpus ?? 1,
    icount: options.icount ?? false,
    memory: options.memory ?? "2G",
    out,
    console: consoleFile,
    append: options.append ?? [],
    ports: Object.fromEntries(Object.entries(channels).map(([name, { path }]) => [name, path])),
  });
  const ended = await runQemu(qemu, args, (options.timeoutSeconds ?? 600) * 1000);
  if (!ended.overdue) await Promise.all(Object.values(channels).map((channel) => channel.ended));
  for (const channel of Object.values(channels)) channel.close();

  if (ended.overdue) return { kind: "timeout", console: consoleTail(consoleFile) };
  if (/^\d+\n$/.test(status)) return { kind: "exited", status: Number(status) };
  const tail = consoleTail(consoleFile);
  return { kind: /Kernel panic/.test(tail) ? "panic" : "lost", console: `${tail}${ended.errors}` };
}

/** Runs QEMU until the guest stops or the time is over. It never outlives this process. */
async function runQemu(
  qemu: string,
  args: readonly string[],
  limit: number,
): Promise<{ readonly overdue: boolean; readonly errors: string }> {
  const setpriv = findCommand("setpriv");
  // Even when this process is killed in a way that it cannot answer, the kernel then ends QEMU too.
  const [path, ...words] = setpriv === undefined ? [qemu] : [setpriv, "--pdeathsig", "KILL", qemu];
  const child = spawn(path, [...words, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => void (errors += chunk.toString()));
  let overdue = false;
  const kill = (): void => void child.kill("SIGKILL");
  const timer = setTimeout(() => {
    overdue = true;
    kill();
  }, limit);
  process.once("exit", kill);
  try {
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", () => resolve());
    });
  } finally {
    clearTimeout(timer);
    process.off("exit", kill);
  }
  return { overdue, errors };
}

/** The variables that the command starts with: those that make a shell usable, and the user's wishes about colour and CI. */
function guestEnvironment(options: VmOptions): Record<string, string> {
  const handedOn = ["TERM", "CI", "NO_COLOR", "FORCE_COLOR", "LANG"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return {
    PATH: `${dirname(process.execPath)}:${system}`,
    HOME: "/run/home",
    USER: "root",
    LOGNAME: "root",
    ...Object.fromEntries(handedOn),
    XDPGEN_VM: options.kernel,
    ...options.environment,
  };
}

function sharedFolder(path: string): string {
  mkdirSync(path, { recursive: true });
  return realpathSync(path);
}

/** Terminal escape sequences (ESC [ … letter, ESC c) and carriage returns. */
const screenControl = new RegExp(`${String.fromCodePoint(27)}(\\[[0-9;?=]*[a-zA-Z]|c)|\r`, "g");

/** The last lines of the console, without the carriage returns and the boot loader's screen control. */
function consoleTail(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return "";
  }
  const lines = text
    .replaceAll(screenControl, "")
    .split("\n")
    .filter((line) => line.trim() !== "");
  return lines.slice(-CONSOLE_LINES).join("\n");
}
