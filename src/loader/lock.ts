/**
 * One writer at a time: flock on an attachment's folder. The lock ends with the process, however that ends; no lock file can
 * be left behind.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { XdpgenError } from "../errors.ts";
import { isErrno, type Kernel } from "./kernel.ts";

const POLL_MS = 10;
export const LOCK_TIMEOUT_MS = 10_000;

/**
 * Makes the folder `dir` where there is none and locks it. Waits without blocking the event loop.
 *
 * @param timeout milliseconds
 * @throws XdpgenError `conflict` after `timeout`, naming the holder where the kernel tells it
 */
export async function lock(kernel: Kernel, dir: string, timeout: number = LOCK_TIMEOUT_MS): Promise<Disposable> {
  const deadline = performance.now() + timeout;
  for (;;) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const fd = tryOpen(dir);
    if (fd !== undefined) {
      try {
        while (!kernel.tryLock(fd)) {
          if (performance.now() >= deadline) throw timedOut(dir, fd, timeout);
          await setTimeout(POLL_MS);
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

/** Runs `critical` under the lock. See `lock` for the errors. */
export async function withLock<T>(
  kernel: Kernel,
  dir: string,
  timeout: number | undefined,
  critical: () => Promise<T>,
): Promise<T> {
  const held = await lock(kernel, dir, timeout);
  try {
    return await critical();
  } finally {
    held[Symbol.dispose]();
  }
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

function timedOut(dir: string, fd: number, timeout: number): XdpgenError {
  const holder = holderOf(fd);
  return new XdpgenError(
    "conflict",
    `${holder ?? "another process"} has held the lock on ${dir} for ${timeout} ms; nothing was changed: try again when it is done`,
  );
}

/** `process 123 (node)`, from a line such as `1: FLOCK  ADVISORY  WRITE 123 00:1f:4242 0 EOF` of /proc/locks. */
function holderOf(fd: number): string | undefined {
  try {
    const inode = String(fstatSync(fd).ino);
    for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
      const [, kind, , , pid, file] = line.trim().split(/\s+/);
      if (kind !== "FLOCK" || file?.split(":")[2] !== inode) continue;
      return `process ${pid} (${readFileSync(`/proc/${pid}/comm`, "utf8").trim()})`;
    }
  } catch {
    // The holder may be gone or out of sight. It is a courtesy, not worth a second error.
  }
  return undefined;
}
