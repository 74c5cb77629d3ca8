/**
 * Whether a map can be pinned where the user says: in a bpffs, and not among xdpgen's own pins, whatever symbolic links lead there.
 * What is there is told by what it is and not by its name: `realpath` finds nothing through the `/proc/<pid>/root` of another mount
 * namespace.
 */
import { lstatSync, readlinkSync, type Stats, statSync } from "node:fs";
import { basename, dirname, isAbsolute } from "node:path";
import { XdpgenError } from "../../errors.ts";
import { BPFFS, findBpffs, isBpffs, publicPath } from "../machine/bpffs.ts";

/**
 * The folders that are not there yet are made with the pin.
 *
 * @param what the attempt, for the message
 * @throws XdpgenError `environment` for a path that is in no bpffs, `map-pin` for one where nothing of the user's can be pinned
 */
export function requirePinPath(what: string, path: string): void {
  const bpffs = findBpffs() ?? BPFFS;
  const own = `${bpffs}/xdpgen`;
  const { folder, rest } = nearestFolder(what, path);
  const isOwn =
    `${path}/`.startsWith(`${own}/`) ||
    (rest[0] === basename(own) && isSame(statOf(folder), statOf(bpffs))) ||
    isWithin(folder, statOf(own));
  if (isOwn)
    throw new XdpgenError(
      "map-pin",
      `${what}, and ${publicPath(own)}/ is for xdpgen's own pins: choose a path beside it`,
    );
  if (isBpffs(folder)) return;
  throw new XdpgenError("environment", `${what}, and ${folder} is in no bpffs: choose a path below /sys/fs/bpf`);
}

/** The folder nearest to the pin that is there already, and the names below it that are not. */
function nearestFolder(what: string, path: string): { readonly folder: string; readonly rest: readonly string[] } {
  const rest: string[] = [];
  let there = path;
  let found = statOf(there);
  while (!found) {
    requireNoDeadLink(what, there);
    rest.unshift(basename(there));
    there = dirname(there);
    found = statOf(there);
  }
  if (found.isDirectory()) return { folder: there, rest };
  if (rest.length === 0) return { folder: dirname(followed(path)), rest };
  throw new XdpgenError("map-pin", `${what}, and ${publicPath(there)} is no folder: choose another path`);
}

function requireNoDeadLink(what: string, path: string): void {
  if (!statOf(path, lstatSync)?.isSymbolicLink()) return;
  const reason = `${publicPath(path)} is a symbolic link that leads nowhere`;
  throw new XdpgenError("map-pin", `${what}, and ${reason}: remove it, or choose another path`);
}

/** Where a path that leads to something ends. */
function followed(path: string): string {
  if (!lstatSync(path).isSymbolicLink()) return path;
  const target = readlinkSync(path);
  return followed(isAbsolute(target) ? target : `${dirname(path)}/${target}`);
}

/** Whether a folder is that one or below it: `..` is the parent that the kernel knows. */
function isWithin(folder: string, outer: Stats | undefined): boolean {
  const here = statOf(folder);
  if (!here || !outer) return false;
  const parent = `${folder}/..`;
  return isSame(here, outer) || (!isSame(here, statOf(parent)) && isWithin(parent, outer));
}

function isSame(a: Stats | undefined, b: Stats | undefined): boolean {
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/** Undefined where nothing is, or nothing that may be looked at. */
function statOf(path: string, look: (path: string) => Stats = statSync): Stats | undefined {
  try {
    return look(path);
  } catch {
    return undefined;
  }
}
