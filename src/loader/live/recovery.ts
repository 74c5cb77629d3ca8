/**
 * What a crash, a removed interface or a foreign hand left in an attachment's folder is cleared by the next command. The
 * manifests of the live generation and of those that are kept say what belongs; everything else goes.
 */
import { existsSync } from "node:fs";
import { isLinked } from "../../chain/chain.ts";
import { isErrno, type Kernel } from "../machine/kernel.ts";
import { lockIfFree } from "../machine/lock.ts";
import type { Machine } from "../machine/machine.ts";
import { inside, networkNamespaces } from "../machine/namespaces.ts";
import { asideDir, holdsAside, isAside, removeAside, restoreAside } from "./aside.ts";
import { type Inheritance, inheritance, isSameProgram, markLive } from "./history.ts";
import { findXdpLink, openLink, pinnedDispatchers, type PinnedLink, pinnedLinkId, readPinned } from "./live.ts";
import type { Identity } from "./manifest.ts";
import { requireWay, type Wanted } from "./obstacle.ts";
import { removeTree, unpin } from "./pins.ts";
import type { Place } from "./place.ts";
import {
  type AttachmentName,
  dispatcherPin,
  generationDir,
  linkPin,
  listAttachments,
  listGenerations,
  listPrograms,
  newMark,
  programDir,
  programPin,
} from "./store.ts";

/** Removes every generation but these, every program and pin that none of them names, and what was set aside. */
export function clearLeftovers(dir: string, stay: readonly Identity[]): void {
  removeAside(dir);
  const numbers = new Set(stay.map(({ generation }) => generation));
  for (const n of listGenerations(dir)) if (!numbers.has(n)) removeGeneration(dir, n);
  const programs = stay.flatMap(({ manifest }) => manifest.programs);
  for (const key of listPrograms(dir)) {
    const uses = programs.filter((p) => isSameProgram(p, key));
    if (uses.length === 0) removeTree(programDir(dir, key));
    else if (uses.every(({ linkage }) => isLinked(linkage))) unpin(programPin(dir, key));
  }
}

/** The dispatcher first: a report that finds it gone knows that the rest is going. */
function removeGeneration(dir: string, generation: number): void {
  unpin(dispatcherPin(dir, generation));
  removeTree(generationDir(dir, generation));
}

/** Everything of an attachment but its folder, which holds the lock. The link goes first: no packet is to meet the rest. */
export function clearAll(dir: string): void {
  unpin(linkPin(dir));
  clearLeftovers(dir, []);
  removeTree(`${dir}/programs`);
}

/** What a swap finds, and builds upon: the next generation takes over unchanged programs and maps of the chain that the pins belong to. */
export interface Predecessor extends Inheritance, Disposable {
  /** Undefined where nothing is attached. Only a link that is on the interface can be updated; any other makes room. */
  readonly pinned: PinnedLink | undefined;
}

/**
 * Reads what is attached, under the lock. Clears what a crash has left, which nothing uses; whatever is attached stays, and
 * so do its pins, until the next generation is there.
 *
 * @throws XdpgenError as `requireWay`; what is to be replaced is not taken away here
 */
export function recover(kernel: Kernel, place: Place, wanted: Wanted, report: (message: string) => void): Predecessor {
  const { dir, ifindex } = place;
  const pinned = readPinned(kernel, dir, ifindex);
  try {
    requireWay(kernel, place, pinned, wanted);
    takeBackAside(kernel, dir, pinned);
    const { identity, dispatcher, kept } = inheritance(kernel, dir, pinned);
    if (pinned?.identity) markLive(dir, pinned.identity.generation);
    if (pinned?.unreadable === undefined) clearLeftovers(dir, identity ? [identity, ...kept] : []);
    if (pinned) pinAgain(kernel, dir, pinned, report);
    return { pinned, identity, dispatcher, kept, [Symbol.dispose]: () => pinned?.[Symbol.dispose]() };
  } catch (error) {
    pinned?.[Symbol.dispose]();
    throw error;
  }
}

/**
 * A swap that a crash has ended may have set aside what packets still meet: that goes back. Where the swap was committed, what is aside
 * goes. Which of them runs the pins of the dispatchers say, whether this process can read it or not; where neither has its pin, whether
 * one here has run.
 */
export function takeBackAside(kernel: Kernel, dir: string, pinned: PinnedLink | undefined): void {
  if (!pinned || !existsSync(asideDir(dir))) return;
  const { id } = pinned.programInfo;
  const runs = pinnedDispatchers(kernel, asideDir(dir)).has(id);
  const hasRun = listGenerations(dir).some((generation) => !existsSync(newMark(dir, generation)));
  const committed = isAside(dir) && !runs && (pinnedDispatchers(kernel, dir).has(id) || hasRun);
  if (committed) removeAside(dir);
  else restoreAside(dir, runs);
}

/** Whether pins of what runs, or some of them, are aside: the swap that set them there was killed before it committed. */
export function isSetAside(kernel: Kernel, dir: string, dispatcher: number): boolean {
  if (!holdsAside(dir)) return false;
  return !isAside(dir) || pinnedDispatchers(kernel, asideDir(dir)).has(dispatcher);
}

/** The pin of a link that somebody removed, and that lives on without it. */
export function pinAgain(
  kernel: Kernel,
  dir: string,
  { link, pinned }: PinnedLink,
  report: (message: string) => void,
): void {
  if (pinned) return;
  kernel.pin(link.number, linkPin(dir));
  report("the link had lost its pin: pinned it again");
}

/**
 * Whether anything in `dir` is in a packet's way: its link, or a dispatcher of it on a link that has no pin. One that other
 * attachments share is pinned with them too. A first apply that was killed leaves none of this.
 */
function isAlive({ kernel, root }: Machine, dir: string): boolean {
  using link = openLink(kernel, dir);
  if (link && kernel.linkInfo(link.number).ifindex !== 0) return true;
  const dispatchers = pinnedDispatchers(kernel, dir);
  if (dispatchers.size === 0) return false;
  const links = new Set(listAttachments(root).flatMap((other) => pinnedLinkId(kernel, other.dir) ?? []));
  using unpinned = findXdpLink(kernel, ({ id, programId }) => dispatchers.has(programId) && !links.has(id));
  return unpinned !== undefined;
}

/**
 * Clears the attachments whose interface no longer exists, in this network namespace or with its whole namespace. What
 * is in a packet's way stays, and so does one that another process holds, or whose interface may exist where we cannot look.
 * Returns how many were cleared in this network namespace.
 */
export function sweep(machine: Machine, report: (message: string) => void): number {
  const { root, netns } = machine;
  let cleared = 0;
  for (const name of listAttachments(root)) {
    if (isHere(machine, name) || isAlive(machine, name.dir) || mayExist(machine, name)) continue;
    if (!sweepOne(machine, name.dir)) continue;
    if (name.netns === netns) cleared++;
    report(`cleared an attachment whose interface (index ${name.ifindex}) no longer exists`);
  }
  return cleared;
}

/** Whether the interface of an attachment exists in this network namespace. */
const isHere = ({ kernel, netns }: Machine, name: AttachmentName): boolean =>
  name.netns === netns && kernel.interfaceName(name.ifindex) !== undefined;

/** Whether it exists in another one; yes, where that cannot be told. */
function mayExist({ kernel, netns, namespaces = networkNamespaces }: Machine, name: AttachmentName): boolean {
  if (name.netns === netns) return false;
  const exists = (): boolean => kernel.interfaceName(name.ifindex) !== undefined;
  const { byInode, complete } = namespaces();
  const namespace = byInode.get(name.netns);
  return namespace ? (inside(kernel, namespace, exists) ?? true) : !complete;
}

function sweepOne(machine: Machine, dir: string): boolean {
  using lock = lockIfFree(machine.kernel, dir);
  // Whoever held the lock meanwhile may have made the link that was not there before.
  if (!lock || isAlive(machine, dir)) return false;
  try {
    clearAll(dir);
    removeTree(dir);
    return true;
  } catch (error) {
    // Another process may be clearing it too.
    if (isErrno(error, "ENOENT", "ENOTEMPTY")) return false;
    throw error;
  }
}
