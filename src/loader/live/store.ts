/**
 * The layout of one attachment's pins, and a journal that takes back what a failed swap has pinned.
 *
 *     <root>/<netns inode>-<ifindex>/
 *       link                                 the XDP link
 *       gen-<n>/dispatcher                   the dispatcher program
 *       gen-<n>/slot-<name>                  the link of one freplace slot, or the program itself where the verifier has removed
 *                                            the slot; or the map of one tail slot
 *       gen-<n>/new/                         there until the generation is live, and empty
 *       gen-<n>/live/                        in that which runs, or ran last, and empty
 *       gen-<n>/undecided/                   there until its health command has said that all is well, and empty
 *       programs/<name>-<hash>/program       the extension program (freplace)
 *       programs/<name>-<hash>/maps/<map>    the program's maps
 *       programs/<name>-<hash>/shared/<map>  those that its object wants pinned by name: one for all programs of the chain
 *       aside/                               generations and programs of a dispatcher that cannot be read, while it is replaced
 *       aside/whole/                         there when all of them are in it, and empty
 *
 * bpffs allows no dot in a name, so the data section `.bss` is pinned as `section-bss`; no C name has a hyphen.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, statSync, unlinkSync } from "node:fs";
import { basename } from "node:path";
import type { Interface } from "../machine/interface.ts";
import { type Fd, isErrno, type Kernel } from "../machine/kernel.ts";

/** The folder of one interface's attachment. */
export const attachmentDir = (at: { readonly root: string; readonly netns: number }, ifindex: number): string =>
  `${at.root}/${at.netns}-${ifindex}`;

/** An interface of this network namespace, and the folder of its attachment. */
export interface Place extends Interface {
  readonly dir: string;
}

/** An attachment's folder by its name, `4026531840-3`. */
export interface AttachmentName {
  readonly dir: string;
  readonly netns: number;
  readonly ifindex: number;
}

export function listAttachments(root: string): readonly AttachmentName[] {
  return folders(root).flatMap((name) => {
    const match = /^(\d+)-(\d+)$/.exec(name);
    return match ? [{ dir: `${root}/${name}`, netns: Number(match[1]), ifindex: Number(match[2]) }] : [];
  });
}

export const linkPin = (dir: string): string => `${dir}/link`;
export const generationDir = (dir: string, generation: number): string => `${dir}/gen-${generation}`;
export const dispatcherPin = (dir: string, generation: number): string =>
  `${generationDir(dir, generation)}/dispatcher`;
/** A folder: bpffs holds no files of ours. */
export const newMark = (dir: string, generation: number): string => `${generationDir(dir, generation)}/new`;
/** Another, which moves from one generation to the next. */
export const liveMark = (dir: string, generation: number): string => `${generationDir(dir, generation)}/live`;
/** A third. */
export const undecidedMark = (dir: string, generation: number): string => `${generationDir(dir, generation)}/undecided`;
export const slotPin = (dir: string, generation: number, program: string): string =>
  `${generationDir(dir, generation)}/slot-${program}`;

export const asideDir = (dir: string): string => `${dir}/aside`;
const wholeMark = (dir: string): string => `${asideDir(dir)}/whole`;
/** Whether all is aside: before, the swap that sets it aside has pinned nothing. */
export const isAside = (dir: string): boolean => existsSync(wholeMark(dir));

/** Names of the folders of an attachment whose pins belong to its generations. */
const ownFolders = (dir: string): readonly string[] => list(dir).filter((name) => /^(gen-\d+|programs)$/.test(name));

/** A program is known by its name and the hash of its object, function and globals, and of what the chain says of its maps. */
export interface ProgramKey {
  readonly name: string;
  readonly hash: string;
}
export const programDir = (dir: string, key: ProgramKey): string => `${dir}/programs/${key.name}-${key.hash}`;
export const programPin = (dir: string, key: ProgramKey): string => `${programDir(dir, key)}/program`;
export const MAP_FOLDERS = ["maps", "shared"] as const;
export const mapsDir = (dir: string, key: ProgramKey, folder: (typeof MAP_FOLDERS)[number]): string =>
  `${programDir(dir, key)}/${folder}`;
export const mapPin = (
  dir: string,
  key: ProgramKey,
  map: { readonly name: string; readonly shared: boolean },
): string => `${mapsDir(dir, key, map.shared ? "shared" : "maps")}/${pinName(map.name)}`;

/** `.rodata.str1.1` -> `section-rodata-str1-1`; a C name is left alone. */
export function pinName(map: string): string {
  return map.replace(/^\./, "section-").replaceAll(".", "-");
}

/** Names in a folder; none where there is no such folder. */
export function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** Somebody may have pinned something beside them. */
function folders(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

export function listGenerations(dir: string): readonly number[] {
  return list(dir)
    .flatMap((name) => /^gen-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number);
}

export function listPrograms(dir: string): readonly ProgramKey[] {
  return list(`${dir}/programs`).flatMap((entry) => {
    const match = /^(.+)-([0-9a-f]{16})$/.exec(entry);
    return match ? [{ name: match[1]!, hash: match[2]! }] : [];
  });
}

/** What xdpgen pins. */
export type Pinnable = "link" | "map" | "program";

/** Nothing to close where there is no pin, or where somebody put something of another kind (`isStranger`). */
export function openIfPinned(kernel: Kernel, path: string, kind: Pinnable): Fd | undefined {
  if (!existsSync(path)) return undefined;
  let found: Fd;
  try {
    found = kernel.openPin(path);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isFolder(path)) return undefined;
    throw error;
  }
  return onlyIf(found, (fd) => isOfKind(kernel, fd, kind));
}

/** What is not wanted is closed. */
export function onlyIf(found: Fd, isWanted: (fd: number) => boolean): Fd | undefined {
  let wanted = false;
  try {
    wanted = isWanted(found.number);
    return wanted ? found : undefined;
  } finally {
    if (!wanted) found.close();
  }
}

/** Whether somebody put something of another kind in the place of a pin. */
export function isStranger(kernel: Kernel, path: string, kind: Pinnable): boolean {
  using pinned = openIfPinned(kernel, path, kind);
  return !pinned && existsSync(path);
}

function isOfKind(kernel: Kernel, fd: number, kind: Pinnable): boolean {
  switch (kind) {
    case "link":
      return kernel.isLink(fd);
    case "map":
      return kernel.isMap(fd);
    case "program":
      return kernel.isProgram(fd);
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** Removes a pin, or what somebody put in its place; harmless where there is none. */
export function unpin(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (isErrno(error, "EISDIR")) return removeTree(path);
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/** Removes a folder and every pin in it; harmless where there is none. */
export function removeTree(path: string): void {
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  for (const entry of entries) {
    if (entry.isDirectory()) removeTree(`${path}/${entry.name}`);
    else unpin(`${path}/${entry.name}`);
  }
  rmdirSync(path);
}

/** For an error that is on its way: what cannot be removed is cleared by the next command, or is not ours. */
export function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // Not empty: an attachment is there, or what others have pinned.
  }
}

/** Pins and folders made or removed so far. `undo` takes that back, the last step first. */
export interface Journal {
  /** In the attachment's folder, which is ours: `undo` removes it with all that is in it. */
  makeDir(path: string): void;
  pin(fd: number, path: string): void;
  /** Removes the pin of what `fd` is too; `fd` must be open until the swap is done. */
  unpin(fd: number, path: string): void;
  /** Into a folder that is made for them. */
  move(paths: readonly string[], into: string): void;
  /** Goes on when a step fails; returns what each that failed had to say. */
  undo(): readonly string[];
}

export function openJournal(kernel: Kernel): Journal {
  const undo: (() => void)[] = [];
  return {
    makeDir(path) {
      const first = mkdirSync(path, { recursive: true, mode: 0o700 });
      if (first !== undefined) undo.push(() => removeTree(first));
    },
    pin(fd, path) {
      kernel.pin(fd, path);
      undo.push(() => unpin(path));
    },
    unpin(fd, path) {
      unpin(path);
      undo.push(() => kernel.pin(fd, path));
    },
    move(paths, into) {
      mkdirSync(into, { mode: 0o700 });
      undo.push(() => rmdirSync(into));
      for (const path of paths) {
        const moved = `${into}/${basename(path)}`;
        renameSync(path, moved);
        undo.push(() => renameSync(moved, path));
      }
    },
    undo() {
      return undo
        .splice(0)
        .toReversed()
        .flatMap((step) => {
          try {
            step();
            return [];
          } catch (error) {
            return [(error as Error).message];
          }
        });
    },
  };
}

/**
 * Makes room for a generation beside a dispatcher that cannot be read: that one needs all that is pinned for it as long as packets
 * meet it, and what would be pinned may have the same names.
 */
export function setAside(dir: string, journal: Journal): void {
  const aside = asideDir(dir);
  journal.move(
    ownFolders(dir).map((name) => `${dir}/${name}`),
    aside,
  );
  journal.makeDir(wholeMark(dir));
}

/** The mark goes last: without it what is aside is taken for what is still needed. */
export function removeAside(dir: string): void {
  const aside = asideDir(dir);
  for (const name of ownFolders(aside)) removeTree(`${aside}/${name}`);
  removeTree(aside);
}

/**
 * What was set aside goes back; a process that is killed in the middle of it leaves the rest to the next.
 * @param runs whether what packets meet is of it: then it goes before what is here under the same name
 */
export function restoreAside(dir: string, runs: boolean): void {
  const aside = asideDir(dir);
  if (isAside(dir)) {
    // All that is here is of the swap that set it aside.
    for (const name of ownFolders(dir)) removeTree(`${dir}/${name}`);
    rmdirSync(wholeMark(dir));
  }
  for (const name of ownFolders(aside)) {
    const [there, here] = [`${aside}/${name}`, `${dir}/${name}`];
    if (existsSync(here)) removeTree(runs ? here : there);
    if (existsSync(there)) renameSync(there, here);
  }
  removeTree(aside);
}
