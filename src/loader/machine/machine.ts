/** What the impure part works on: a kernel, a bpffs and a network namespace. Tests give their own. */
import { openKernel } from "../ffi/index.ts";
import { BPFFS, findBpffs, requireBpffs } from "./bpffs.ts";
import { networkNamespace } from "./interface.ts";
import type { Kernel } from "./kernel.ts";
import type { Namespaces } from "./namespaces.ts";
import { requirePrivilege } from "./privilege.ts";

export interface Machine {
  readonly kernel: Kernel;
  /** The folder of all attachments, `/sys/fs/bpf/xdpgen`. Whoever works for long asks anew: see `thisMachine`. */
  readonly root: string;
  /** Inode of the network namespace. */
  readonly netns: number;
  /** What other namespaces can be seen; default those of this machine. */
  readonly namespaces?: () => Namespaces;
}

/**
 * This machine. Its root is where the bpffs is reached when it is asked for: through an ancestor that may end.
 * @param what the attempt, for the message of a refusal
 * @throws XdpgenError `environment`
 */
export function thisMachine(what: string, report: (message: string) => void): Machine {
  requirePrivilege(what);
  const kernel = openKernel();
  requireBpffs(kernel, report);
  return withRoot({ kernel, netns: networkNamespace() });
}

function withRoot(machine: Omit<Machine, "root">): Machine {
  return {
    ...machine,
    get root() {
      return `${findBpffs() ?? BPFFS}/xdpgen`;
    },
  };
}

/**
 * This machine, for a command that changes nothing and so mounts nothing: where there is no bpffs, nothing is pinned.
 * @param what the attempt, for the message of a refusal
 * @throws XdpgenError `environment` without privilege
 */
export function readableMachine(what: string): Machine {
  requirePrivilege(what);
  return withRoot({ kernel: openKernel(), netns: networkNamespace() });
}
