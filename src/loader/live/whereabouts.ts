/**
 * Where an XDP link is, in whatever network namespace. The kernel tells the index of its interface and not the namespace, so
 * the hook of each interface with that index is asked for the link's program. Several can run it: of those, one is left out that
 * has a link of its own.
 */
import type { Mode } from "../../chain/chain.ts";
import { XdpgenError } from "../../errors.ts";
import { NOTHING_CHANGED } from "../machine/interface.ts";
import type { Fd, LinkInfo } from "../machine/kernel.ts";
import type { Machine } from "../machine/machine.ts";
import { inside, networkNamespaces } from "../machine/namespaces.ts";
import { modeOf, openLink, pinnedLinkId, xdpLinks } from "./live.ts";
import { attachmentDir, listAttachments } from "./store.ts";

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
  const { kernel, root, netns } = machine;
  const { id, ifindex, programId } = kernel.linkInfo(link);
  if (ifindex === 0) return { kind: "nowhere" };
  const look = (): { readonly interface: string; readonly mode: Mode } | undefined => {
    const mode = modeOf(kernel, ifindex, programId);
    const name = mode && kernel.interfaceName(ifindex);
    return mode && name !== undefined ? { interface: name, mode } : undefined;
  };
  const hasOther = (inode: number): boolean => {
    using other = openLink(kernel, attachmentDir({ root, netns: inode }, ifindex));
    if (!other) return false;
    const info = kernel.linkInfo(other.number);
    return info.id !== id && isSameLink(info, { ifindex, programId });
  };
  // The others are not asked for where it is at home.
  const own = home === netns && !hasOther(netns) ? look() : undefined;
  if (own) return { kind: "on", netns, ifindex, ...own };
  const { byInode } = (machine.namespaces ?? networkNamespaces)();
  for (const inode of new Set([home, netns, ...byInode.keys()])) {
    if (hasOther(inode)) continue;
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

/**
 * The links by which an interface of this network namespace can run a program. More than one where interfaces of other namespaces
 * have its index and run the program too, but for those whose link is pinned for them and that can be seen to run it.
 */
export function linksTo(machine: Machine, ifindex: number, programId: number): readonly LinkInfo[] {
  const { kernel, root, netns, namespaces = networkNamespaces } = machine;
  const found = xdpLinks(kernel, (info) => isSameLink(info, { ifindex, programId }));
  if (found.length === 0) return found;
  const others = listAttachments(root).filter((name) => name.netns !== netns && name.ifindex === ifindex);
  if (others.length === 0) return found;
  const { byInode } = namespaces();
  const runs = (): boolean => modeOf(kernel, ifindex, programId) !== undefined;
  const theirs = others.flatMap((name) => {
    const namespace = byInode.get(name.netns);
    return namespace && inside(kernel, namespace, runs) ? (pinnedLinkId(kernel, name.dir) ?? []) : [];
  });
  return found.filter(({ id }) => !theirs.includes(id));
}

/**
 * The one link by which it runs the program; undefined where no link holds that.
 * @param not id of one that is known to be another interface's
 * @throws XdpgenError `conflict` where that cannot be told
 */
export function linkTo(machine: Machine, ifindex: number, programId: number, not?: number): Fd | undefined {
  const links = linksTo(machine, ifindex, programId).filter(({ id }) => id !== not);
  if (links.length > 1) throw severalLinks(machine, links);
  return links[0] && machine.kernel.linkById(links[0].id);
}

/** @param links to one program, on interfaces with one index */
export function severalLinks({ kernel }: Machine, links: readonly LinkInfo[]): XdpgenError {
  const [{ ifindex, programId }] = links as [LinkInfo];
  const device = kernel.interfaceName(ifindex) ?? `interface ${ifindex}`;
  const ids = links.map(({ id }) => id).join(", ");
  return new XdpgenError(
    "conflict",
    `${device} runs program ${programId}, and so do interfaces of other network namespaces that have the index ${ifindex} too: ` +
      `by the links ${ids}, and the kernel does not tell which is whose; ${NOTHING_CHANGED}. ` +
      "`bpftool link show` says which process holds each, `bpftool link detach id ID` takes one off",
  );
}
