/**
 * The next generation, built whole beside the live one: its extensions loaded or taken over, its dispatcher loaded, every
 * slot bound, everything pinned. No packet meets it yet. An interface that shares it has pins of its own for all of it.
 */
import { existsSync, readdirSync } from "node:fs";
import {
  type DispatcherImage,
  isExtension,
  isTailCalled,
  type Manifest,
  type ResolvedObject,
} from "../codegen/index.ts";
import { type LoadedDispatcher, loadDispatcher } from "./dispatcher.ts";
import type { Steps } from "./events.ts";
import type { Kernel } from "./kernel.ts";
import type { LoadedPrograms } from "./loaded.ts";
import { type BoundMap, isReadOnlyData, mapBinder } from "./maps.ts";
import { type Owned, owned } from "./owned.ts";
import { loadExtension } from "./program.ts";
import {
  dispatcherPin,
  generationDir,
  type Journal,
  list,
  MAP_FOLDERS,
  mapPin,
  mapsDir,
  programDir,
  programPin,
  slotPin,
} from "./store.ts";
import { type VerifiedImage, type VerifiedProgram, verifiedOf } from "./verified.ts";

/** The attachment whose next generation it is. */
export interface BuildPlace {
  /** Its folder. */
  readonly dir: string;
  /** Takes back what was pinned. */
  readonly journal: Journal;
}

export interface Generation extends Disposable {
  /** fd of the dispatcher, valid until disposed. */
  readonly dispatcher: number;
  /** What the verifier said of the dispatcher, and of the extensions that are new. */
  readonly verified: VerifiedImage;
}

/**
 * @param place and the interfaces that the generation is for, to tell
 * @param live what it builds upon
 */
export async function buildGeneration(
  kernel: Kernel,
  { dir, journal, interfaces }: BuildPlace & { readonly interfaces: readonly string[] },
  live: Manifest | undefined,
  image: DispatcherImage,
  loaded: LoadedPrograms,
  generation: number,
  steps: Steps,
): Promise<Generation> {
  const binder = mapBinder(kernel, dir, live, image.manifest);
  const programs: VerifiedProgram[] = [];
  const resources = owned();
  const load = <T>(of: string, body: () => T): Promise<T> => steps.run({ step: "load", interfaces, of }, body);
  try {
    const extensions = new Map<string, number>();
    for (const { program } of image.plan.nodes) {
      if (!isExtension(program)) continue;
      extensions.set(program.name, await load(`program ${program.name}`, () => extension(program)));
    }
    const dispatcher = await load("dispatcher", () =>
      resources.own(loadDispatcher(kernel, binder, image, generation, loaded)),
    );
    await steps.run({ step: "bind", interfaces }, () => bind(dispatcher, extensions));
    return {
      dispatcher: dispatcher.program.fd(),
      verified: { dispatcher: verifiedOf(kernel, dispatcher.program), programs },
      [Symbol.dispose]: () => resources[Symbol.dispose](),
    };
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }

  function bind(dispatcher: LoadedDispatcher, extensions: ReadonlyMap<string, number>): void {
    for (const { program } of image.plan.nodes)
      if (!isTailCalled(program)) pinMaps(program, dispatcher.maps.get(program.name) ?? []);
    const target = dispatcher.program.fd();
    journal.makeDir(generationDir(dir, generation));
    journal.pin(target, dispatcherPin(dir, generation));
    for (const slot of image.slots) {
      // Without a pin the kernel empties a map of programs when the last fd of it is closed.
      if (slot.array !== undefined) {
        journal.pin(dispatcher.map(slot.array)!.fd(), slotPin(dir, generation, slot.program));
      }
      const fd = extensions.get(slot.program);
      if (fd === undefined) continue;
      const link = resources.own(kernel.linkExtension(fd, target, slot.btfId));
      journal.pin(link.number, slotPin(dir, generation, slot.program));
    }
  }

  /** fd of the extension: the one that runs already, when the program is unchanged, else a new one. */
  function extension(program: ResolvedObject): number {
    const unchanged = live?.programs.some((p) => p.name === program.name && p.hash === program.hash);
    const pin = programPin(dir, program);
    if (unchanged && existsSync(pin)) return resources.own(kernel.openPin(pin)).number;
    const made = resources.own(loadExtension(kernel, binder, program));
    programs.push({ program: program.name, as: "extension", ...verifiedOf(kernel, made.program) });
    pinMaps(program, made.maps);
    journal.pin(made.program.fd(), pin);
    return made.program.fd();
  }

  function pinMaps(program: ResolvedObject, maps: readonly BoundMap[]): void {
    journal.makeDir(programDir(dir, program));
    const writable = maps.filter(({ name }) => !isReadOnlyData(name));
    for (const bound of writable) {
      if (bound.fate === "unchanged") continue;
      journal.makeDir(mapsDir(dir, program, bound.shared ? "shared" : "maps"));
      journal.pin(bound.map.fd(), mapPin(dir, program, bound));
    }
    const previous = live?.programs.find((p) => p.name === program.name);
    if (!previous || previous.hash === program.hash || writable.length === 0) return;
    const names = (fate: BoundMap["fate"]): string =>
      writable
        .filter((m) => m.fate === fate)
        .map((m) => m.name)
        .join(", ");
    if (names("kept")) steps.notice(`${program.name} changed: keeps the contents of ${names("kept")}`);
    if (names("new")) steps.notice(`${program.name} changed: ${names("new")} starts empty`);
  }
}

/**
 * Pins a generation that is pinned in the folder `from` in that of another attachment too, so that each lives without the
 * other. Maps that are pinned there already are the same ones.
 *
 * @param resources hold what loses its pin, for the journal
 */
export function shareGeneration(
  kernel: Kernel,
  from: string,
  { dir, journal }: BuildPlace,
  manifest: Manifest,
  generation: number,
  resources: Owned,
): void {
  copyPins(generationDir(from, generation), generationDir(dir, generation));
  for (const program of manifest.programs) {
    // What was loaded by others has no pins of ours.
    if (!existsSync(programDir(from, program))) continue;
    dropOther(programPin(from, program), programPin(dir, program));
    copyPins(programDir(from, program), programDir(dir, program));
  }

  function copyPins(source: string, target: string): void {
    journal.makeDir(target);
    for (const entry of readdirSync(source, { withFileTypes: true })) {
      const [there, here] = [`${source}/${entry.name}`, `${target}/${entry.name}`];
      if (entry.isDirectory()) copyPins(there, here);
      else if (!existsSync(here)) {
        using pinned = kernel.openPin(there);
        journal.pin(pinned.number, here);
      }
    }
  }

  /** An extension that was loaded for this attachment alone; the same code, but not what the slots are bound to. */
  function dropOther(there: string, here: string): void {
    if (!existsSync(there) || !existsSync(here)) return;
    using theirs = kernel.openPin(there);
    const ours = resources.own(kernel.openPin(here));
    if (kernel.programInfo(theirs.number).id !== kernel.programInfo(ours.number).id) journal.unpin(ours.number, here);
  }
}

/**
 * What the programs of an attachment hold: each map with its kernel id, or else the dispatcher with its counters; undefined for
 * nothing. The same text for two attachments only where they share all of it.
 */
export function heldBy(kernel: Kernel, dir: string, manifest: Manifest, dispatcher: number): string | undefined {
  const held = manifest.programs.flatMap((program) =>
    MAP_FOLDERS.flatMap((folder) => {
      const path = mapsDir(dir, program, folder);
      return list(path).map((name) => {
        using map = kernel.openPin(`${path}/${name}`);
        return `${program.name}/${name}=${kernel.mapInfo(map.number).id}`;
      });
    }),
  );
  if (held.length > 0) return held.toSorted().join(" ");
  return manifest.counters ? `dispatcher ${dispatcher}` : undefined;
}
