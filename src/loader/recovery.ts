/**
 * What a crash, a removed interface or a foreign hand left in an attachment's folder is cleared by the next command. The
 * live manifest says what belongs; everything else goes.
 */
import { closeSync, existsSync, openSync } from "node:fs";
import { isLinked } from "../chain/chain.ts";
import type { Manifest } from "../codegen/index.ts";
import { XdpgenError } from "../errors.ts";
import { interfaceGone, interfaceName } from "./interface.ts";
import { isErrno, type Kernel } from "./kernel.ts";
import { foreignOnLink, type Identity, movedAway, type PinnedLink, readManifest, readPinned } from "./live.ts";
import type { Machine } from "./machine.ts";
import {
  dispatcherPin,
  generationDir,
  linkPin,
  listAttachments,
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
    else if (isLinked(used.linkage)) unpin(programPin(dir, key));
  }
}

/** Everything of an attachment but its folder, which holds the lock. The link goes first: no packet is to meet the rest. */
export function clearAll(dir: string): void {
  unpin(linkPin(dir));
  clearLeftovers(dir, undefined, undefined);
  removeTree(`${dir}/programs`);
}

/** What a swap finds and builds upon. */
export interface Predecessor extends Disposable {
  /** Undefined where nothing is attached. Only a link that is on the interface can be updated; any other makes room. */
  readonly pinned: PinnedLink | undefined;
  /** The chain that the pins belong to: the next generation takes over its unchanged programs and its maps. */
  readonly identity: Identity | undefined;
}

/**
 * Reads what is attached, under the lock. Clears what a crash has left, which nothing uses; whatever is attached stays, and
 * so do its pins, until the next generation is there.
 *
 * @param replace allows what is not xdpgen's, or not here, to be taken away; it is not taken away here
 * @throws XdpgenError `interface-occupied`, `interface-missing`
 */
export function recover(
  kernel: Kernel,
  dir: string,
  target: {
    readonly device: string;
    readonly ifindex: number;
    readonly replace?: boolean;
    readonly report: (message: string) => void;
  },
): Predecessor {
  const { device, ifindex, report } = target;
  const pinned = readPinned(kernel, dir, ifindex);
  try {
    if (pinned && !target.replace) requireOurs(pinned, dir, ifindex);
    if (pinned?.place.kind === "nowhere") {
      if (kernel.interfaceIndex(device) !== ifindex) throw interfaceGone(device);
      report(
        "the attachment was defunct: its interface was removed or its link detached by somebody else; attaching anew",
      );
    }
    const identity = pinned && (pinned.identity ?? lastGeneration(kernel, dir));
    clearLeftovers(dir, identity?.manifest, identity?.generation);
    return { pinned, identity, [Symbol.dispose]: () => pinned?.[Symbol.dispose]() };
  } catch (error) {
    pinned?.[Symbol.dispose]();
    throw error;
  }
}

function requireOurs(pinned: PinnedLink, dir: string, ifindex: number): void {
  if (pinned.place.kind === "here" && !pinned.identity) throw foreignOnLink(pinned, dir);
  if (pinned.place.kind === "elsewhere") {
    throw new XdpgenError(
      "interface-occupied",
      `${movedAway(pinned, dir, ifindex)}; nothing was changed: --replace takes it off there and attaches here`,
    );
  }
}

/** What ran before somebody put a program of their own on the link: the last dispatcher that is pinned. */
function lastGeneration(kernel: Kernel, dir: string): Identity | undefined {
  for (const generation of listGenerations(dir).toSorted((a, b) => b - a)) {
    try {
      using dispatcher = kernel.openPin(dispatcherPin(dir, generation));
      return readManifest(kernel, kernel.programInfo(dispatcher.number));
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
  return undefined;
}

/** Whether each extension of a live dispatcher still has its link, and each loaded program the map that it is called from. */
export function slotsBound(dir: string, { manifest, generation }: Identity): boolean {
  return manifest.programs.every((p) => isLinked(p.linkage) || existsSync(slotPin(dir, generation, p.name)));
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
