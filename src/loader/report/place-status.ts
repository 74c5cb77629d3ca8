/** Where an attachment's interface is, in the words of a report. */
import type { Mode } from "../../chain/chain.ts";
import type { Whereabouts } from "../live/whereabouts.ts";
import type { Machine } from "../machine/machine.ts";
import { inside, type Namespaces, networkNamespaces } from "../machine/namespaces.ts";

/** The network namespace of an attachment's interface. */
export interface NamespaceStatus {
  /** As in `net:[4026531840]`. Undefined where the interface was moved to one that cannot be seen from here. */
  readonly inode?: number;
  /** As `ip netns` knows it, or the path of a mount elsewhere. */
  readonly name?: string;
  /** A process in it. */
  readonly pid?: number;
  /**
   * `own`: that of this process. `gone`: no process is in it and no mount of it is left. `unseen`: it may exist where this
   * process cannot look.
   */
  readonly kind: "own" | "other" | "gone" | "unseen";
}

export interface PlaceStatus {
  /** Undefined when the interface is gone, or is where this process cannot look. */
  readonly interface?: string;
  /** In its namespace; of an interface that is gone, the one that it had. */
  readonly ifindex: number;
  /** Where the interface is; when it is gone, where it was. */
  readonly namespace: NamespaceStatus;
  /** Undefined where the link is not on the interface. */
  readonly mode?: Mode;
  /** The interface was removed, or somebody detached the link or took its pin away: the chain runs no more. */
  readonly defunct: boolean;
  /** The interface was moved to another network namespace. `apply` and `detach` there find the attachment. */
  readonly moved: boolean;
}

/** @param home where it was attached, as its folder says; undefined where no folder does */
export function placeStatus(
  machine: Machine,
  where: Whereabouts,
  home: { readonly netns: number; readonly ifindex: number } | undefined,
): PlaceStatus {
  switch (where.kind) {
    case "on": {
      const namespace = namespaceStatus(machine, where.netns);
      const moved = home !== undefined && home.netns !== where.netns;
      return { interface: where.interface, ifindex: where.ifindex, namespace, mode: where.mode, defunct: false, moved };
    }
    case "unseen": {
      // It is not where it was, or it is there and nobody can look.
      const at = home && namespaceStatus(machine, home.netns);
      const there = at?.kind === "unseen" ? at.inode : undefined;
      const namespace = { ...(there !== undefined && { inode: there }), kind: "unseen" } as const;
      return { ifindex: where.ifindex, namespace, defunct: false, moved: home !== undefined && there === undefined };
    }
    case "nowhere": {
      const { netns, ifindex } = home ?? { netns: machine.netns, ifindex: 0 };
      // Somebody detached the link, where there is still such an interface.
      const device = nameIn(machine, netns, ifindex);
      const namespace = namespaceStatus(machine, netns);
      return { ...(device !== undefined && { interface: device }), ifindex, namespace, defunct: true, moved: false };
    }
  }
}

const namespacesOf = ({ namespaces = networkNamespaces }: Machine): Namespaces => namespaces();

function nameIn(machine: Machine, netns: number, ifindex: number): string | undefined {
  const { kernel } = machine;
  if (netns === machine.netns) return kernel.interfaceName(ifindex);
  const namespace = namespacesOf(machine).byInode.get(netns);
  return namespace && inside(kernel, namespace, () => kernel.interfaceName(ifindex));
}

function namespaceStatus(machine: Machine, inode: number): NamespaceStatus {
  if (inode === machine.netns) return { inode, kind: "own" };
  const { byInode, complete } = namespacesOf(machine);
  const namespace = byInode.get(inode);
  if (!namespace) return { inode, kind: complete ? "gone" : "unseen" };
  const { name, pid } = namespace;
  return { inode, ...(name !== undefined && { name }), ...(pid !== undefined && { pid }), kind: "other" };
}
