/** How an interface stands that is to get a chain: what it has of that already. A swap asks, and so does who foresees one. */
import type { Mode } from "../../chain/chain.ts";
import type { DispatcherImage, Manifest } from "../../codegen/index.ts";
import { highestOf, pastOf } from "../live/history.ts";
import type { MapSource } from "../live/one-map.ts";
import type { Place } from "../live/place.ts";
import type { Predecessor } from "../live/recovery.ts";
import { isOnlyOn } from "../live/sharing.ts";
import { isIntact, isWhole } from "../live/trouble.ts";
import { type Images, imageThat } from "../load/fit.ts";
import type { LoadedPrograms } from "../load/loaded.ts";
import { pinnedMaps } from "../load/maps.ts";
import type { Kernel } from "../machine/kernel.ts";
import type { Machine } from "../machine/machine.ts";
import { type Change, difference, isNone } from "./difference.ts";
import { type Candidate, courseOf } from "./groups.ts";
import { replacedPrograms } from "./replacement.ts";

/** What the pins of an interface belong to. */
export type Before = Omit<Predecessor, keyof Disposable>;

export interface Standing extends Candidate {
  readonly before: Before;
  /** Of its link, where that is on the interface. */
  readonly mode: Mode | undefined;
  /** The image that its dispatcher was made of, where the chain gives that; packets need not meet it. */
  readonly same: DispatcherImage | undefined;
  /** The same where they do, with every slot bound. */
  readonly runs: DispatcherImage | undefined;
  /** Something of its dispatcher is gone, such as the pin of a slot. */
  readonly repair: boolean;
  /** Its slots that hold another loaded program than the chain says. */
  readonly replaced: ReadonlyMap<string, Change<number>>;
}

/** What all interfaces of one attempt have in common. */
export interface Attempt {
  readonly places: readonly Place[];
  /** The chain, with its programs that are loaded already. */
  readonly loaded: LoadedPrograms;
  readonly images: Images;
}

export function standingOf(machine: Machine, place: Place, before: Before, attempt: Attempt): Standing {
  const { kernel } = machine;
  const { device, dir } = place;
  const { places, loaded, images } = attempt;
  const { pinned, identity, kept } = before;
  const mode = pinned?.place.kind === "here" ? pinned.place.mode : undefined;
  const live = mode && pinned?.identity;
  const same = identity && imageThat(images, (manifest) => isNone(difference(identity.manifest, manifest)));
  const { dispatcher: programInfo } = before;
  // Only who would go on as it is has to look at each: a new generation has pins of its own.
  const isFine = (): boolean => !same || !programInfo || isIntact(kernel, dir, { identity, programInfo });
  const repair = identity !== undefined && !(isWhole(kernel, dir, identity) && isFine());
  const runs = live && !repair ? same : undefined;
  const replaced = identity ? replacedPrograms(kernel, dir, identity, loaded) : new Map<string, Change<number>>();
  return {
    before,
    mode,
    same,
    runs,
    repair,
    replaced,
    // With one interface there is nobody to share with.
    held: identity && (places.length > 1 ? heldBy(kernel, dir, identity.manifest, before.dispatcher!.id) : device),
    chain: live && live.manifest.chain,
    generation: identity?.generation ?? 0,
    highest: highestOf(identity, kept),
    inherits: identity !== undefined,
    settled: runs !== undefined && replaced.size === 0,
    // Of several at once a packet could meet one old and one new: they take a new dispatcher.
    inPlace: runs !== undefined && replaced.size === 1 && isOnlyOn(machine, places, pinned!.programInfo.id),
  };
}

/**
 * What the programs of an attachment hold: each map with its kernel id, or else the dispatcher with its counters; undefined for
 * nothing. The same text for two attachments only where they share all of it.
 */
function heldBy(kernel: Kernel, dir: string, manifest: Manifest, dispatcher: number): string | undefined {
  const held = manifest.programs.flatMap((program) =>
    pinnedMaps(kernel, dir, program).map(({ name, id }) => `${program.name}/${name}=${id}`),
  );
  if (held.length > 0) return held.toSorted().join(" ");
  return manifest.counters ? `dispatcher ${dispatcher}` : undefined;
}

/** Where the maps of what a group builds come from; nothing where its members get no new dispatcher. */
export function sourceOf(group: readonly (Standing & Place)[]): readonly MapSource[] {
  const course = courseOf(group);
  if (course?.kind !== "build") return [];
  const { dir, before } = course.first;
  return [{ devices: course.change.map(({ device }) => device), dir, past: pastOf(before) }];
}
