/**
 * What `attach` would do, found by looking: reads the interface, its attachment and its maps, and changes nothing, makes no
 * folder and takes no lock. A swap that happens meanwhile is noticed by what it takes away, and the reading begins anew.
 */
import type { Chain, Mode } from "../../chain/chain.ts";
import type { DispatcherImage, Manifest } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { folderOf } from "../live/adopt.ts";
import { explain, explaining } from "../live/explain.ts";
import { inheritance, isUndecided, type Kept, keptBeside, pastOf, stillKept } from "../live/history.ts";
import { readPinned } from "../live/live.ts";
import type { Identity } from "../live/manifest.ts";
import { requireWay, type Wanted } from "../live/obstacle.ts";
import { type MapSource, requireOneSource } from "../live/one-map.ts";
import { type Place, placesOf } from "../live/place.ts";
import type { ProgramKey } from "../live/store.ts";
import { imagesOf } from "../load/fit.ts";
import { openLoaded } from "../load/loaded.ts";
import { type PinnedMaps, pinnedMapsOnce } from "../load/maps.ts";
import { resolveChain } from "../load/source.ts";
import { isErrno, type Kernel } from "../machine/kernel.ts";
import { type Machine, readableMachine } from "../machine/machine.ts";
import { type Owned, owned } from "../machine/owned.ts";
import { difference, type Difference, type MapForecast } from "../swap/difference.ts";
import { type Course, courseOf, groupsOf } from "../swap/groups.ts";
import { type Attempt, sourceOf, type Standing, standingOf } from "../swap/standing.ts";
import { type SwapOptions, type SwapResult } from "../swap/swap.ts";
import { forecastMaps, lostMaps, requireOneForecast } from "./map-forecast.ts";
import { type Present, presentOf } from "./present.ts";

/** A kept generation that the swap lets go, and the maps that go with it. */
export interface Forgotten {
  readonly generation: number;
  readonly chain: string;
  readonly maps: readonly MapForecast[];
}

/** What `attach` would do on one interface. */
export interface Preview {
  readonly interface: string;
  readonly present: Present;
  /** The answer of `attach` if nothing changes until then. */
  readonly outcome: SwapResult["outcome"];
  /** Why `attach` would refuse, in a sentence. */
  readonly obstacle?: string;
  /** The chain that would run. */
  readonly chain: string;
  /** That would be live then. */
  readonly generation: number;
  /** `auto`: nothing is attached, and the driver has not been asked. */
  readonly mode: Mode | "auto";
  /** Its health command never said that all is well, and would be asked, though nothing is to be changed. */
  readonly undecided?: true;
  /** The link of a slot or another pin of the live generation was removed: all would be made again. */
  readonly repair: boolean;
  /** Other interfaces of the same call that would run the same dispatcher, with the same maps. */
  readonly sharedWith?: readonly string[];
  readonly difference: Difference;
  /** The newest first. */
  readonly forgotten: readonly Forgotten[];
}

export interface PreviewOptions extends Pick<SwapOptions, "mode" | "linkage" | "replace"> {
  /** Where to look; default this machine. Tests give their own. */
  readonly machine?: Machine;
}

/** A swap takes pins away once; this many in one reading are not met by chance. */
const READINGS = 5;

/**
 * What `attach` with the same arguments would do. Changes nothing.
 *
 * @throws XdpgenError `environment` without privilege, `interface-missing`, `conflict` where others do not stop swapping,
 *   `map-pin` as `attach`, and what `synthesise` and `resolveChain` throw. What is in the way of `attach` is no error: see `obstacle`.
 */
export async function preview(chain: Chain, device: string, options: PreviewOptions = {}): Promise<Preview> {
  const [only] = await previewAll(chain, [device], options);
  return only!;
}

/** What `attachAll` would do: one for each interface. Otherwise as `preview`. Where one has an obstacle, none is changed. */
export async function previewAll(
  chain: Chain,
  devices: readonly string[],
  options: PreviewOptions = {},
): Promise<readonly Preview[]> {
  const what = `compare chain ${chain.name} with what runs on ${devices.join(", ")}`;
  const machine = options.machine ?? readableMachine(what);
  const { kernel } = machine;
  const places = placesOf(machine, devices);
  const declared = { ...chain, mode: options.mode ?? chain.mode, linkage: options.linkage ?? chain.linkage };
  const resolved = await resolveChain(declared);
  using loaded = explaining(what, devices.join(", "), () => openLoaded(kernel, resolved));
  const images = explaining(what, devices.join(", "), () => imagesOf(kernel, loaded.chain));
  const all = { mode: declared.mode, replace: options.replace === true, loaded, images };
  for (let reading = 1; ; reading++) {
    try {
      const found = places.map((place) => ({ ...place, dir: folderOf(machine, place.ifindex).dir }));
      return lookAll(machine, { ...all, places: found });
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw explain(error, what, devices.join(", "));
      if (reading === READINGS) throw alwaysChanging(what, error);
    }
  }
}

interface Target extends Wanted, Attempt {}

/** One interface, as it is. */
interface Found extends Standing, Place {
  readonly present: Present;
}

function lookAll(machine: Machine, target: Target): readonly Preview[] {
  using resources = owned();
  const { places, images } = target;
  const found = places.map((place) => look(machine, place, target, resources));
  const groups = groupsOf(found, images.preferred.manifest.chain);
  const sources = groups.flatMap(sourceOf);
  requireOneSource(machine.kernel, sources, images.preferred.manifest);
  const previews = groups.flatMap((group) => foresee(machine.kernel, group, sources, target));
  return places.map(({ device }) => previews.find((one) => one.interface === device)!);
}

function look(machine: Machine, place: Place, target: Target, resources: Owned): Found {
  const { kernel } = machine;
  const { dir, ifindex } = place;
  const pinned = readPinned(kernel, dir, ifindex);
  if (pinned) resources.own(pinned);
  const inherited = inheritance(kernel, dir, pinned);
  const standing = standingOf(machine, place, { pinned, ...inherited }, target);
  return { ...place, ...standing, present: presentOf(kernel, ifindex, pinned, inherited.identity) };
}

/** What becomes of the interfaces of a group. */
function foresee(
  kernel: Kernel,
  group: readonly Found[],
  sources: readonly MapSource[],
  target: Target,
): readonly Preview[] {
  const course = courseOf(group);
  const pinned = pinnedMapsOnce(kernel);
  return group.map((found): Preview => {
    const { device, dir, before, present, settled, replaced } = found;
    const { identity, kept } = before;
    const first = settled || course?.kind === "replace" ? found : course!.first;
    const image = first.same ?? target.images.preferred;
    const past = pastOf(first.before);
    const elsewhere = sources.filter((source) => source.dir !== first.dir);
    const { chain } = target.loaded;
    const runsOn = settled || course?.kind === "replace";
    // What runs on binds nothing, so nothing can be in the way.
    const bound = runsOn
      ? keptMaps(pinned, dir, image.manifest)
      : forecastMaps(kernel, first.dir, past, image, elsewhere);
    if (course?.kind === "build" && !settled) requireOneForecast(kernel, first.dir, past, image, bound);
    const stay = runsOn
      ? stillKept(chain, dir, identity!, kept)
      : keptBeside(chain, dir, identity, kept, found === first ? [] : displacedIn(pinned, dir, image, bound));
    const held = new Set(mapsOf(pinned, dir, stay).map(({ id }) => id));
    const maps = [...bound, ...lostMaps(pinned, dir, identity?.manifest.programs ?? [], bound, held)];
    const gone = kept.filter((generation) => !stay.includes(generation));
    const obstacle = obstacleOf(kernel, found, target);
    const others = group.filter((other) => other !== found && comesTo(other, course) === comesTo(found, course));
    const outcome = present.mode ? (course?.kind === "replace" ? "replaced" : "swapped") : "created";
    return {
      interface: device,
      present,
      outcome: settled ? "unchanged" : outcome,
      ...(obstacle !== undefined && { obstacle }),
      chain: image.manifest.chain,
      generation: settled || !course || course.kind === "replace" ? found.generation : course.generation,
      mode: present.mode ?? target.mode,
      ...(settled && chain.health && isUndecided(dir, found.generation) ? { undecided: true } : {}),
      repair: found.repair,
      ...(others.length > 0 && { sharedWith: others.map((other) => other.device) }),
      difference: difference(identity?.manifest, image.manifest, maps, replaced),
      forgotten: forget(pinned, dir, gone, maps, held),
    };
  });
}

function keptMaps(pinned: PinnedMaps, dir: string, { programs }: Manifest): readonly MapForecast[] {
  return programs.flatMap((program) =>
    pinned(dir, program).map(({ name, id }): MapForecast => ({ program: program.name, name, contents: "kept", id })),
  );
}

/**
 * The programs whose maps in `dir` lose their pins to those of the dispatcher that is shared, as `shareGeneration` finds them.
 * @param bound the maps of that dispatcher
 */
function displacedIn(
  pinned: PinnedMaps,
  dir: string,
  { manifest }: DispatcherImage,
  bound: readonly MapForecast[],
): readonly ProgramKey[] {
  return manifest.programs.filter((program) =>
    pinned(dir, program).some(({ name, id }) => {
      const theirs = bound.find((one) => one.program === program.name && one.name === name);
      // One that is kept and has no id has lost its pin.
      return theirs && theirs.id !== id && (theirs.contents === "empty" || theirs.id !== undefined);
    }),
  );
}

function mapsOf(pinned: PinnedMaps, dir: string, generations: readonly Identity[]): ReturnType<PinnedMaps> {
  return generations.flatMap(({ manifest }) => manifest.programs.flatMap((program) => pinned(dir, program)));
}

/** @param told the maps that are spoken of already */
function forget(
  pinned: PinnedMaps,
  dir: string,
  generations: readonly Kept[],
  told: readonly MapForecast[],
  held: ReadonlySet<number>,
): readonly Forgotten[] {
  const known = new Set([...held, ...told.map(({ id }) => id)]);
  return generations.map(({ generation, manifest }) => {
    const maps = manifest.programs.flatMap((program) =>
      pinned(dir, program).flatMap(({ name, id }): MapForecast[] => {
        if (known.has(id)) return [];
        known.add(id);
        return [{ program: program.name, name, contents: "lost", id }];
      }),
    );
    return { generation, chain: manifest.chain, maps };
  });
}

/** The id of the dispatcher that an interface comes to run; 0 for one that is built. */
function comesTo(found: Found, course: Course<Found> | undefined): number {
  if (found.settled || course?.kind === "replace") return found.before.pinned!.programInfo.id;
  return course?.kind === "join" ? course.first.before.pinned!.programInfo.id : 0;
}

/** What a swap would refuse, in its words. */
function obstacleOf(kernel: Kernel, found: Found, target: Target): string | undefined {
  try {
    requireWay(kernel, found, found.before.pinned, target);
    return undefined;
  } catch (error) {
    if (error instanceof XdpgenError) return error.message;
    throw error;
  }
}

function alwaysChanging(what: string, cause: unknown): XdpgenError {
  return new XdpgenError(
    "conflict",
    `cannot ${what}: it changed ${READINGS} times while it was read; try again when the other process is done`,
    { cause },
  );
}
