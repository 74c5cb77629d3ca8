/**
 * Which maps the next generation takes over, so that their contents outlive the swap.
 *
 * An unchanged program (same hash) takes all of its maps, and so does one that comes back while a kept generation has it. A
 * program whose object changed takes a map of the same name when the definition is the same; its data sections start anew,
 * because its variables may have moved. Read-only data is part of the code and never taken. A map that objects want pinned by
 * name is one map for all programs of the chain that use the name, whatever their linkage, and for no one else. Where a chain
 * says that maps are one, or where one is pinned, that goes before: the map at the user's path, then what the programs have,
 * then, of a map for a user's path, what they have on the other interfaces that get the chain.
 */
import { existsSync } from "node:fs";
import type { Manifest } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { candidatesFor, type DeclaredMap, declaredMap, openOwn, withoutPins } from "../live/declared-maps.ts";
import { isSameProgram, NO_PAST, type Past, programsOf } from "../live/history.ts";
import { sameDefinition } from "../live/map-definition.ts";
import type { MapSource } from "../live/one-map.ts";
import { replacedMap, strangerPinned, unpinnedMaps } from "../live/own-maps.ts";
import { isThere, openIfPinned } from "../live/pins.ts";
import {
  list,
  listPrograms,
  MAP_FOLDERS,
  mapPin,
  mapsDir,
  programDir,
  type ProgramKey,
  programPin,
} from "../live/store.ts";
import { openUserPin } from "../live/user-pin.ts";
import type { Kernel, MapInfo, ObjectMap } from "../machine/kernel.ts";

export const isReadOnlyData = (map: string): boolean => map === ".rodata" || map.startsWith(".rodata.");
const isSection = (map: string): boolean => map.startsWith(".");

/** Where a map's contents come from: nowhere, a predecessor, or the same program before the swap, which has pinned it. */
export type MapFate = "new" | "kept" | "unchanged";

/** A program's map, by the name that it has in the program's own object. */
export interface BoundMap {
  readonly name: string;
  readonly shared: boolean;
  /** Where the chain says something of it. */
  readonly declared?: DeclaredMap;
  readonly map: ObjectMap;
  readonly fate: MapFate;
}

export interface MapBinder {
  /**
   * Lets `map` take over a predecessor where there is one. Before its object is loaded.
   * @param filled whether libbpf fills it with programs of the object when it loads it. Packets that are still in the old
   *   dispatcher would meet them, so it is taken over from the same program only
   */
  bind(program: ProgramKey, name: string, map: ObjectMap, filled?: boolean): BoundMap;
  /** Tells of maps that are loaded now, so that later programs of this generation can share them. */
  loaded(maps: readonly BoundMap[]): void;
}

/**
 * @param past what runs and what is kept, if anything
 * @param next what is being built
 * @param others what is built in the same swap for other interfaces, each upon its own
 * @throws XdpgenError `object-unsupported` where programs that come back had two maps for what is to be one
 */
export function mapBinder(
  kernel: Kernel,
  dir: string,
  past: Past,
  next: Manifest,
  others: readonly MapSource[] = [],
): MapBinder {
  const shared = new Map<string, BoundMap>();
  const declared = new Map<string, BoundMap>();
  const live = past.live?.programs ?? [];
  const before = programsOf(past);
  requireOneOfEach(kernel, dir, before, next);

  /** False where there is none, or one that does not fit. To a program that is unchanged its own always does. */
  const take = (from: ProgramKey, bound: BoundMap, as: "unchanged" | "other", at: Source = { dir, past }): boolean => {
    const isOwn = bound.declared !== undefined && !bound.shared;
    const path = mapPin(at.dir, from, bound);
    using pinned = isOwn ? openOwn(kernel, at.dir, from, bound.name) : openIfPinned(kernel, path, "map");
    if (!pinned) {
      if (isThere(path)) throw strangerPinned(from.name, bound.name, path, "what is no map");
      return false;
    }
    const there = kernel.mapInfo(pinned.number);
    requireOwn(kernel, at, from, bound, there);
    if (as === "other" && !sameDefinition(bound.map, there)) return false;
    bound.map.reuse(pinned.number);
    return true;
  };

  const bindShared = (program: ProgramKey, bound: BoundMap): BoundMap => {
    const { name, map } = bound;
    const sibling = shared.get(name);
    if (sibling && sibling.map !== map) {
      if (!sameDefinition(map, kernel.mapInfo(sibling.map.fd()))) throw definedDifferently(program.name, name);
      map.reuse(sibling.map.fd());
      return { ...bound, fate: "kept" };
    }
    const previous = live.find((p) => p.name === program.name);
    const candidates = previous ? [previous, ...before.filter((p) => p !== previous)] : before;
    if (candidates.some((p) => take(p, bound, "other"))) return { ...bound, fate: "kept" };
    const other = before.find((p) => stays(p, next) && existsSync(mapPin(dir, p, bound)));
    if (other) throw definedDifferently(program.name, name);
    return bound;
  };

  const bindDeclared = (program: ProgramKey, own: BoundMap, one: DeclaredMap): BoundMap => {
    const bound = { ...own, declared: one };
    const { map } = bound;
    const isPinned = before.some((p) => isSameProgram(p, program)) && existsSync(mapPin(dir, program, bound));
    const fate = isPinned ? "unchanged" : "kept";
    const sibling = declared.get(keyOf(one));
    if (sibling) {
      if (sibling.map !== map) map.reuse(sibling.map.fd());
      return { ...bound, fate: sibling.fate === "new" ? "new" : fate };
    }
    using pinned = openUserPin(kernel, one, map);
    if (pinned) map.reuse(pinned.number);
    const takeFrom = (source: Source): boolean =>
      candidatesFor(one, source.past).some(
        (p) => take(p, bound, "other", source) || take(p, { ...bound, shared: !bound.shared }, "other", source),
      );
    const taken =
      pinned !== undefined ||
      takeFrom({ dir, past }) ||
      (one.pin !== undefined && others.some((other) => takeFrom(other)));
    return { ...bound, fate: taken ? fate : "new" };
  };

  return {
    bind(program, name, map, filled = false) {
      const bound: BoundMap = { name, map, shared: map.pinnedByName, fate: "new" };
      const previous = live.find((p) => p.name === program.name);
      if (isReadOnlyData(name)) return bound;
      const one = declaredMap(next, program.name, name);
      if (one) return bindDeclared(program, bound, one);
      const unchanged = before.some((p) => isSameProgram(p, program));
      if (unchanged && take(program, bound, "unchanged")) return { ...bound, fate: "unchanged" };
      if (bound.shared) return bindShared(program, bound);
      if (!previous || isSection(name) || filled) return bound;
      return take(previous, bound, "other") ? { ...bound, fate: "kept" } : bound;
    },
    loaded(maps) {
      for (const bound of maps) {
        if (bound.shared) shared.set(bound.name, bound);
        if (bound.declared) declared.set(keyOf(bound.declared), bound);
      }
    },
  };
}

const keyOf = ({ program, name }: DeclaredMap): string => `${program}/${name}`;

/** For what is loaded aside: programs have one map where the chain says so, and none that is there already. */
export function freshMaps(kernel: Kernel, next: Manifest): MapBinder {
  return mapBinder(kernel, "", NO_PAST, withoutPins(next));
}

/** Whether a program that is there goes on, unchanged and with the maps that it has. */
function stays(program: ProgramKey, next: Manifest): boolean {
  return next.programs.some((p) => isSameProgram(p, program));
}

/** Programs of different generations may each have a map of their own where a chain of both has one. */
function requireOneOfEach(kernel: Kernel, dir: string, before: readonly ProgramKey[], next: Manifest): void {
  const found = new Map<string, number>();
  for (const program of next.programs.filter((p) => before.some((q) => isSameProgram(p, q)))) {
    const folder = mapsDir(dir, program, "shared");
    for (const name of list(folder)) {
      using map = openIfPinned(kernel, `${folder}/${name}`, "map");
      if (!map) continue;
      const { id } = kernel.mapInfo(map.number);
      if ((found.get(name) ?? id) !== id) throw definedDifferently(program.name, name);
      found.set(name, id);
    }
  }
}

type Source = Pick<MapSource, "dir" | "past">;

/**
 * @param there what is pinned for that map of the program
 * @throws XdpgenError `map-pin` where the program has another one
 */
function requireOwn(kernel: Kernel, { dir, past }: Source, program: ProgramKey, bound: BoundMap, there: MapInfo): void {
  if (past.mapIds.has(there.id)) return;
  using extension = openIfPinned(kernel, programPin(dir, program), "program");
  const ids = [...past.mapIds, ...(extension ? kernel.programInfo(extension.number).mapIds : [])];
  if (ids.includes(there.id)) return;
  const pinned = new Set(listPrograms(dir).flatMap((key) => pinnedMaps(kernel, dir, key).map(({ id }) => id)));
  const manifests = [...(past.live ? [past.live] : []), ...past.kept];
  const own = replacedMap(program.name, bound.name, bound.map, unpinnedMaps(kernel, manifests, ids, pinned));
  if (!own) return;
  throw strangerPinned(
    program.name,
    bound.name,
    mapPin(dir, program, bound),
    `map ${there.id} (${there.name})`,
    own.id,
  );
}

/** The maps that are pinned for a program, as pinned. */
export function pinnedMaps(
  kernel: Kernel,
  dir: string,
  program: ProgramKey,
): readonly { readonly name: string; readonly id: number }[] {
  return MAP_FOLDERS.flatMap((folder) => {
    const path = mapsDir(dir, program, folder);
    return list(path).flatMap((name) => {
      using map = openIfPinned(kernel, `${path}/${name}`, "map");
      return map ? [{ name, id: kernel.mapInfo(map.number).id }] : [];
    });
  });
}

export type PinnedMaps = (dir: string, program: ProgramKey) => ReturnType<typeof pinnedMaps>;

/** The same for who only looks, and at several things in one reading: each program is asked for once. */
export function pinnedMapsOnce(kernel: Kernel): PinnedMaps {
  const known = new Map<string, ReturnType<typeof pinnedMaps>>();
  return (dir, program) => {
    const key = programDir(dir, program);
    const found = known.get(key) ?? pinnedMaps(kernel, dir, program);
    known.set(key, found);
    return found;
  };
}

function definedDifferently(program: string, map: string): XdpgenError {
  return new XdpgenError(
    "object-unsupported",
    `${program}: map ${map} is pinned by name, and another program of the chain defines it differently: compile both ` +
      "against one definition, or rename one",
  );
}
