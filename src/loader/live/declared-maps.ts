/**
 * Maps that a chain says something of: one map for several programs (`from`), or one that is pinned where the user says
 * (`pin`). Such a pin is made where there is none and never removed, but by the swap that made it and failed.
 */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { definitionText, type Manifest, type ManifestProgram } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { isBpffs, reachablePath } from "../machine/bpffs.ts";
import type { Fd, Kernel, MapDefinition } from "../machine/kernel.ts";
import { type Journal, mapPin, type ProgramKey } from "./store.ts";

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
  alike: (wanted: MapDefinition, have: MapDefinition) => boolean,
): Fd | undefined {
  if (pin === undefined) return undefined;
  const path = reachablePath(pin);
  const what = `${program}: map ${name} is to be pinned at ${pin}`;
  requireInBpffs(what, path);
  if (!existsSync(path)) return undefined;
  const found = openMap(kernel, what, path);
  const have = kernel.mapInfo(found.number);
  if (alike(wanted, have)) return found;
  found.close();
  throw new XdpgenError(
    "map-pin",
    `${what}, and map ${have.id} is there, which is defined differently: ${definitionText(have)} there, ` +
      `${definitionText(wanted)} in the object; remove that pin, or choose another path`,
  );
}

function openMap(kernel: Kernel, what: string, path: string): Fd {
  let found: Fd;
  try {
    found = kernel.openPin(path);
  } catch (cause) {
    const reason = `what is there cannot be opened (${(cause as Error).message})`;
    throw new XdpgenError("map-pin", `${what}, and ${reason}: \`bpftool map show pinned PATH\` tells`, { cause });
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
  throw new XdpgenError(
    "environment",
    `${what}, and ${folder} is in no bpffs: choose a path below /sys/fs/bpf, or mount one there (\`mount -t bpf bpf ${folder}\`)`,
  );
}

/**
 * Pins maps where the user says, when all programs of a generation have theirs.
 *
 * @param dir the attachment's folder, with the pins of all programs
 * @throws XdpgenError `map-pin` where programs that run on have another map than the one that is theirs now
 */
export function pinDeclared(kernel: Kernel, dir: string, journal: Journal, manifest: Manifest): void {
  for (const { program, name, pin, members } of declaredMaps(manifest)) {
    const own = (key: ProgramKey): string => mapPin(dir, key, { name, shared: false });
    const [owner, ...others] = members;
    using map = kernel.openPin(own(owner!));
    const { id } = kernel.mapInfo(map.number);
    const require = (what: string, path: string): void => {
      using other = kernel.openPin(path);
      const found = kernel.mapInfo(other.number).id;
      if (found === id) return;
      throw new XdpgenError(
        "map-pin",
        `map ${name} of ${program} is map ${id}, and ${what} is map ${found}, so they cannot be one: ` +
          "`xdpgen detach`, then apply, and programs that ran on take the same one",
      );
    };
    for (const other of others) require(`that of ${other.name}, which runs on`, own(other));
    if (pin === undefined) continue;
    const path = reachablePath(pin);
    if (existsSync(path)) require(`the one at ${pin}`, path);
    else {
      journal.makeDir(dirname(path));
      journal.pin(map.number, path);
    }
  }
}

/** The users' paths. */
export function declaredPins(manifest: Manifest): readonly string[] {
  return declaredMaps(manifest).flatMap(({ pin }) => pin ?? []);
}
