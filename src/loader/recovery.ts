/**
 * What a crash, a removed interface or a foreign hand left in an attachment's folder is cleared by the next command. The
 * live manifest says what belongs; everything else goes.
 */
import { closeSync, existsSync, openSync } from "node:fs";
import type { Manifest } from "../codegen/index.ts";
import { XdpgenError } from "../errors.ts";
import { isOn } from "./hook.ts";
import { interfaceName } from "./interface.ts";
import { isErrno, type Kernel } from "./kernel.ts";
import { type Live, readLive } from "./live.ts";
import type { Machine } from "./machine.ts";
import {
  generationDir,
  linkPin,
  list,
  listGenerations,
  listPrograms,
  programDir,
  programPin,
  removeTree,
  slotPin,
  unpin,
} from "./store.ts";

/** Removes every generation, program and pin that the manifest of `generation` does not name. */
export function clearLeftovers(dir: string, manifest: Manifest | undefined, generation: number | undefined): void {
  for (const n of listGenerations(dir)) if (n !== generation) removeTree(generationDir(dir, n));
  for (const key of listPrograms(dir)) {
    const used = manifest?.programs.find((p) => p.name === key.name && p.hash === key.hash);
    if (!used) removeTree(programDir(dir, key));
    else if (used.linkage === "call") unpin(programPin(dir, key));
  }
}

/** Everything of an attachment but its folder, which holds the lock. The link goes first: no packet is to meet the rest. */
export function clearAll(dir: string): void {
  unpin(linkPin(dir));
  clearLeftovers(dir, undefined, undefined);
  removeTree(`${dir}/programs`);
}

/**
 * The live attachment, with what is left over cleared. Under the lock.
 *
 * The folder is known by network namespace and index. Both are given again once they are free, while the interface that had
 * them may live on elsewhere with our link: a swap must not hit that one.
 *
 * @param ifindex the interface that is meant
 * @param replace take the link away from a program that is not xdpgen's
 */
export function recover(
  kernel: Kernel,
  dir: string,
  ifindex: number,
  options: { readonly replace: boolean; readonly report: (message: string) => void },
): Live | undefined {
  let live: Live | undefined;
  try {
    live = readLive(kernel, dir);
  } catch (error) {
    if (!options.replace || !(error instanceof XdpgenError) || error.code !== "interface-occupied") throw error;
    options.report(error.message);
  }
  try {
    if (live && !live.defunct) {
      if (isOn(kernel.queryXdp(ifindex), live.linkInfo.programId)) {
        clearLeftovers(dir, live.manifest, live.generation);
        return live;
      }
      if (kernel.linkInfo(live.link.number).ifindex === 0) throw removed(ifindex);
      const moved =
        `the chain ${live.manifest.chain} whose link is ${linkPin(dir)} runs on an interface that once had the index ` +
        `${ifindex} here and was moved to another network namespace`;
      if (!options.replace) {
        throw new XdpgenError(
          "interface-occupied",
          `${moved}; nothing was changed: --replace takes it off there and attaches here`,
        );
      }
      options.report(`${moved}: took it off there`);
    }
  } catch (error) {
    live?.[Symbol.dispose]();
    throw error;
  }
  if (live?.defunct) {
    options.report(
      "the attachment was defunct: its interface was removed or its link detached by somebody else; cleared it",
    );
  }
  live?.[Symbol.dispose]();
  clearAll(dir);
  return undefined;
}

function removed(ifindex: number): XdpgenError {
  return new XdpgenError("interface-missing", `the interface with index ${ifindex} was removed; nothing was changed`);
}

/** Whether every extension of the live dispatcher still has its link. */
export function slotsBound(dir: string, live: Live): boolean {
  return live.manifest.programs.every(
    (p) => p.linkage !== "freplace" || existsSync(slotPin(dir, live.generation, p.name)),
  );
}

/** An attachment's folder by its name, `4026531840-3`. */
export interface AttachmentName {
  readonly dir: string;
  readonly netns: number;
  readonly ifindex: number;
}

export function listAttachments(root: string): readonly AttachmentName[] {
  return list(root).flatMap((name) => {
    const match = /^(\d+)-(\d+)$/.exec(name);
    return match ? [{ dir: `${root}/${name}`, netns: Number(match[1]), ifindex: Number(match[2]) }] : [];
  });
}

/** Whether a link of an interface that exists is pinned in `dir`. A first apply that was killed leaves none. */
function isAlive(kernel: Kernel, dir: string): boolean {
  try {
    using link = kernel.openPin(linkPin(dir));
    return kernel.linkInfo(link.number).ifindex !== 0;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

/**
 * Clears the attachments whose interface no longer exists, in this network namespace or with its whole namespace. One that
 * another process holds is left to it. Returns how many were cleared in this network namespace.
 */
export function sweep({ kernel, root, netns }: Machine, report: (message: string) => void): number {
  let cleared = 0;
  for (const name of listAttachments(root)) {
    if (name.netns === netns && interfaceName(kernel, name.ifindex) !== undefined) continue;
    if (!sweepOne(kernel, name.dir)) continue;
    if (name.netns === netns) cleared++;
    report(`cleared an attachment whose interface (index ${name.ifindex}) no longer exists`);
  }
  return cleared;
}

function sweepOne(kernel: Kernel, dir: string): boolean {
  let fd: number | undefined;
  try {
    if (isAlive(kernel, dir)) return false;
    fd = openSync(dir, "r");
    // Whoever held the lock meanwhile may have made the link that was not there before.
    if (!kernel.tryLock(fd) || isAlive(kernel, dir)) return false;
    clearAll(dir);
    removeTree(dir);
    return true;
  } catch (error) {
    // Another process may be clearing it too.
    if (isErrno(error, "ENOENT", "ENOTEMPTY")) return false;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
