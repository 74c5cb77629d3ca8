/**
 * Where an XDP link is, in whatever network namespace. The kernel tells the index of its interface and not the namespace, so
 * the hook of each interface with that index is asked for the link's program.
 */
import type { Mode } from "../../chain/chain.ts";
import type { LinkInfo } from "../machine/kernel.ts";
import type { Machine } from "../machine/machine.ts";
import { inside, networkNamespaces } from "../machine/namespaces.ts";
import { modeOf } from "./live.ts";

export type Whereabouts =
  | {
      readonly kind: "on";
      /** Inode of the network namespace. */
      readonly netns: number;
      readonly ifindex: number;
      readonly interface: string;
      readonly mode: Mode;
    }
  /** On an interface of a network namespace that cannot be seen from here. */
  | { readonly kind: "unseen"; readonly ifindex: number }
  /** The interface is gone, or somebody detached the link: no packet meets it any more. */
  | { readonly kind: "nowhere" };

/**
 * @param home inode of the namespace to look into first
 * @returns undefined where the link was changed meanwhile
 */
export function whereabouts(machine: Machine, link: number, home: number): Whereabouts | undefined {
  const { kernel, netns } = machine;
  const { ifindex, programId } = kernel.linkInfo(link);
  if (ifindex === 0) return { kind: "nowhere" };
  const look = (): { readonly interface: string; readonly mode: Mode } | undefined => {
    const mode = modeOf(kernel, ifindex, programId);
    const name = mode && kernel.interfaceName(ifindex);
    return mode && name !== undefined ? { interface: name, mode } : undefined;
  };
  // The others are not asked for where it is at home.
  const own = home === netns ? look() : undefined;
  if (own) return { kind: "on", netns, ifindex, ...own };
  const { byInode } = (machine.namespaces ?? networkNamespaces)();
  for (const inode of new Set([home, netns, ...byInode.keys()])) {
    const namespace = byInode.get(inode);
    const found = inode === netns ? look() : namespace && inside(kernel, namespace, look);
    if (found) return { kind: "on", netns: inode, ifindex, ...found };
  }
  const again = kernel.linkInfo(link);
  return isSameLink(again, { ifindex, programId }) ? { kind: "unseen", ifindex } : undefined;
}

export function isSameLink(
  a: Pick<LinkInfo, "ifindex" | "programId">,
  b: Pick<LinkInfo, "ifindex" | "programId">,
): boolean {
  return a.ifindex === b.ifindex && a.programId === b.programId;
}
