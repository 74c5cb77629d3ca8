/**
 * One writer at a time: flock on an attachment's folder, from before the live state is read until the swap is done. Readers
 * share a lock of their own on it, where they must know that nobody writes. Either ends with the process, however that ends; no
 * lock file can be left behind.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { XdpgenError } from "../../errors.ts";
import { publicPath } from "./bpffs.ts";
import { isErrno, type Kernel, type LockKind } from "./kernel.ts";

const POLL_MS = 10;
export const LOCK_TIMEOUT_MS = 10_000;

/** Who has a lock. */
export interface Holder {
  readonly pid: number;
  /** Its command line. */
  readonly command: string;
}

export interface LockOptions {
  /** Milliseconds to wait; default 10000. */
  readonly timeout?: number | undefined;
  /** Called when the lock has to be waited for, once for each that has it; undefined where the kernel does not tell who. */
  readonly waiting?: (holder: Holder | undefined) => void;
  /** Ends the waiting, and keeps the lock from being taken; `lock` rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the folder `dir` where there is none and locks it. Waits without blocking the event loop.
 *
 * @throws XdpgenError `usage` where that is no time, `conflict` after `timeout`, naming the holder where the kernel tells it
 */
export async function lock(kernel: Kernel, dir: string, options: LockOptions = {}): Promise<Disposable> {
  const { timeout = LOCK_TIMEOUT_MS, waiting, signal } = options;
  if (!(timeout >= 0))
    throw new XdpgenError("usage", `wait ${timeout} ms for the lock on ${dir}? It must be 0 or more`);
  const deadline = performance.now() + timeout;
  let told: number | undefined | "nobody" = "nobody";
  for (;;) {
    // A lock that is free is not wanted either then, nor a folder for it.
    signal?.throwIfAborted();
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const fd = tryOpen(dir);
    if (fd !== undefined) {
      try {
        while (!kernel.tryLock(fd, "exclusive")) {
          const holder = waiting || performance.now() >= deadline ? holderOf(fd) : undefined;
          if (performance.now() >= deadline) throw timedOut(dir, holder, timeout);
          if (told !== holder?.pid) waiting?.(holder);
          told = holder?.pid;
          await pause(signal);
        }
        if (isStill(dir, fd)) return { [Symbol.dispose]: () => closeSync(fd) };
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      // The holder before us was a detach: it removed this folder. Whoever comes next locks the new one.
      closeSync(fd);
    }
  }
}

/** The lock of a folder that is there and that nobody works on or reads at this instant; undefined where that is not so. */
export function lockIfFree(kernel: Kernel, dir: string): Disposable | undefined {
  return tryFolder(kernel, dir, "exclusive");
}

/** The same for who only reads: it keeps writers out, and not other readers, who could take it for a sign of a writer. */
export function readLockIfFree(kernel: Kernel, dir: string): Disposable | undefined {
  return tryFolder(kernel, dir, "shared");
}

function tryFolder(kernel: Kernel, dir: string, kind: LockKind): Disposable | undefined {
  const fd = tryOpen(dir);
  if (fd === undefined) return undefined;
  try {
    if (kernel.tryLock(fd, kind) && isStill(dir, fd)) return { [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

/** Runs `critical` under the lock. See `lock` for the errors. */
export async function withLock<T>(
  kernel: Kernel,
  dir: string,
  options: LockOptions,
  critical: () => Promise<T>,
): Promise<T> {
  const held = await lock(kernel, dir, options);
  try {
    return await critical();
  } finally {
    held[Symbol.dispose]();
  }
}

/** @throws the signal's reason */
async function pause(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await setTimeout(POLL_MS);
  signal?.throwIfAborted();
}

function tryOpen(dir: string): number | undefined {
  try {
    return openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function isStill(dir: string, fd: number): boolean {
  try {
    return statSync(dir).ino === fstatSync(fd).ino;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

function timedOut(dir: string, holder: Holder | undefined, timeout: number): XdpgenError {
  return new XdpgenError(
    "conflict",
    `${describeHolder(holder)} still held the lock on ${publicPath(dir)} after ${timeout} ms; nothing was changed: try again when it is done`,
  );
}

/** `process 123 (xdpgen apply chain.yaml)` */
export function describeHolder(holder: Holder | undefined): string {
  return holder ? `process ${holder.pid} (${holder.command})` : "another process";
}

/** From a line such as `1: FLOCK  ADVISORY  WRITE 123 00:1f:4242 0 EOF` of /proc/locks (fs/locks.c, lock_get_status). */
function holderOf(fd: number): Holder | undefined {
  try {
    const { ino, dev } = fstatSync(fd);
    for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
      const [, kind, , , pid, file = ""] = line.trim().split(/\s+/);
      const [major = "", minor = "", inode] = file.split(":");
      if (kind !== "FLOCK" || inode !== String(ino) || deviceNumber(major, minor) !== dev) continue;
      return { pid: Number(pid), command: commandOf(Number(pid)) };
    }
  } catch {
    // The holder may be gone or out of sight. It is a courtesy, not worth a second error.
  }
  return undefined;
}

/** `st_dev` of the hexadecimal numbers of a device: twelve bits of the minor number lie around the major one. */
function deviceNumber(major: string, minor: string): number {
  const low = Number.parseInt(minor, 16) & 0xff;
  const high = Number.parseInt(minor, 16) & ~0xff;
  return high * 0x1000 + Number.parseInt(major, 16) * 0x100 + low;
}

/** Longer ones are cut: the end of a command line is seldom what tells. */
const COMMAND_LENGTH = 120;

function commandOf(pid: number): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").filter(Boolean);
  // A kernel thread, or a process that is ending, has none.
  const command = words.join(" ") || readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  return command.length > COMMAND_LENGTH ? `${command.slice(0, COMMAND_LENGTH)}…` : command;
}
