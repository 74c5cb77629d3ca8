/**
 * The network namespaces that can be seen from here: those that a process is in, and those that are mounted, as `ip netns`
 * does it. One that only an open file holds, or a mount in another mount namespace, cannot be seen.
 */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { OWN_NAMESPACE } from "./interface.ts";
import { isErrno, type Kernel } from "./kernel.ts";

export interface NetworkNamespace {
  /** As in `net:[4026531840]`. The kernel gives it again once the namespace is gone. */
  readonly inode: number;
  /** As `ip netns` knows it; the whole path of a mount elsewhere. */
  readonly name?: string;
  /** A process in it, the one with the lowest id. */
  readonly pid?: number;
  /** What opens it. */
  readonly path: string;
}

export interface Namespaces {
  readonly byInode: ReadonlyMap<number, NetworkNamespace>;
  /** Whether the processes of the whole machine can be seen: a namespace that is not here is then as good as gone. */
  readonly complete: boolean;
}

export function networkNamespaces(): Namespaces {
  const mounted = mountedNamespaces(readFileSync("/proc/self/mountinfo", "utf8"));
  const found = new Map<number, NetworkNamespace>();
  for (const { inode, path } of mounted) {
    const known = found.get(inode);
    if (known?.name !== undefined && !known.name.startsWith("/")) continue;
    found.set(inode, { inode, name: path.replace(/^(\/var)?\/run\/netns\//, ""), path });
  }
  for (const pid of processes()) {
    const path = `/proc/${pid}/ns/net`;
    const inode = inodeOf(path);
    if (inode === undefined || found.get(inode)?.pid !== undefined) continue;
    found.set(inode, { path, ...found.get(inode), inode, pid });
  }
  return { byInode: found, complete: isInitialPidNamespace() };
}

/** Mounts of network namespaces; field 4 of a line is what is mounted, 5 is where, with `\040` and the like for blanks. */
export function mountedNamespaces(mountinfo: string): readonly Pick<NetworkNamespace, "inode" | "path">[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [, , , root = "", path = ""] = line.split(" ");
    const inode = /^net:\[(\d+)\]$/.exec(root)?.[1];
    if (inode === undefined) return [];
    return [{ inode: Number(inode), path: path.replace(/\\([0-7]{3})/g, (_, code) => octal(code as string)) }];
  });
}

const octal = (code: string): string => String.fromCharCode(Number.parseInt(code, 8));

/** Ids, the lowest first. */
function processes(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** Undefined for a process that is gone or may not be looked into. */
function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

/** PROC_PID_INIT_INO of include/linux/proc_ns.h. */
const isInitialPidNamespace = (): boolean => readlinkSync("/proc/self/ns/pid") === "pid:[4026531836]";

/**
 * Runs `read` inside a network namespace. It must not wait for anything: the whole thread is there meanwhile. Gives undefined
 * where the namespace is gone or may not be entered.
 */
export function inside<T>(kernel: Kernel, namespace: NetworkNamespace, read: () => T): T | undefined {
  using own = opened(OWN_NAMESPACE);
  using there = opened(namespace.path);
  // Another process may have that id now.
  if (!own || !there || fstatSync(there.fd).ino !== namespace.inode) return undefined;
  try {
    // Who may not enter the one it is in could not come back either.
    kernel.enterNetwork(own.fd);
    kernel.enterNetwork(there.fd);
  } catch (error) {
    if (isErrno(error, "EPERM")) return undefined;
    throw error;
  }
  try {
    return read();
  } finally {
    kernel.enterNetwork(own.fd);
  }
}

function opened(path: string): ({ readonly fd: number } & Disposable) | undefined {
  try {
    const fd = openSync(path, "r");
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } catch {
    return undefined;
  }
}
