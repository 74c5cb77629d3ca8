/**
 * The generations that have run on an attachment and are kept beside the live one, so that `rollback` is one step with
 * nothing to load. What is known of them is what their pins hold: a dispatcher with its manifest, and the links of its slots.
 *
 * A generation has a folder `new` in its own from before its first pin until it is live, so what a crash leaves is never
 * taken for a generation that has run. And the one that runs has a folder `live`, which is read only where the link does not
 * tell: the highest number is not what ran last where there was a rollback.
 */
import { existsSync, mkdirSync, renameSync, rmdirSync } from "node:fs";
import { type Chain, DEFAULT_HISTORY, isLinked } from "../../chain/chain.ts";
import type { Manifest, ManifestProgram } from "../../codegen/index.ts";
import { isErrno, type Kernel, type ProgramInfo } from "../machine/kernel.ts";
import type { Journal } from "./journal.ts";
import type { PinnedLink } from "./live.ts";
import { type Identity, isReadable, readManifest } from "./manifest.ts";
import { isStranger, openIfPinned } from "./pins.ts";
import { dispatcherPin, listGenerations, liveMark, newMark, type ProgramKey, slotPin, undecidedMark } from "./store.ts";

export interface Kept extends Identity {
  /** Of its dispatcher. */
  readonly programInfo: ProgramInfo;
}

/** What a swap builds upon: the pins of these programs are there, and go on in the next generation that names them. */
export interface Past {
  readonly live: Manifest | undefined;
  /** The newest first. */
  readonly kept: readonly Manifest[];
  /** Ids of the maps that their dispatchers have. */
  readonly mapIds: ReadonlySet<number>;
}

export const NO_PAST: Past = { live: undefined, kept: [], mapIds: new Set() };

/**
 * Generations that have run, the newest first. One that cannot be read, as one of a newer xdpgen, is none.
 * @param live the generation that runs, which is not among them
 */
export function keptGenerations(kernel: Kernel, dir: string, live?: number): readonly Kept[] {
  return listGenerations(dir)
    .filter((generation) => generation !== live && !existsSync(newMark(dir, generation)))
    .toSorted((a, b) => b - a)
    .flatMap((generation) => readGeneration(kernel, dir, generation) ?? []);
}

function readGeneration(kernel: Kernel, dir: string, generation: number): Kept | undefined {
  try {
    using dispatcher = openIfPinned(kernel, dispatcherPin(dir, generation), "program");
    if (!dispatcher) return undefined;
    const programInfo = kernel.programInfo(dispatcher.number);
    const found = readManifest(kernel, programInfo);
    // Somebody can have put the dispatcher of another generation there.
    return found && isReadable(found) && found.generation === generation ? { ...found, programInfo } : undefined;
  } catch (error) {
    // Another process may be removing it.
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Why a generation that has run cannot be read, where there is one. */
export function unreadableIn(kernel: Kernel, dir: string): string | undefined {
  const ran = listGenerations(dir).filter((generation) => !existsSync(newMark(dir, generation)));
  for (const generation of ran) {
    using dispatcher = openIfPinned(kernel, dispatcherPin(dir, generation), "program");
    const found = dispatcher && readManifest(kernel, kernel.programInfo(dispatcher.number));
    if (found && !isReadable(found)) return found.unreadable;
  }
  return undefined;
}

export function pastOf({ identity, dispatcher, kept }: Inheritance): Past {
  const dispatchers = [...(dispatcher ? [dispatcher] : []), ...kept.map(({ programInfo }) => programInfo)];
  return {
    live: identity?.manifest,
    kept: kept.map(({ manifest }) => manifest),
    mapIds: new Set(dispatchers.flatMap(({ mapIds }) => mapIds)),
  };
}

/** Every program whose pins are there, the live ones first; one that several generations have comes several times. */
export function programsOf({ live, kept }: Past): readonly ManifestProgram[] {
  return [live, ...kept].flatMap((manifest) => manifest?.programs ?? []);
}

export function isSameProgram(a: ProgramKey, b: ProgramKey): boolean {
  return a.name === b.name && a.hash === b.hash;
}

/** The highest number of a generation that is there; 0 where none is. */
export function highestOf(live: Identity | undefined, kept: readonly Identity[]): number {
  return Math.max(0, ...[live, ...kept].map((identity) => identity?.generation ?? 0));
}

/** Whether a generation can run: it has its dispatcher, each extension its link, and each loaded program the map of its slot (`unboundIn`). */
export function canRun(dir: string, identity: Identity, kernel?: Kernel): boolean {
  return existsSync(dispatcherPin(dir, identity.generation)) && unboundIn(dir, identity, kernel).length === 0;
}

/**
 * Names of the programs that nothing binds to their slots any more.
 * @param kernel asked what there is at the pins of slots; else anything will do
 */
export function unboundIn(dir: string, { manifest, generation }: Identity, kernel?: Kernel): readonly string[] {
  const isBound = ({ name, linkage }: ManifestProgram): boolean => {
    const pin = slotPin(dir, generation, name);
    if (!existsSync(pin)) return false;
    const kinds = linkage === "tail" ? (["map"] as const) : (["link", "program"] as const);
    return !kernel || kinds.some((kind) => !isStranger(kernel, pin, kind));
  };
  return manifest.programs.flatMap((program) => (isLinked(program.linkage) || isBound(program) ? [] : program.name));
}

/**
 * What is kept beside the generation that replaces `live`: that one, where it can run again, and those before it, the newest
 * first. What came after it was rolled back, and goes for good; so does what has one of the `displaced` programs.
 */
export function keptBeside(
  chain: Chain,
  dir: string,
  live: Identity | undefined,
  kept: readonly Identity[],
  displaced: readonly ProgramKey[] = [],
): readonly Identity[] {
  if (!live) return [];
  const earlier = kept.filter(({ generation }) => generation < live.generation);
  const whole = ({ manifest }: Identity): boolean =>
    !manifest.programs.some((program) => displaced.some((other) => isSameProgram(program, other)));
  const able = [...(canRun(dir, live) ? [live] : []), ...earlier].filter(whole);
  return byWorth(dir, able).slice(0, chain.history ?? DEFAULT_HISTORY);
}

/** What is kept where `live` runs on: those before it, the newest first, then those after it, the oldest first. */
export function stillKept<T extends Identity>(
  chain: Chain,
  dir: string,
  live: Identity,
  kept: readonly T[],
): readonly T[] {
  const earlier = kept.filter(({ generation }) => generation < live.generation);
  const later = kept.filter(({ generation }) => generation > live.generation).toReversed();
  return byWorth(dir, [...earlier, ...later]).slice(0, chain.history ?? DEFAULT_HISTORY);
}

/** Those that are known to be healthy, or that nobody asked, first. */
function byWorth<T extends Identity>(dir: string, kept: readonly T[]): readonly T[] {
  const undecided = ({ generation }: T): boolean => isUndecided(dir, generation);
  return [...kept.filter((one) => !undecided(one)), ...kept.filter(undecided)];
}

/** Of generations that have run, the one that ran last: the newest, where none is marked. */
export function lastOf<T extends Identity>(dir: string, kept: readonly T[]): T | undefined {
  return kept.find(({ generation }) => existsSync(liveMark(dir, generation))) ?? kept[0];
}

/**
 * From now on the generation is one that has run, and the one that ran last. Said after the link has it, and again by the next
 * command that finds it there, should a crash come between. Harmless where it was said before.
 */
export function markLive(dir: string, generation: number): void {
  const mark = liveMark(dir, generation);
  unlessGone(() => rmdirSync(newMark(dir, generation)));
  const others = listGenerations(dir).filter((other) => other !== generation && existsSync(liveMark(dir, other)));
  // One call, so that at each instant one of the two has it.
  for (const other of others) unlessGone(() => renameSync(liveMark(dir, other), mark));
  if (existsSync(mark)) return;
  // Where somebody removed the generation's folder, there is none to mark.
  unlessGone(() => mkdirSync(mark, { mode: 0o700 }));
}

/**
 * From now on the generation is again one that has not run, for it is to be taken back: said before the link has the one before it
 * again, so that a crash in between leaves one that the next command clears.
 */
export function markNew(dir: string, generation: number): void {
  const mark = newMark(dir, generation);
  if (!existsSync(mark)) unlessGone(() => mkdirSync(mark, { mode: 0o700 }));
}

/**
 * From now on none of these is one that has run, until the journal is undone: said before the link has a generation beside which they
 * are not kept, so that a process that is killed then leaves them to the next command to clear.
 */
export function disown(journal: Journal, dir: string, kept: readonly Identity[]): void {
  for (const { generation } of kept) {
    const mark = newMark(dir, generation);
    if (!existsSync(mark)) journal.makeDir(mark);
  }
}

/** Whether a generation has a health command that has not said that all is well. */
export const isUndecided = (dir: string, generation: number): boolean => existsSync(undecidedMark(dir, generation));

/** From now on it is one whose health is known, or that has no health command. Harmless where it was that before. */
export function markDecided(dir: string, generation: number): void {
  unlessGone(() => rmdirSync(undecidedMark(dir, generation)));
}

function unlessGone(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/** What the pins of an attachment belong to. */
export interface Inheritance {
  /** What runs; or what ran before somebody put a program of their own on the link, or took the link away. */
  readonly identity: Identity | undefined;
  /** Its dispatcher. */
  readonly dispatcher: ProgramInfo | undefined;
  /** What is kept beside it, the newest first. */
  readonly kept: readonly Kept[];
}

/** A dispatcher of xdpgen, whether packets meet it or not. */
export interface Dispatcher {
  readonly identity: Identity;
  readonly programInfo: ProgramInfo;
}

/** What ran before somebody put a program of their own on the link, or took the link away. */
export function lastGeneration(kernel: Kernel, dir: string): Dispatcher | undefined {
  const last = lastOf(dir, keptGenerations(kernel, dir));
  return last && { identity: last, programInfo: last.programInfo };
}

export function inheritance(kernel: Kernel, dir: string, pinned: PinnedLink | undefined): Inheritance {
  // Nobody here can say what of the pins belongs to what runs.
  if (pinned?.unreadable !== undefined) return { identity: undefined, dispatcher: undefined, kept: [] };
  const kept = keptGenerations(kernel, dir, pinned?.identity?.generation);
  if (pinned?.identity) return { identity: pinned.identity, dispatcher: pinned.programInfo, kept };
  const last = lastOf(dir, kept);
  return { identity: last, dispatcher: last?.programInfo, kept: kept.filter((one) => one !== last) };
}
