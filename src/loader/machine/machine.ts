/** What the impure part works on: a kernel, a bpffs and a network namespace. Tests give their own. */
import { openKernel } from "../ffi/index.ts";
import { findBpffs, requireBpffs } from "./bpffs.ts";
import { networkNamespace } from "./interface.ts";
import type { Kernel } from "./kernel.ts";
import type { Namespaces } from "./namespaces.ts";
import { requirePrivilege } from "./privilege.ts";

export interface Machine {
  readonly kernel: Kernel;
  /** The folder of all attachments, `/sys/fs/bpf/xdpgen`. */
  readonly root: string;
  /** Inode of the network namespace. */
  readonly netns: number;
  /** What other namespaces can be seen; default those of this machine. */
  readonly namespaces?: () => Namespaces;
}

/**
 * This machine.
 * @param what the attempt, for the message of a refusal
 * @throws XdpgenError `environment`
 */
export function thisMachine(what: string, report: (message: string) => void): Machine {
  requirePrivilege(what);
  const kernel = openKernel();
  return { kernel, root: `${requireBpffs(kernel, report)}/xdpgen`, netns: networkNamespace() };
}

/**
 * This machine, for a command that changes nothing and so mounts nothing: where there is no bpffs, nothing is pinned.
 * @param what the attempt, for the message of a refusal
 * @throws XdpgenError `environment` without privilege
 */
export function readableMachine(what: string): Machine {
  requirePrivilege(what);
  return { kernel: openKernel(), root: `${findBpffs() ?? "/sys/fs/bpf"}/xdpgen`, netns: networkNamespace() };
}
