/** Maps that a chain says something of: one map for several programs (`from`), or one that is pinned where the user says (`pin`). */
import type { Manifest, ManifestProgram } from "../../codegen/index.ts";
import type { Fd, Kernel } from "../machine/kernel.ts";
import { isSameProgram, type Past, programsOf } from "./history.ts";
import { nameInKernel } from "./map-definition.ts";
import { openIfPinned } from "./pins.ts";
import { mapPin, type ProgramKey, programPin } from "./store.ts";

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
export function declaredMaps(manifest: Manifest): readonly DeclaredMap[] {
  const all = manifest.programs.flatMap((program) =>
    Object.keys(program.homes ?? {}).flatMap((name) => declaredMap(manifest, program.name, name) ?? []),
  );
  return [...new Map(all.map((map) => [`${map.program}/${map.name}`, map])).values()];
}

/**
 * A program's own map, of those that its object does not want pinned by name: by its pin, and where somebody removed that, by the
 * extension that holds it. Undefined where neither tells.
 */
export function openOwn(kernel: Kernel, dir: string, program: ProgramKey, name: string): Fd | undefined {
  const pinned = openIfPinned(kernel, mapPin(dir, program, { name, shared: false }), "map");
  if (pinned) return pinned;
  using extension = openIfPinned(kernel, programPin(dir, program), "program");
  if (!extension) return undefined;
  const ids = kernel.programInfo(extension.number).mapIds.filter((id) => {
    using map = kernel.mapById(id);
    return kernel.mapInfo(map.number).name === nameInKernel(name);
  });
  // Two long names can be one to the kernel.
  return ids.length === 1 ? kernel.mapById(ids[0]!) : undefined;
}

/** The programs whose map it can be, those that run on first: their map cannot be changed any more. */
export function candidatesFor({ members }: DeclaredMap, past: Past): readonly ProgramKey[] {
  return [
    ...programsOf(past).filter((p) => members.some((member) => isSameProgram(p, member))),
    ...members.flatMap((member) => past.live?.programs.find((p) => p.name === member.name) ?? []),
  ];
}
