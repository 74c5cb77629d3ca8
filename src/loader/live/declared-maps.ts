/**
 * Maps that a chain says something of: one map for several programs (`from`), or one that is pinned where the user says
 * (`pin`). Such a pin is made where there is none and never removed, whatever becomes of the swap that made it: others may use
 * the map by then.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { definitionText, type Manifest, type ManifestProgram } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { isBpffs, reachablePath } from "../machine/bpffs.ts";
import { type Fd, isErrno, type Kernel, type MapDefinition } from "../machine/kernel.ts";
import { isSame, type Past, programsOf } from "./history.ts";
import { sameDefinition } from "./map-definition.ts";
import { type Journal, mapPin, openIfPinned, type ProgramKey, programPin, removeIfEmpty } from "./store.ts";

/** Of its name in the kernel, in characters (BPF_OBJ_NAME_LEN with its zero, include/uapi/linux/bpf.h). */
const MAP_NAME_LENGTH = 15;

/** One map of a chain, whatever programs have it. */
export interface DeclaredMap {
  /** The program whose map it is, and its name there and in all others. */
  readonly program: string;
  readonly name: string;
  /** The user's path. */
  readonly pin?: string;
  /** The programs that have it, that whose map it is first. */
  readonly members: readonly ManifestProgram[];
}

/** Undefined for a map of which the chain says nothing. */
export function declaredMap({ programs }: Manifest, of: string, name: string): DeclaredMap | undefined {
  const home = programs.find((p) => p.name === of)?.homes?.[name] ?? { program: of };
  const others = programs.filter((p) => p.name !== home.program && p.homes?.[name]?.program === home.program);
  const owner = programs.find((p) => p.name === home.program)!;
  if (others.length === 0 && home.pin === undefined) return undefined;
  return { ...home, name, members: [owner, ...others] };
}

/** The same programs, with maps that are pinned nowhere. */
export function withoutPins(manifest: Manifest): Manifest {
  const programs = manifest.programs.map(({ homes, ...program }): ManifestProgram => {
    if (!homes) return program;
    const unpinned = Object.entries(homes).map(([name, home]) => [name, { program: home.program }] as const);
    return { ...program, homes: Object.fromEntries(unpinned) };
  });
  return { ...manifest, programs };
}

/** Each once. */
function declaredMaps(manifest: Manifest): readonly DeclaredMap[] {
  const all = manifest.programs.flatMap((program) =>
    Object.keys(program.homes ?? {}).flatMap((name) => declaredMap(manifest, program.name, name) ?? []),
  );
  return [...new Map(all.map((map) => [`${map.program}/${map.name}`, map])).values()];
}

/**
 * The map that is pinned at the user's path; undefined where there is none.
 * @throws XdpgenError `environment` for a path that is in no bpffs, `map-pin` for a map of another definition, or no map
 */
export function openUserPin(
  kernel: Kernel,
  { name, program, pin }: DeclaredMap,
  wanted: MapDefinition,
): Fd | undefined {
  if (pin === undefined) return undefined;
  const path = reachablePath(pin);
  const what = whatOf(program, name, pin);
  requireInBpffs(what, path);
  if (!existsSync(path)) return undefined;
  const found = openMap(kernel, what, pin);
  const have = kernel.mapInfo(found.number);
  if (sameDefinition(wanted, have)) return found;
  found.close();
  throw new XdpgenError(
    "map-pin",
    `${what}, and map ${have.id} is there, which is defined differently: ${definitionText(have)} there, ` +
      `${definitionText(wanted)} in the object; remove that pin, or choose another path`,
  );
}

const whatOf = (program: string, name: string, pin: string): string =>
  `${program}: map ${name} is to be pinned at ${pin}`;

function openMap(kernel: Kernel, what: string, pin: string): Fd {
  let found: Fd;
  try {
    found = kernel.openPin(reachablePath(pin));
  } catch (cause) {
    const reason = `what is there cannot be opened (${(cause as Error).message})`;
    throw new XdpgenError("map-pin", `${what}, and ${reason}: \`bpftool map show pinned ${pin}\` tells`, { cause });
  }
  if (kernel.isMap(found.number)) return found;
  found.close();
  throw new XdpgenError("map-pin", `${what}, and what is there is no map: choose another path`);
}

/** The folders that are not there yet are made with the pin. */
function requireInBpffs(what: string, path: string): void {
  let folder = dirname(path);
  while (!existsSync(folder)) folder = dirname(folder);
  if (isBpffs(folder)) return;
  throw new XdpgenError("environment", `${what}, and ${folder} is in no bpffs: choose a path below /sys/fs/bpf`);
}

/**
 * A program's own map, of those that its object does not want pinned by name: by its pin, and where somebody removed that, by the
 * extension that holds it. Undefined where neither tells.
 */
export function openOwn(kernel: Kernel, dir: string, program: ProgramKey, name: string): Fd | undefined {
  const pinned = openIfPinned(kernel, mapPin(dir, program, { name, shared: false }));
  if (pinned) return pinned;
  using extension = openIfPinned(kernel, programPin(dir, program));
  if (!extension) return undefined;
  const ids = kernel.programInfo(extension.number).mapIds.filter((id) => {
    using map = kernel.mapById(id);
    return kernel.mapInfo(map.number).name === name.slice(0, MAP_NAME_LENGTH);
  });
  // Two long names can be one to the kernel.
  return ids.length === 1 ? kernel.mapById(ids[0]!) : undefined;
}

/** The programs whose map it can be, those that run on first: their map cannot be changed any more. */
export function candidatesFor({ members }: DeclaredMap, past: Past): readonly ProgramKey[] {
  return [
    ...programsOf(past).filter((p) => members.some((member) => isSame(p, member))),
    ...members.flatMap((member) => past.live?.programs.find((p) => p.name === member.name) ?? []),
  ];
}

/** Interfaces that get one dispatcher, and what it builds upon. */
export interface Builder {
  readonly devices: readonly string[];
  /** The attachment's folder. */
  readonly dir: string;
  readonly past: Past;
}

/**
 * The map that is pinned first at a path is that of all, and those that have one of their own would lose its contents.
 *
 * @throws XdpgenError `map-pin` where several of `builders` have one for a path where nothing is yet
 */
export function requireOneSource(kernel: Kernel, builders: readonly Builder[], manifest: Manifest): void {
  for (const one of declaredMaps(manifest)) {
    const { name, pin } = one;
    if (pin === undefined || existsSync(reachablePath(pin))) continue;
    const sources = builders.flatMap(({ devices, dir, past }) => {
      for (const program of candidatesFor(one, past)) {
        using map =
          openOwn(kernel, dir, program, name) ?? openIfPinned(kernel, mapPin(dir, program, { name, shared: true }));
        if (map) return { devices: devices.join(", "), id: kernel.mapInfo(map.number).id };
      }
      return [];
    });
    const [first] = sources;
    const other = sources.find(({ id }) => id !== first!.id);
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
    before.some((p) => isSame(p, key)) &&
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
      const require = (what: string, found: number | undefined): void => {
        if (found === id) return;
        const said = found === undefined ? "a new one" : `map ${found}`;
        throw new XdpgenError(
          "map-pin",
          `map ${name} of ${program.name}, which runs on, is map ${id}, and ${what} is ${said}, so they cannot be one: ` +
            "`xdpgen detach`, then apply, and programs that ran on take the same one",
        );
      };
      const isThere = pin !== undefined && existsSync(reachablePath(pin));
      using there = isThere ? openMap(kernel, whatOf(program.name, name, pin), pin) : undefined;
      if (there) require(`the one at ${pin}`, kernel.mapInfo(there.number).id);
      for (const other of members) require(`that of ${other.name}`, idNow(other));
    }
  }
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
    using there = openIfPinned(kernel, path);
    if (there) {
      const isOurs = kernel.isMap(there.number) && kernel.mapInfo(there.number).id === kernel.mapInfo(map.number).id;
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

/** The users' paths. */
export function declaredPins(manifest: Manifest): readonly string[] {
  return declaredMaps(manifest).flatMap(({ pin }) => pin ?? []);
}
