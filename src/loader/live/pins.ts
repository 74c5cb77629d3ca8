/** A pin, whatever it is of: opened, where what is there is of the right kind, and removed. */
import { lstatSync, readdirSync, rmdirSync, type Stats, unlinkSync } from "node:fs";
import { XdpgenError } from "../../errors.ts";
import { publicPath } from "../machine/bpffs.ts";
import { isFolder } from "../machine/folder.ts";
import { type Fd, isErrno, type Kernel } from "../machine/kernel.ts";

/** What xdpgen pins. */
export type Pinnable = "link" | "map" | "program";

/** Nothing to close where there is no pin, or where somebody put something of another kind (`isStranger`). */
export function openIfPinned(kernel: Kernel, path: string, kind: Pinnable): Fd | undefined {
  if (!isThere(path)) return undefined;
  let found: Fd;
  try {
    found = kernel.openPin(path);
  } catch (error) {
    // A symbolic link can lead nowhere, or in a circle.
    if (isErrno(error, "ENOENT", "ELOOP") || isFolder(path)) return undefined;
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
  return !pinned && isThere(path);
}

/** Whether anything is at a path, also a symbolic link that leads nowhere: what cannot be pinned there. */
export const isThere = (path: string): boolean => look(path) !== undefined;

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

/** @param what is to be there, such as `link` */
export function strangerThere(path: string, what: string): XdpgenError {
  return new XdpgenError(
    "conflict",
    `what somebody put at ${publicPath(path)}, which is for xdpgen's ${what}, is no ${what}: remove that, and try again`,
  );
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

/** Removes a pin, or what somebody put in its place; harmless where there is none. */
export function unpin(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (isErrno(error, "EISDIR")) return removeTree(path);
    if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
  }
}

/** Removes a folder and every pin in it, or what somebody put in its place; harmless where there is none. */
export function removeTree(path: string): void {
  // Of a symbolic link only itself is here.
  if (!look(path)?.isDirectory()) return unpin(path);
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
