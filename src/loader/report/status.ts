/**
 * What runs, as a person wants to see it: read from the kernel, changed by nothing.
 *
 * Others go on meanwhile, so what was read is looked at again: an attachment whose link runs another program at the end of its
 * reading than at the beginning is read anew. What a swap takes away it takes away after that change. So a report is of one
 * generation, and nothing that vanishes is an error.
 */
import { existsSync, readFileSync } from "node:fs";
import type { Action } from "../../chain/chain.ts";
import { explain } from "../live/explain.ts";
import { canRun, type Dispatcher, type Kept, keptGenerations, lastGeneration } from "../live/history.ts";
import {
  findXdpLink,
  isReadable,
  openLink,
  type PinnedLink,
  pinnedLinkId,
  readManifest,
  readPinned,
} from "../live/live.ts";
import { sharers } from "../live/sharing.ts";
import { attachmentDir, type AttachmentName, listAttachments } from "../live/store.ts";
import { lostPins, type Trouble, unpinnedMaps } from "../live/trouble.ts";
import { isSameLink, type Whereabouts, whereabouts } from "../live/whereabouts.ts";
import { publicPath } from "../machine/bpffs.ts";
import { requireInterface } from "../machine/interface.ts";
import type { Kernel, ProgramInfo } from "../machine/kernel.ts";
import { readLockIfFree } from "../machine/lock.ts";
import { type Machine, readableMachine } from "../machine/machine.ts";
import { type Namespaces, networkNamespaces } from "../machine/namespaces.ts";
import { CHANGED, untilSettled } from "../machine/settle.ts";
import { countsOf } from "./counters.ts";
import { type PlaceStatus, placeStatus } from "./place-status.ts";
import { type LiveFigures, liveFigures, type ProgramStatus, programStatus } from "./program-status.ts";

/** A generation that `rollback` can take. */
export interface KeptStatus {
  readonly generation: number;
  readonly chain: string;
  /** When its dispatcher was loaded. */
  readonly since: Date;
  /** Names, in the order in which they would run. */
  readonly programs: readonly string[];
  /** False where somebody removed the pin of a slot: then it cannot run again. */
  readonly whole: boolean;
}

/** Where the dispatcher cannot be read, `troubles` says so, and what only its manifest tells is not there. */
export interface AttachmentStatus extends PlaceStatus {
  /** Empty where it cannot be read. */
  readonly chain: string;
  readonly end: "verdict" | Action;
  /** From 1; 0 where it cannot be read. */
  readonly generation: number;
  /** When the dispatcher was loaded. */
  readonly since: Date;
  readonly dispatcher: {
    readonly id: number;
    readonly tag: string;
    readonly name: string;
    /** With all that is linked in. */
    readonly figures: LiveFigures;
  };
  /** Other interfaces of its network namespace that run the same dispatcher: its maps and counts are theirs too. */
  readonly sharedWith: readonly string[];
  /** In the order in which they run. */
  readonly programs: readonly ProgramStatus[];
  /** Path of its folder in bpffs; undefined where its pins are out of reach. */
  readonly pins?: string;
  /** What is not as xdpgen left it. */
  readonly troubles: readonly Trouble[];
  /** The newest first; later than the one that runs are those that were rolled back. */
  readonly kept: readonly KeptStatus[];
}

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

/** An attachment, as long as nobody has looked at the others. */
type Alone = Omit<AttachmentStatus, "sharedWith">;

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
  /** Id of the link; 0 where there is none. */
  readonly link: number;
  readonly status: Alone;
}

function readAll(machine: Machine): readonly AttachmentStatus[] | typeof CHANGED {
  let seen: Namespaces | undefined;
  const remembering: Machine = { ...machine, namespaces: () => (seen ??= (machine.namespaces ?? networkNamespaces)()) };
  const names = listAttachments(machine.root);
  const found = names.flatMap((name) => untilSettled(name.dir, () => readAttachment(remembering, name)) ?? []);
  const others = readOthers(remembering, new Set(found.map(({ link }) => link)));
  // A folder goes to another name with its interface; one that came meanwhile may have the link of a chain that seemed to have none.
  const again = listAttachments(machine.root);
  if (!isSameList(names, again) || others === CHANGED) return CHANGED;
  return together([...found.map(({ status: one }) => one), ...others]);
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
  return same ? { link: id, status: read } : CHANGED;
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
  return last && { link: 0, status: attachmentOf(machine, name, { kind: "nowhere" }, last, []) };
}

function attachmentOf(
  machine: Machine,
  name: AttachmentName,
  where: Whereabouts,
  dispatcher: Dispatcher,
  others: readonly Trouble[],
): Alone {
  const { kernel } = machine;
  const { dir } = name;
  const { identity, programInfo } = dispatcher;
  const read = identity.manifest.programs.map((program, index) =>
    programStatus(kernel, dir, identity.generation, program, index + 1),
  );
  const pinned = new Set(read.flatMap(({ status: { maps } }) => maps.map(({ id }) => id)));
  const loaded = [programInfo, ...read.flatMap(({ extension }) => extension ?? [])];
  return {
    ...placeStatus(machine, where, name),
    ...chainOf(
      kernel,
      dispatcher,
      read.map(({ status: one }) => one),
    ),
    pins: publicPath(dir),
    troubles: [
      ...others,
      ...lostPins(kernel, dir, identity),
      ...unpinnedMaps(kernel, identity.manifest, loaded, pinned),
    ],
    kept: keptGenerations(kernel, dir, identity.generation).map((kept) => keptStatus(dir, kept)),
  };
}

/** What the kernel tells of a dispatcher without its manifest. */
function unreadableOf(
  machine: Machine,
  name: AttachmentName | undefined,
  where: Whereabouts,
  programInfo: ProgramInfo,
  troubles: readonly Trouble[],
): Alone {
  const { kernel } = machine;
  const identity = { manifest: { chain: "", end: "verdict", programs: [], code: "" }, generation: 0 } as const;
  return {
    ...placeStatus(machine, where, name),
    ...chainOf(kernel, { identity, programInfo }, []),
    ...(name && { pins: publicPath(name.dir) }),
    troubles,
    kept: [],
  };
}

function keptStatus(dir: string, kept: Kept): KeptStatus {
  const { generation, manifest, programInfo } = kept;
  return {
    generation,
    chain: manifest.chain,
    since: sinceBoot(programInfo.loadTime),
    programs: manifest.programs.map(({ name }) => name),
    whole: canRun(dir, kept),
  };
}

/** What a dispatcher tells, wherever its pins are. */
function chainOf(
  kernel: Kernel,
  { identity: { manifest, generation }, programInfo }: Dispatcher,
  programs: readonly ProgramStatus[],
): Pick<AttachmentStatus, "chain" | "end" | "generation" | "since" | "dispatcher" | "programs"> {
  const { id, tag, name, loadTime } = programInfo;
  using fd = kernel.programById(id);
  const counts = manifest.counters && countsOf(kernel, programInfo, programs.length);
  return {
    chain: manifest.chain,
    end: manifest.end,
    generation,
    since: sinceBoot(loadTime),
    dispatcher: { id, tag, name, figures: liveFigures(kernel, fd.number, programInfo) },
    programs: programs.map((program, index) => ({ ...program, ...(counts && { counts: counts[index]! }) })),
  };
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
    if (dir !== undefined) {
      // Between the call that makes a link and the one that pins it there is an instant, and a lock.
      using lock = readLockIfFree(kernel, dir);
      if (!lock && existsSync(dir)) continue;
      if (pinnedLinkId(kernel, dir) === id) return CHANGED;
    }
    const outOfReach: Trouble = { kind: "pins-out-of-reach" };
    if (!isReadable(identity)) {
      const troubles: readonly Trouble[] = [{ kind: "unreadable", reason: identity.unreadable }, outOfReach];
      found.push(unreadableOf(machine, undefined, where, programInfo, troubles));
      continue;
    }
    const programs = identity.manifest.programs.map((one, index) => ({ order: index + 1, ...one, maps: [] }));
    found.push({
      ...placeStatus(machine, where, undefined),
      ...chainOf(kernel, { identity, programInfo }, programs),
      troubles: [outOfReach],
      kept: [],
    });
  }
}

/** The kernel counts load times from boot, suspended time included; `btime` is the boot in whole seconds, and stands still. */
function sinceBoot(nanoseconds: bigint): Date {
  const boot = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]);
  return new Date(boot * 1000 + Number(nanoseconds / 1_000_000n));
}
