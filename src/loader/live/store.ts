/**
 * The layout of one attachment's pins: paths, and what there is of each.
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
import { readdirSync } from "node:fs";
import { requireFolder } from "../machine/folder.ts";
import { isErrno } from "../machine/kernel.ts";

/** The folder of one interface's attachment. */
export const attachmentDir = (at: { readonly root: string; readonly netns: number }, ifindex: number): string =>
  `${at.root}/${at.netns}-${ifindex}`;

/** An attachment's folder by its name, `4026531840-3`. */
export interface AttachmentName {
  readonly dir: string;
  readonly netns: number;
  readonly ifindex: number;
}

/** @throws XdpgenError `environment` where the root is no folder */
export function listAttachments(root: string): readonly AttachmentName[] {
  requireFolder(root);
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

/** Names in a folder; none where there is none, or something else in its place. */
export function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return [];
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
