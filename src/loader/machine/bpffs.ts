/**
 * Where pins live: a bpffs that outlives this process.
 *
 * `ip netns exec` and the like give a process a mount namespace of its own with a fresh /sys. A bpffs mounted there dies with
 * the process, and the chain with it. So where this process sees none, the bpffs of the nearest ancestor that lives in
 * another mount namespace is used, through its /proc/<pid>/root.
 */
import { accessSync, constants, mkdirSync, readFileSync, readlinkSync, statfsSync } from "node:fs";
import { XdpgenError } from "../../errors.ts";
import { isErrno, type Kernel } from "./kernel.ts";

export const BPFFS = "/sys/fs/bpf";
/** include/uapi/linux/magic.h */
const BPF_FS_MAGIC = 0xcafe4a11;

export function isBpffs(path: string): boolean {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC;
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES", "ENOTDIR", "EPERM")) return false;
    throw error;
  }
}

/** The mounted bpffs: undefined where there is none. */
export function findBpffs(): string | undefined {
  if (isBpffs(BPFFS)) return BPFFS;
  return outerProcesses()
    .map((pid) => `/proc/${pid}/root${BPFFS}`)
    .find(isBpffs);
}

/** A path below the bpffs as everybody else sees it, `/sys/fs/bpf/...`. */
export function publicPath(path: string): string {
  return path.replace(/^\/proc\/\d+\/root(?=\/)/, "");
}

/** A public path, as this process can open it. */
export function reachablePath(path: string): string {
  const bpffs = path.startsWith(`${BPFFS}/`) ? findBpffs() : undefined;
  return bpffs === undefined ? path : bpffs + path.slice(BPFFS.length);
}

/** Ancestors in another mount namespace than ours, the nearest first. What may not be looked into does not count. */
function outerProcesses(): readonly number[] {
  const own = readlinkSync("/proc/self/ns/mnt");
  const outer: number[] = [];
  try {
    for (let pid = process.ppid; pid > 0; pid = parentOf(pid)) {
      if (readlinkSync(`/proc/${pid}/ns/mnt`) !== own) outer.push(pid);
    }
  } catch {
    // An ancestor that is gone or of another user ends the walk.
  }
  return outer;
}

/** Field 4 of /proc/<pid>/stat; the command in field 2 may hold spaces and parentheses. */
function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** Whether its mount lets nobody change what is pinned, root neither. */
export function isReadOnly(bpffs: string): boolean {
  try {
    accessSync(bpffs, constants.W_OK);
    return false;
  } catch (error) {
    return isErrno(error, "EROFS");
  }
}

export const REMOUNT = `mount -o remount,rw ${BPFFS}`;

function requireWritable(bpffs: string): void {
  if (!isReadOnly(bpffs)) return;
  const where = bpffs === BPFFS ? "" : " outside of this container or `ip netns exec`";
  throw new XdpgenError(
    "environment",
    `the bpffs at ${BPFFS}, where the chain's pins are, is mounted read-only; nothing was changed: run \`${REMOUNT}\`${where}`,
  );
}

/**
 * The mounted bpffs, which can be written; mounts it where there is none, and says so.
 * @throws XdpgenError `environment` where it cannot be mounted to last, or is read-only
 */
export function requireBpffs(kernel: Kernel, report: (message: string) => void): string {
  const mounted = findBpffs();
  if (mounted !== undefined) {
    requireWritable(mounted);
    return mounted;
  }
  const command = "`mount -t bpf bpf /sys/fs/bpf`";
  if (outerProcesses().length > 0) {
    throw new XdpgenError(
      "environment",
      "bpffs is not mounted at /sys/fs/bpf, and a mount in this process's own mount namespace would end with it: " +
        `run ${command} outside of this container or \`ip netns exec\``,
    );
  }
  try {
    mkdirSync(BPFFS, { recursive: true });
    kernel.mountBpffs(BPFFS);
  } catch (cause) {
    throw new XdpgenError(
      "environment",
      `bpffs, which keeps the chain alive when xdpgen ends, is not mounted at ${BPFFS} and cannot be mounted ` +
        `(${(cause as Error).message}): run ${command} as root`,
      { cause },
    );
  }
  report(`mounted bpffs at ${BPFFS}`);
  return BPFFS;
}
