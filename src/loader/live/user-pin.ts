/**
 * The pin of a map where the user says. It is made where there is none and never removed, whatever becomes of the swap that made
 * it: others may use the map by then.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { definitionText, type Manifest, type MapDefinition } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { reachablePath } from "../machine/bpffs.ts";
import { type Fd, isErrno, type Kernel } from "../machine/kernel.ts";
import { type DeclaredMap, declaredMaps } from "./declared-maps.ts";
import { sameDefinition } from "./map-definition.ts";
import { requirePinPath } from "./pin-path.ts";
import { onlyIf, openIfPinned, removeIfEmpty } from "./pins.ts";
import { mapPin } from "./store.ts";

/**
 * The map that is pinned at the user's path; undefined where there is none.
 * @throws XdpgenError `environment` for a path that is in no bpffs, `map-pin` for one among xdpgen's own pins, a map of another
 *   definition, or no map
 */
export function openUserPin(
  kernel: Kernel,
  { name, program, pin }: DeclaredMap,
  wanted: MapDefinition,
): Fd | undefined {
  if (pin === undefined) return undefined;
  const path = reachablePath(pin);
  const what = whatOf(program, name, pin);
  requirePinPath(what, path);
  if (!existsSync(path)) return undefined;
  return onlyIf(openMap(kernel, what, pin), (fd) => {
    const have = kernel.mapInfo(fd);
    if (sameDefinition(wanted, have)) return true;
    throw new XdpgenError(
      "map-pin",
      `${what}, and map ${have.id} is there, which is defined differently: ${definitionText(have)} there, ` +
        `${definitionText(wanted)} in the object; remove that pin, or choose another path`,
    );
  });
}

export const whatOf = (program: string, name: string, pin: string): string =>
  `${program}: map ${name} is to be pinned at ${pin}`;

export function openMap(kernel: Kernel, what: string, pin: string): Fd {
  let found: Fd;
  try {
    found = kernel.openPin(reachablePath(pin));
  } catch (cause) {
    const reason = `what is there cannot be opened (${(cause as Error).message})`;
    throw new XdpgenError("map-pin", `${what}, and ${reason}: \`bpftool map show pinned ${pin}\` tells`, { cause });
  }
  const map = onlyIf(found, (fd) => kernel.isMap(fd));
  if (map) return map;
  throw new XdpgenError("map-pin", `${what}, and what is there is no map: choose another path`);
}

/**
 * Pins maps where the user says, for good.
 *
 * @param dir the attachment's folder, with the pins of all programs
 * @returns the path where somebody else has pinned something since the maps were bound
 */
export function pinDeclared(kernel: Kernel, dir: string, manifest: Manifest): string | undefined {
  for (const { name, pin, members } of declaredMaps(manifest)) {
    if (pin === undefined) continue;
    using map = kernel.openPin(mapPin(dir, members[0]!, { name, shared: false }));
    const path = reachablePath(pin);
    using there = openIfPinned(kernel, path, "map");
    if (there) {
      const isOurs = kernel.mapInfo(there.number).id === kernel.mapInfo(map.number).id;
      if (!isOurs) return pin;
    } else if (!pinForGood(kernel, map.number, path)) return pin;
  }
  return undefined;
}

/** Makes the folders too. Where it fails they go again, as far as nobody else has put anything there. */
function pinForGood(kernel: Kernel, map: number, path: string): boolean {
  const folder = dirname(path);
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    kernel.pin(map, path);
    return true;
  } catch (error) {
    if (first !== undefined) removeUpTo(first, folder);
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

function removeUpTo(first: string, folder: string): void {
  removeIfEmpty(folder);
  if (folder !== first) removeUpTo(first, dirname(folder));
}
