/**
 * Where pins live: a bpffs that outlives this process.
 *
 * `ip netns exec` and container tools give a process a mount namespace of its own, often with a fresh /sys. A bpffs mounted
 * there dies with the process, and the chain with it. So the bpffs of process 1 is used where this process sees none.
 */
import { mkdirSync, readlinkSync, statfsSync } from "node:fs";
import { XdpgenError } from "../errors.ts";
import { isErrno, type Kernel } from "./kernel.ts";

const BPFFS = "/sys/fs/bpf";
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
  return [BPFFS, `/proc/1/root${BPFFS}`].find(isBpffs);
}

function inOwnMountNamespace(): boolean {
  try {
    return readlinkSync("/proc/self/ns/mnt") !== readlinkSync("/proc/1/ns/mnt");
  } catch {
    return false;
  }
}

/**
 * The mounted bpffs; mounts it where there is none, and says so.
 * @throws XdpgenError `environment` where it cannot be mounted to last
 */
export function requireBpffs(kernel: Kernel, report: (message: string) => void): string {
  const mounted = findBpffs();
  if (mounted) return mounted;
  const command = "`mount -t bpf bpf /sys/fs/bpf`";
  if (inOwnMountNamespace()) {
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
