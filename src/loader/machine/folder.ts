/** Folders of ours, where somebody else can have put something in their place. */
import { lstatSync, type Stats, statSync } from "node:fs";
import { XdpgenError } from "../../errors.ts";
import { publicPath } from "./bpffs.ts";
import { isErrno } from "./kernel.ts";

/**
 * Where nothing is, a folder can be made.
 * @throws XdpgenError `environment` where something else is
 */
export function requireFolder(path: string): void {
  const found = look(statSync, path) ?? look(lstatSync, path);
  if (!found || found.isDirectory()) return;
  const kind = found.isSymbolicLink() ? "a symbolic link that leads nowhere" : "a pin or another file";
  throw new XdpgenError(
    "environment",
    `${publicPath(path)} is ${kind}, and xdpgen keeps its pins in a folder of that name; nothing was changed: remove it, or ` +
      "move it elsewhere, and try again",
  );
}

/** Whether a folder is there. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return false;
    throw error;
  }
}

function look(stat: (path: string) => Stats, path: string): Stats | undefined {
  try {
    return stat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
