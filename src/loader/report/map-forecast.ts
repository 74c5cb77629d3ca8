/**
 * What a swap would do to the contents of maps. The rules are those of `load/maps.ts` and no copy of them: the next generation's
 * objects are opened and never loaded, and its maps are bound by the same binder to stand-ins that only take note.
 */
import { existsSync } from "node:fs";
import { isLinked } from "../../chain/chain.ts";
import { type DispatcherImage, extensionObject, isExtension, type ResolvedObject } from "../../codegen/index.ts";
import { openOwn } from "../live/declared-maps.ts";
import { isSameProgram, type Past, programsOf } from "../live/history.ts";
import { fixedMaps, type MapSource, requireOne } from "../live/one-map.ts";
import { openIfPinned } from "../live/pins.ts";
import { mapPin, pinName, type ProgramKey, programPin } from "../live/store.ts";
import { openObject } from "../load/load.ts";
import { type BoundMap, isReadOnlyData, mapBinder, type PinnedMaps } from "../load/maps.ts";
import type { Kernel, MapInfo, ObjectMap } from "../machine/kernel.ts";
import type { MapForecast } from "../swap/difference.ts";

/**
 * @param dir the attachment's folder; its pins are read
 * @param past what the next generation builds upon, if anything
 * @param others what is built beside it
 * @throws XdpgenError as the swap would, where a map cannot be bound
 */
export function forecastMaps(
  kernel: Kernel,
  dir: string,
  past: Past,
  image: DispatcherImage,
  others: readonly MapSource[],
): readonly MapForecast[] {
  const standIns = new Map<number, MapInfo>();
  const asking: Kernel = { ...kernel, mapInfo: (fd) => standIns.get(fd) ?? kernel.mapInfo(fd) };
  const binder = mapBinder(asking, dir, past, image.manifest, others);
  const found: MapForecast[] = [];
  const note = (program: string, name: string, id: number): void => {
    if (isReadOnlyData(name)) return;
    const known = id === 0 ? ({ contents: "empty" } as const) : ({ contents: "kept", id } as const);
    found.push({ program, name: pinName(name), ...known });
  };

  const bind = (program: ProgramKey, name: string, map: ObjectMap, filled = false): BoundMap => {
    // No fd of this process is negative.
    const fd = -1 - standIns.size;
    standIns.set(fd, { ...map, id: 0 });
    const reuse = (other: number): void => void standIns.set(fd, { ...map, id: asking.mapInfo(other).id });
    const bound = binder.bind(program, name, { ...map, reuse, fd: () => fd }, filled);
    note(program.name, name, standIns.get(fd)!.id);
    return bound;
  };

  const extension = (program: ResolvedObject): void => {
    using object = openObject(kernel, extensionObject(program), `program ${program.name}`, program.name);
    if (!runsOn(dir, past, program)) {
      binder.loaded(object.maps.map((map) => bind(program, map.name, map)));
      return;
    }
    for (const { name, pinnedByName } of object.maps) {
      // Read-only data is part of the code and is not pinned.
      if (isReadOnlyData(name)) continue;
      // Its extension holds the map, whether somebody removed its pin or not.
      using held =
        openIfPinned(kernel, mapPin(dir, program, { name, shared: pinnedByName }), "map") ??
        openOwn(kernel, dir, program, name);
      if (held) note(program.name, name, kernel.mapInfo(held.number).id);
      else found.push({ program: program.name, name: pinName(name), contents: "kept" });
    }
  };

  for (const { program } of image.plan.nodes) if (isExtension(program)) extension(program);
  if (image.slots.some(({ linkage }) => isLinked(linkage))) {
    using object = openObject(kernel, image.elf, `the dispatcher of chain ${image.manifest.chain}`, "forecast");
    for (const slot of image.slots) {
      const key = image.manifest.programs.find(({ name }) => name === slot.program)!;
      for (const [name, linkedName] of slot.maps) {
        const map = object.map(linkedName);
        if (map) bind(key, name, map, slot.filled.has(name));
      }
    }
  }
  return found;
}

/**
 * @param forecast of the generation that is built
 * @throws XdpgenError as the swap would, where maps that are to be one cannot be
 */
export function requireOneForecast(
  kernel: Kernel,
  dir: string,
  past: Past,
  { manifest }: DispatcherImage,
  forecast: readonly MapForecast[],
): void {
  requireOne(
    kernel,
    dir,
    manifest,
    fixedMaps(dir, past, manifest),
    ({ name: program }, name) => forecast.find((map) => map.program === program && map.name === pinName(name))?.id,
  );
}

/** Whether the extension that is loaded goes on, and its maps with it. */
function runsOn(dir: string, past: Past, program: ProgramKey): boolean {
  const isLoaded = programsOf(past).some((p) => isSameProgram(p, program) && p.linkage === "freplace");
  return isLoaded && existsSync(programPin(dir, program));
}

/**
 * Maps of programs that are pinned now and that nobody takes over. One that its program makes anew is told as `empty`.
 * @param forecast of the programs that come and stay
 * @param held ids of the maps that are pinned for kept generations when the swap is done
 */
export function lostMaps(
  pinned: PinnedMaps,
  dir: string,
  programs: readonly ProgramKey[],
  forecast: readonly MapForecast[],
  held: ReadonlySet<number>,
): readonly MapForecast[] {
  const kept = new Set(forecast.map(({ id }) => id));
  const made = new Set(
    forecast.filter(({ contents }) => contents === "empty").map(({ program, name }) => `${program}/${name}`),
  );
  return programs.flatMap((program) =>
    pinned(dir, program).flatMap(({ name, id }): MapForecast[] => {
      if (kept.has(id) || made.has(`${program.name}/${name}`)) return [];
      return [{ program: program.name, name, contents: held.has(id) ? "held" : "lost", id }];
    }),
  );
}
