/**
 * An interface that comes from another network namespace brings its link along, and packets meet the chain all the while. Its
 * pins are in a folder that is named by where it was. The first command here that changes something renames that folder.
 */
import { existsSync, renameSync } from "node:fs";
import { publicPath } from "../machine/bpffs.ts";
import { requireFolder } from "../machine/folder.ts";
import type { Kernel } from "../machine/kernel.ts";
import { type LockOptions, withLock } from "../machine/lock.ts";
import type { Machine } from "../machine/machine.ts";
import { hookOf, openLink, pinnedLinkId } from "./live.ts";
import { removeIfEmpty } from "./pins.ts";
import { clearAll } from "./recovery.ts";
import { attachmentDir, type AttachmentName, linkPin, listAttachments } from "./store.ts";
import { linksTo, severalLinks } from "./whereabouts.ts";

/**
 * The folder of an interface's attachment: its own where that has a link, else that of a link that came here with it; also where that
 * of its own is defunct, which was on an interface that had this index before.
 * @throws XdpgenError `conflict` where it can be one of several, `environment` where its own is no folder
 */
export function folderOf(machine: Machine, ifindex: number): AttachmentName {
  const { kernel, root, netns } = machine;
  const own = { dir: attachmentDir(machine, ifindex), netns, ifindex };
  const others = listAttachments(root).filter(({ dir }) => dir !== own.dir);
  requireFolder(own.dir);
  // A link that came here has its folder in another namespace's name.
  const cameHere = others.some((other) => other.netns !== netns);
  if (existsSync(linkPin(own.dir)) && !(cameHere && isDefunct(kernel, own.dir))) return own;
  const { native, generic } = hookOf(kernel, ifindex);
  const links = [native, generic].flatMap((id) => (id === 0 ? [] : linksTo(machine, ifindex, id)));
  if (links.length === 0) return own;
  const isOne = (id: number | undefined): boolean => links.some((link) => link.id === id);
  const found = others.find(({ dir }) => isOne(pinnedLinkId(kernel, dir)));
  if (found && links.length > 1) throw severalLinks(machine, links);
  return found ?? own;
}

function isDefunct(kernel: Kernel, dir: string): boolean {
  using link = openLink(kernel, dir);
  return link !== undefined && kernel.linkInfo(link.number).ifindex === 0;
}

/**
 * Gives the interface its own folder, where its link is pinned in another. The two are locked meanwhile: whoever waits for
 * either begins anew when it finds the folder gone.
 *
 * @throws XdpgenError `conflict` where a lock is not to be had, or where its link can be one of several
 */
export async function adopt(
  machine: Machine,
  device: string,
  ifindex: number,
  options: LockOptions,
  report: (message: string) => void,
): Promise<void> {
  const { kernel } = machine;
  const dir = attachmentDir(machine, ifindex);
  const from = folderOf(machine, ifindex);
  if (from.dir === dir) return;
  await withLock(kernel, dir, options, async () => {
    try {
      await withLock(kernel, from.dir, options, async () => {
        if (folderOf(machine, ifindex).dir !== from.dir) return removeIfEmpty(from.dir);
        clearAll(dir);
        renameSync(from.dir, dir);
        report(
          `${device} came from another network namespace (${from.netns}, index ${from.ifindex}) with its chain: its pins are ` +
            `in ${publicPath(dir)} now`,
        );
      });
    } finally {
      removeIfEmpty(dir);
    }
  });
}
