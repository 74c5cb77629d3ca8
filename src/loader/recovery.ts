/**
 * What a crash, a removed interface or a foreign hand left in an attachment's folder is cleared by the next command. The
 * live manifest says what belongs; everything else goes.
 */
import { isLinked } from "../chain/chain.ts";
import type { Manifest } from "../codegen/index.ts";
import { XdpgenError } from "../errors.ts";
import { requireFree } from "./hook.ts";
import { interfaceGone } from "./interface.ts";
import { isErrno, type Kernel, type ProgramInfo } from "./kernel.ts";
import {
  findXdpLink,
  foreignOnLink,
  type Identity,
  movedAway,
  openLink,
  pinnedDispatchers,
  type PinnedLink,
  readManifest,
  readPinned,
} from "./live.ts";
import { lockIfFree } from "./lock.ts";
import type { Machine } from "./machine.ts";
import { inside, networkNamespaces } from "./namespaces.ts";
import {
  type AttachmentName,
  dispatcherPin,
  generationDir,
  linkPin,
  listAttachments,
  listGenerations,
  listPrograms,
  programDir,
  programPin,
  removeTree,
  unpin,
} from "./store.ts";
import { removedPins } from "./trouble.ts";

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
  /** Id of that chain's dispatcher. */
  readonly dispatcher: number | undefined;
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
    if (pinned?.place.kind === "nowhere" && kernel.interfaceIndex(device) !== ifindex) throw interfaceGone(device);
    // What is on the interface may be a dispatcher that needs what this folder has.
    if (pinned?.place.kind !== "here" && !target.replace) requireFree(kernel, device, ifindex);
    if (pinned?.place.kind === "nowhere") {
      report(
        "the attachment was defunct: its interface was removed or its link detached by somebody else; attaching anew",
      );
    }
    const last = pinned?.identity ? undefined : lastGeneration(kernel, dir);
    const identity = pinned?.identity ?? last?.identity;
    const dispatcher = (last ?? pinned)?.programInfo.id;
    clearLeftovers(dir, identity?.manifest, identity?.generation);
    if (pinned && !pinned.pinned) {
      kernel.pin(pinned.link.number, linkPin(dir));
      report("the link had lost its pin: pinned it again");
    }
    return { pinned, identity, dispatcher, [Symbol.dispose]: () => pinned?.[Symbol.dispose]() };
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

/** A dispatcher of xdpgen, whether packets meet it or not. */
export interface Dispatcher {
  readonly identity: Identity;
  readonly programInfo: ProgramInfo;
}

/** What ran before somebody put a program of their own on the link, or took the link away: the last dispatcher that is pinned. */
export function lastGeneration(kernel: Kernel, dir: string): Dispatcher | undefined {
  for (const generation of listGenerations(dir).toSorted((a, b) => b - a)) {
    try {
      using dispatcher = kernel.openPin(dispatcherPin(dir, generation));
      const programInfo = kernel.programInfo(dispatcher.number);
      const identity = readManifest(kernel, programInfo);
      if (identity) return { identity, programInfo };
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
  return undefined;
}

/** Whether a live dispatcher has all that its manifest names: the link of each slot, and pins. */
export function isWhole(dir: string, identity: Identity): boolean {
  return removedPins(dir, identity).every((trouble) => trouble.kind === "pin-removed" && trouble.what === "link");
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
  const links = new Set(listAttachments(root).flatMap((other) => pinnedLink(kernel, other.dir) ?? []));
  using unpinned = findXdpLink(kernel, ({ id, programId }) => dispatchers.has(programId) && !links.has(id));
  return unpinned !== undefined;
}

/** Its id. */
function pinnedLink(kernel: Kernel, dir: string): number | undefined {
  using link = openLink(kernel, dir);
  return link && kernel.linkInfo(link.number).id;
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
    if (isAlive(machine, name.dir) || mayExist(machine, name) || !sweepOne(machine, name.dir)) continue;
    if (name.netns === netns) cleared++;
    report(`cleared an attachment whose interface (index ${name.ifindex}) no longer exists`);
  }
  return cleared;
}

/** Whether the interface of an attachment exists; yes, where that cannot be told. */
function mayExist({ kernel, netns, namespaces = networkNamespaces }: Machine, name: AttachmentName): boolean {
  const exists = (): boolean => kernel.interfaceName(name.ifindex) !== undefined;
  if (name.netns === netns) return exists();
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
