/** One attachment, as a person wants to see it: what its dispatcher, its pins and its maps tell at the moment of reading. */
import { existsSync, readFileSync } from "node:fs";
import type { Action } from "../../chain/chain.ts";
import { canRun, type Dispatcher, isUndecided, type Kept, keptGenerations } from "../live/history.ts";
import { replacedMap, unpinnedMaps } from "../live/own-maps.ts";
import { isSetAside } from "../live/recovery.ts";
import { type AttachmentName, dispatcherPin } from "../live/store.ts";
import { lostPins, takenPins, type Trouble } from "../live/trouble.ts";
import type { Whereabouts } from "../live/whereabouts.ts";
import { publicPath } from "../machine/bpffs.ts";
import type { Kernel, ProgramInfo } from "../machine/kernel.ts";
import type { Machine } from "../machine/machine.ts";
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

/** An attachment, as long as nobody has looked at the others. */
export type Alone = Omit<AttachmentStatus, "sharedWith">;

/** @param others troubles that were found on the way to its dispatcher */
export function attachmentOf(
  machine: Machine,
  name: AttachmentName,
  where: Whereabouts,
  dispatcher: Dispatcher,
  others: readonly Trouble[],
): Alone {
  const { kernel } = machine;
  const { dir } = name;
  const { identity } = dispatcher;
  const read = identity.manifest.programs.map((program, index) =>
    programStatus(kernel, dir, identity.generation, program, index + 1),
  );
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
      ...(isUndecided(dir, identity.generation) ? [{ kind: "undecided" } as const] : []),
      ...pinTroubles(kernel, dir, dispatcher, read),
    ],
    kept: keptGenerations(kernel, dir, identity.generation).flatMap((kept) => keptStatus(kernel, dir, kept) ?? []),
  };
}

function pinTroubles(
  kernel: Kernel,
  dir: string,
  dispatcher: Dispatcher,
  programs: readonly ReturnType<typeof programStatus>[],
): readonly Trouble[] {
  if (isSetAside(kernel, dir, dispatcher.programInfo.id)) return [{ kind: "set-aside" }];
  return [
    ...lostPins(kernel, dir, dispatcher.identity),
    ...takenPins(kernel, dir, dispatcher),
    ...mapTroubles(kernel, dispatcher, programs),
  ];
}

/** Maps that programs have and that have no pin, whether another is pinned in their place or not. */
function mapTroubles(
  kernel: Kernel,
  { identity: { manifest }, programInfo }: Dispatcher,
  programs: readonly ReturnType<typeof programStatus>[],
): readonly Trouble[] {
  const ids = [programInfo, ...programs.flatMap(({ extension }) => extension ?? [])].flatMap(({ mapIds }) => mapIds);
  const pins = programs.flatMap(({ status }) => status.maps.map((map) => ({ ...map, program: status.name })));
  const unpinned = unpinnedMaps(kernel, [manifest], ids, new Set(pins.map(({ id }) => id)));
  const replaced = pins.flatMap(({ program, name, id, pin }) => {
    if (ids.includes(id)) return [];
    using there = kernel.mapById(id);
    const own = replacedMap(program, name, kernel.mapInfo(there.number), unpinned);
    return own ? [{ own, pin }] : [];
  });
  return unpinned.map(({ name, id }): Trouble => {
    const place = replaced.find(({ own }) => own.id === id);
    return place ? { kind: "pin-taken", what: "map", pin: place.pin, id } : { kind: "map-unpinned", name, id };
  });
}

/** What the kernel tells of a dispatcher without its manifest. */
export function unreadableOf(
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

/** Undefined where another process is removing it: its dispatcher goes first. */
function keptStatus(kernel: Kernel, dir: string, kept: Kept): KeptStatus | undefined {
  const { generation, manifest, programInfo } = kept;
  const whole = canRun(dir, kept, kernel);
  if (!whole && !existsSync(dispatcherPin(dir, generation))) return undefined;
  return {
    generation,
    chain: manifest.chain,
    since: sinceBoot(programInfo.loadTime),
    programs: manifest.programs.map(({ name }) => name),
    whole,
  };
}

/** A chain on an interface whose pins are in another bpffs, or gone. */
export function outOfReachOf(machine: Machine, where: Whereabouts, dispatcher: Dispatcher): Alone {
  const programs = dispatcher.identity.manifest.programs.map((one, index) => ({ order: index + 1, ...one, maps: [] }));
  return {
    ...placeStatus(machine, where, undefined),
    ...chainOf(machine.kernel, dispatcher, programs),
    troubles: [{ kind: "pins-out-of-reach" }],
    kept: [],
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

/** The kernel counts load times from boot, suspended time included; `btime` is the boot in whole seconds, and stands still. */
function sinceBoot(nanoseconds: bigint): Date {
  const boot = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]);
  return new Date(boot * 1000 + Number(nanoseconds / 1_000_000n));
}
