/** What the impure part works on: a kernel, a bpffs and a network namespace. Tests give their own. */
import { requireBpffs } from "./bpffs.ts";
import { openKernel } from "./ffi/index.ts";
import { networkNamespace } from "./interface.ts";
import type { Kernel } from "./kernel.ts";
import { requirePrivilege } from "./privilege.ts";

export interface Machine {
  readonly kernel: Kernel;
  /** The folder of all attachments, `/sys/fs/bpf/xdpgen`. */
  readonly root: string;
  /** Inode of the network namespace. */
  readonly netns: number;
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
