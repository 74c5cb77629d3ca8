/**
 * An interface that comes from another network namespace brings its link along, and packets meet the chain all the while. Its
 * pins are in a folder that is named by where it was. The first command here that changes something renames that folder.
 */
import { existsSync, renameSync } from "node:fs";
import { publicPath } from "../machine/bpffs.ts";
import type { Kernel } from "../machine/kernel.ts";
import { type LockOptions, withLock } from "../machine/lock.ts";
import type { Machine } from "../machine/machine.ts";
import { modeOf, openLink } from "./live.ts";
import { clearAll } from "./recovery.ts";
import { attachmentDir, type AttachmentName, linkPin, listAttachments, removeIfEmpty } from "./store.ts";

/** The folder of an interface's attachment: its own where that has a link, else that of a link that came here with it. */
export function folderOf(machine: Machine, ifindex: number): AttachmentName {
  const { kernel, root, netns } = machine;
  const own = { dir: attachmentDir(machine, ifindex), netns, ifindex };
  if (existsSync(linkPin(own.dir))) return own;
  return listAttachments(root).find(({ dir }) => isOn(kernel, dir, ifindex)) ?? own;
}

function isOn(kernel: Kernel, dir: string, ifindex: number): boolean {
  using link = openLink(kernel, dir);
  if (!link) return false;
  const info = kernel.linkInfo(link.number);
  return info.ifindex === ifindex && modeOf(kernel, ifindex, info.programId) !== undefined;
}

/**
 * Gives the interface its own folder, where its link is pinned in another. The two are locked meanwhile: whoever waits for
 * either begins anew when it finds the folder gone.
 *
 * @throws XdpgenError `conflict` where a lock is not to be had
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
        if (!isOn(kernel, from.dir, ifindex)) return removeIfEmpty(from.dir);
        if (existsSync(linkPin(dir))) return;
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
