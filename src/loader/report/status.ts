/**
 * What runs, as a person wants to see it: read from the kernel, changed by nothing.
 *
 * Others go on meanwhile, so what was read is looked at again: an attachment whose link runs another program at the end of its
 * reading than at the beginning is read anew. What a swap takes away it takes away after that change. So a report is of one
 * generation, and nothing that vanishes is an error.
 */
import { explain } from "../live/explain.ts";
import { lastGeneration } from "../live/history.ts";
import { findXdpLink, openLink, type PinnedLink, pinnedLinkId, readPinned } from "../live/live.ts";
import { isReadable, readManifest } from "../live/manifest.ts";
import { sharers } from "../live/sharing.ts";
import { attachmentDir, type AttachmentName, listAttachments } from "../live/store.ts";
import { isSameLink, type Whereabouts, whereabouts } from "../live/whereabouts.ts";
import { isFolder } from "../machine/folder.ts";
import { requireInterface } from "../machine/interface.ts";
import { isErrno, type Kernel } from "../machine/kernel.ts";
import { readLockIfFree } from "../machine/lock.ts";
import { type Machine, readableMachine } from "../machine/machine.ts";
import { type Namespaces, networkNamespaces } from "../machine/namespaces.ts";
import { CHANGED, untilSettled } from "../machine/settle.ts";
import { type Alone, attachmentOf, type AttachmentStatus, outOfReachOf, unreadableOf } from "./attachment-status.ts";

/** All attachments whose pins are in this bpffs, and chains on any interface whose pins are elsewhere; or those of an interface. */
export type StatusReport = readonly AttachmentStatus[];

/**
 * @param device only this interface of this network namespace; the report is empty where xdpgen has nothing on it
 * @throws XdpgenError `environment` without privilege, `interface-missing`, `conflict` where it does not stop changing, `kernel`
 */
export function status(device?: string, machine: Machine = readableMachine("read what runs")): StatusReport {
  const only = device === undefined ? undefined : requireInterface(machine.kernel, device);
  return everything(machine)
    .filter(({ namespace, ifindex }) => only === undefined || (namespace.kind === "own" && ifindex === only))
    .toSorted((a, b) => rank(a) - rank(b) || a.ifindex - b.ifindex);
}

function everything(machine: Machine): StatusReport {
  try {
    return untilSettled("the attachments", () => readAll(machine));
  } catch (error) {
    throw explain(error, "read what runs", "");
  }
}

/** Own namespace first. */
const rank = ({ namespace: { kind, inode = Infinity } }: AttachmentStatus): number => (kind === "own" ? 0 : inode);

/** The attachment with this folder; undefined where there is none. */
export function attachmentStatus(machine: Machine, name: AttachmentName): AttachmentStatus | undefined {
  const found = untilSettled(name.dir, () => readAttachment(machine, name))?.status;
  if (!found) return undefined;
  const { kernel } = machine;
  const others = untilSettled(name.dir, () => sharers(machine, found.ifindex, found.dispatcher.id));
  return { ...found, sharedWith: others.map((other) => kernel.interfaceName(other) ?? `interface ${other}`) };
}

function together(all: readonly Alone[]): readonly AttachmentStatus[] {
  const runsWith = (one: Alone, other: Alone): boolean =>
    other !== one &&
    other.namespace.inode === one.namespace.inode &&
    other.dispatcher.id === one.dispatcher.id &&
    other.mode !== undefined;
  return all.map((one) => {
    const others = all.filter((other) => runsWith(one, other)).toSorted((a, b) => a.ifindex - b.ifindex);
    return { ...one, sharedWith: others.map((other) => other.interface ?? `interface ${other.ifindex}`) };
  });
}

interface Reading {
  readonly name: AttachmentName;
  /** Id of the link; 0 where there is none. */
  readonly link: number;
  /** Id of the program that it ran. */
  readonly program: number;
  readonly status: Alone;
}

function readAll(machine: Machine): readonly AttachmentStatus[] | typeof CHANGED {
  let seen: Namespaces | undefined;
  const remembering: Machine = { ...machine, namespaces: () => (seen ??= (machine.namespaces ?? networkNamespaces)()) };
  const names = listAttachments(machine.root);
  const readOne = (name: AttachmentName): readonly Reading[] => {
    const reading = untilSettled(name.dir, () => readAttachment(remembering, name));
    return reading ? [reading] : [];
  };
  let found = names.flatMap(readOne);
  const others = readOthers(remembering, new Set(found.map(({ link }) => link)));
  // A folder goes to another name with its interface; one that came meanwhile may have the link of a chain that seemed to have none.
  if (!isSameList(names, listAttachments(machine.root)) || others === CHANGED) return CHANGED;
  // Of two interfaces that are swapped in turn, the first must not be old where the second is new. Those that have not changed are
  // not read again, however many they are.
  found = untilSettled("the attachments", () => {
    const stale = new Set(found.filter((reading) => !stillRuns(machine.kernel, reading)));
    if (stale.size === 0) return found;
    found = found.flatMap((reading) => (stale.has(reading) ? readOne(reading.name) : reading));
    return CHANGED;
  });
  return together([...found.map(({ status: one }) => one), ...others]);
}

function stillRuns(kernel: Kernel, { link, program }: Reading): boolean {
  if (link === 0) return true;
  try {
    using fd = kernel.linkById(link);
    return kernel.linkInfo(fd.number).programId === program;
  } catch (error) {
    if (isErrno(error, "ENOENT", "EAGAIN")) return false;
    throw error;
  }
}

function isSameList(a: readonly AttachmentName[], b: readonly AttachmentName[]): boolean {
  const dirs = new Set(a.map(({ dir }) => dir));
  return a.length === b.length && b.every(({ dir }) => dirs.has(dir));
}

function readAttachment(machine: Machine, name: AttachmentName): Reading | undefined | typeof CHANGED {
  const { kernel } = machine;
  const { dir } = name;
  using live = readPinned(kernel, dir, name.ifindex);
  if (!live) return readStopped(machine, name);
  const id = kernel.linkInfo(live.link.number).id;
  const where = whereabouts(machine, live.link.number, name.netns);
  if (!where) return CHANGED;
  if ((where.kind === "nowhere" || !live.pinned) && !isAtRest(kernel, dir)) return undefined;
  const { programInfo: foreign } = live;
  const read = describe(machine, name, live, where);
  // Nothing that is left here is xdpgen's but the link.
  if (!read) return undefined;
  using pin = openLink(kernel, dir);
  const now = kernel.linkInfo(live.link.number);
  const same =
    (pin === undefined ? !live.pinned : live.pinned && kernel.linkInfo(pin.number).id === id) &&
    isSameLink(now, { programId: foreign.id, ifindex: where.kind === "nowhere" ? 0 : where.ifindex });
  return same ? { name, link: id, program: foreign.id, status: read } : CHANGED;
}

function describe(machine: Machine, name: AttachmentName, live: PinnedLink, where: Whereabouts): Alone | undefined {
  const { kernel } = machine;
  const { identity, programInfo, unreadable } = live;
  if (identity) return attachmentOf(machine, name, where, { identity, programInfo }, []);
  if (unreadable !== undefined)
    return unreadableOf(machine, name, where, programInfo, [{ kind: "unreadable", reason: unreadable }]);
  const last = lastGeneration(kernel, name.dir);
  const { id, name: called } = programInfo;
  return last && attachmentOf(machine, name, where, last, [{ kind: "foreign-program", id, name: called }]);
}

/** Whether nobody works on an attachment: else a link that is defunct or has no pin is on its way out, or about to get one. */
function isAtRest(kernel: Kernel, dir: string): boolean {
  using lock = readLockIfFree(kernel, dir);
  return lock !== undefined;
}

/** A chain without a link, read under the lock: who holds it is making the attachment, or taking it off. */
function readStopped(machine: Machine, name: AttachmentName): Reading | undefined | typeof CHANGED {
  const { kernel } = machine;
  using lock = readLockIfFree(kernel, name.dir);
  if (!lock) return undefined;
  using link = openLink(kernel, name.dir);
  if (link) return CHANGED;
  const last = lastGeneration(kernel, name.dir);
  return last && { name, link: 0, program: 0, status: attachmentOf(machine, name, { kind: "nowhere" }, last, []) };
}

/** Chains that run by links that no attachment of this bpffs has. */
function readOthers(machine: Machine, known: ReadonlySet<number>): readonly Alone[] | typeof CHANGED {
  const { kernel, root } = machine;
  const found: Alone[] = [];
  const passed = new Set(known);
  for (;;) {
    using link = findXdpLink(kernel, ({ id }) => !passed.has(id));
    if (!link) return found;
    const { id, programId } = kernel.linkInfo(link.number);
    passed.add(id);
    using program = kernel.programById(programId);
    const programInfo = kernel.programInfo(program.number);
    const identity = readManifest(kernel, programInfo);
    if (!identity) continue;
    const where = whereabouts(machine, link.number, machine.netns);
    if (!where) return CHANGED;
    if (where.kind === "nowhere") continue;
    const dir = where.kind === "on" ? attachmentDir({ root, netns: where.netns }, where.ifindex) : undefined;
    if (dir !== undefined && isFolder(dir)) {
      // Between the call that makes a link and the one that pins it there is an instant, and a lock.
      using lock = readLockIfFree(kernel, dir);
      if (!lock) continue;
      if (pinnedLinkId(kernel, dir) === id) return CHANGED;
    }
    found.push(
      isReadable(identity)
        ? outOfReachOf(machine, where, { identity, programInfo })
        : unreadableOf(machine, undefined, where, programInfo, [
            { kind: "unreadable", reason: identity.unreadable },
            { kind: "pins-out-of-reach" },
          ]),
    );
  }
}
