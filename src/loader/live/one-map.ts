/** Whether those maps of a chain that are to be one can be: before anything is built, and before anything is pinned for good. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { Manifest } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { reachablePath } from "../machine/bpffs.ts";
import type { Kernel } from "../machine/kernel.ts";
import { candidatesFor, declaredMaps, openOwn } from "./declared-maps.ts";
import { isSameProgram, type Past, programsOf } from "./history.ts";
import type { Journal } from "./journal.ts";
import { openIfPinned } from "./pins.ts";
import { mapPin, type ProgramKey, programPin } from "./store.ts";
import { openMap, whatOf } from "./user-pin.ts";

/** Where maps of the next generation can come from: what interfaces have that get one dispatcher. */
export interface MapSource {
  readonly devices: readonly string[];
  /** The attachment's folder. */
  readonly dir: string;
  readonly past: Past;
}

/**
 * The map that is pinned first at a path is that of all, and those that have one of their own would lose its contents.
 *
 * @throws XdpgenError `map-pin` where several of `sources` have one for a path where nothing is yet
 */
export function requireOneSource(kernel: Kernel, sources: readonly MapSource[], manifest: Manifest): void {
  for (const one of declaredMaps(manifest)) {
    const { name, pin } = one;
    if (pin === undefined || existsSync(reachablePath(pin))) continue;
    const found = sources.flatMap(({ devices, dir, past }) => {
      for (const program of candidatesFor(one, past)) {
        using map =
          openOwn(kernel, dir, program, name) ??
          openIfPinned(kernel, mapPin(dir, program, { name, shared: true }), "map");
        if (map) return { devices: devices.join(", "), id: kernel.mapInfo(map.number).id };
      }
      return [];
    });
    const [first] = found;
    const other = found.find(({ id }) => id !== first!.id);
    if (!other) continue;
    throw new XdpgenError(
      "map-pin",
      `${whatOf(one.program, name, pin)}, and it is map ${first!.id} on ${first!.devices} and map ${other.id} on ` +
        `${other.devices}, one of which would be lost: apply first to the one whose map is to be there, and then to all`,
    );
  }
}

/** Whether a program's map cannot be another one in the next generation. */
export type IsFixed = (program: ProgramKey, name: string) => boolean;

/** As it is now, before the next generation has any pin: unchanged programs keep their maps. */
export function fixedMaps(dir: string, past: Past, manifest: Manifest): IsFixed {
  const before = programsOf(past);
  const isThere = (key: ProgramKey, name: string): boolean =>
    before.some((p) => isSameProgram(p, key)) &&
    (existsSync(mapPin(dir, key, { name, shared: false })) || existsSync(programPin(dir, key)));
  const fixed = new Set(
    declaredMaps(manifest).flatMap(({ name, members }) =>
      members.filter((program) => isThere(program, name)).map((program) => `${program.name}/${name}`),
    ),
  );
  return (program, name) => fixed.has(`${program.name}/${name}`);
}

/** Pins again what somebody unpinned of the maps that the chain says something of, of programs that run on. */
export function restoreOwn(kernel: Kernel, dir: string, journal: Journal, manifest: Manifest, isFixed: IsFixed): void {
  for (const { name, members } of declaredMaps(manifest)) {
    for (const program of members.filter((member) => isFixed(member, name))) {
      const path = mapPin(dir, program, { name, shared: false });
      if (existsSync(path)) continue;
      using map = openOwn(kernel, dir, program, name);
      if (!map) throw unknownMap(program.name, name, path);
      journal.makeDir(dirname(path));
      journal.pin(map.number, path);
    }
  }
}

function unknownMap(program: string, name: string, path: string): XdpgenError {
  return new XdpgenError(
    "map-pin",
    `${program} runs on, and its map ${name} has no pin any more, and the kernel knows several by that name: pin it again, ` +
      `\`bpftool map pin id ID ${path}\`, with the id that \`xdpgen status\` tells`,
  );
}

/**
 * The map of a program that runs on stays what it is, so all that is to be one with it is that map.
 *
 * @param dir the attachment's folder
 * @param idOf the id of a map that is not fixed; undefined for one that is made anew
 * @throws XdpgenError `map-pin` where it is another one
 */
export function requireOne(
  kernel: Kernel,
  dir: string,
  manifest: Manifest,
  isFixed: IsFixed,
  idOf: (program: ProgramKey, name: string) => number | undefined,
): void {
  for (const { name, pin, members } of declaredMaps(manifest)) {
    const idNow = (program: ProgramKey): number | undefined => {
      if (!isFixed(program, name)) return idOf(program, name);
      using own = openOwn(kernel, dir, program, name);
      if (own) return kernel.mapInfo(own.number).id;
      throw unknownMap(program.name, name, mapPin(dir, program, { name, shared: false }));
    };
    for (const program of members.filter((member) => isFixed(member, name))) {
      const id = idNow(program);
      const require = (what: string, found: number | undefined, otherWay = ""): void => {
        if (found === id) return;
        const said = found === undefined ? "a new one" : `map ${found}`;
        throw new XdpgenError(
          "map-pin",
          `map ${name} of ${program.name}, which runs on, is map ${id}, and ${what} is ${said}, so they cannot be one: ` +
            `${otherWay}\`xdpgen detach\`, then apply, and programs that ran on take the same one`,
        );
      };
      const isThere = pin !== undefined && existsSync(reachablePath(pin));
      using there = isThere ? openMap(kernel, whatOf(program.name, name, pin), pin) : undefined;
      if (there) {
        const keep = "remove that pin and apply, and the map of the program goes there with its contents; or ";
        require(`the one at ${pin}`, kernel.mapInfo(there.number).id, keep);
      }
      for (const other of members) require(`that of ${other.name}`, idNow(other));
    }
  }
}
