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
} from "../../codegen/index.ts";
import { disown, isSameProgram, type Past, programsOf } from "../live/history.ts";
import type { Journal } from "../live/journal.ts";
import type { Identity } from "../live/manifest.ts";
import { fixedMaps, type MapSource, requireOne, restoreOwn } from "../live/one-map.ts";
import { isThere, openIfPinned, strangerThere } from "../live/pins.ts";
import {
  dispatcherPin,
  generationDir,
  list,
  liveMark,
  MAP_FOLDERS,
  mapPin,
  mapsDir,
  newMark,
  programDir,
  type ProgramKey,
  programPin,
  slotPin,
} from "../live/store.ts";
import { type LoadedDispatcher, loadDispatcher } from "../load/dispatcher.ts";
import type { LoadedPrograms } from "../load/loaded.ts";
import { type BoundMap, isReadOnlyData, mapBinder } from "../load/maps.ts";
import { loadExtension } from "../load/program.ts";
import { bindExtension } from "../load/slot.ts";
import { type VerifiedImage, type VerifiedProgram, verifiedOf } from "../load/verified.ts";
import type { Kernel } from "../machine/kernel.ts";
import { type Owned, owned } from "../machine/owned.ts";
import type { Steps } from "./steps.ts";

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
 * @param past what it builds upon
 * @param others what is built beside it
 */
export async function buildGeneration(
  kernel: Kernel,
  { dir, journal, interfaces }: BuildPlace & { readonly interfaces: readonly string[] },
  past: Past,
  others: readonly MapSource[],
  image: DispatcherImage,
  loaded: LoadedPrograms,
  generation: number,
  steps: Steps,
): Promise<Generation> {
  const binder = mapBinder(kernel, dir, past, image.manifest, others);
  const isFixed = fixedMaps(dir, past, image.manifest);
  const programs: VerifiedProgram[] = [];
  const resources = owned();
  const load = <T>(of: string, body: () => T): Promise<T> => steps.run({ step: "load", interfaces, of }, body);
  try {
    const extensions = new Map<string, number>();
    for (const { program } of image.plan.nodes) {
      if (!isExtension(program)) continue;
      const running = loadedAlready(program);
      extensions.set(program.name, running ?? (await load(`program ${program.name}`, () => extension(program))));
    }
    const dispatcher = await load("dispatcher", () =>
      resources.own(loadDispatcher(kernel, binder, image, generation, loaded)),
    );
    await steps.run({ step: "bind", interfaces }, () => bind(dispatcher, extensions));
    return {
      dispatcher: dispatcher.program.fd(),
      verified: { dispatcher: verifiedOf(kernel, dispatcher), programs },
      [Symbol.dispose]: () => resources[Symbol.dispose](),
    };
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }

  function bind(dispatcher: LoadedDispatcher, extensions: ReadonlyMap<string, number>): void {
    for (const { program } of image.plan.nodes)
      if (!isTailCalled(program)) pinMaps(program, dispatcher.maps.get(program.name) ?? []);
    restoreOwn(kernel, dir, journal, image.manifest, isFixed);
    requireOne(kernel, dir, image.manifest, isFixed, (program, name) => {
      using map = kernel.openPin(mapPin(dir, program, { name, shared: false }));
      return kernel.mapInfo(map.number).id;
    });
    const target = dispatcher.program.fd();
    journal.makeDir(newMark(dir, generation));
    journal.pin(target, dispatcherPin(dir, generation));
    for (const slot of image.slots) {
      // Without a pin the kernel empties a map of programs when the last fd of it is closed.
      if (slot.array !== undefined) {
        journal.pin(dispatcher.map(slot.array)!.fd(), slotPin(dir, generation, slot.program));
      }
      const fd = extensions.get(slot.program);
      if (fd === undefined) continue;
      const link = bindExtension(kernel, fd, target, slot.btfId);
      if (link) resources.own(link);
      journal.pin(link?.number ?? fd, slotPin(dir, generation, slot.program));
    }
  }

  /** fd of the extension that an unchanged program has already. */
  function loadedAlready(program: ResolvedObject): number | undefined {
    const unchanged = programsOf(past).some((p) => isSameProgram(p, program));
    const pin = programPin(dir, program);
    if (!unchanged) return undefined;
    const found = openIfPinned(kernel, pin, "program");
    if (!found && isThere(pin)) throw strangerThere(pin, "program");
    return found && resources.own(found).number;
  }

  /** fd of a new extension. */
  function extension(program: ResolvedObject): number {
    const made = resources.own(loadExtension(kernel, binder, program));
    programs.push({ program: program.name, as: "extension", ...verifiedOf(kernel, made) });
    pinMaps(program, made.maps);
    journal.pin(made.program.fd(), programPin(dir, program));
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
    const previous = past.live?.programs.find((p) => p.name === program.name);
    if (!previous || previous.hash === program.hash || writable.length === 0) return;
    const named = (fate: BoundMap["fate"]): readonly string[] =>
      writable.filter((map) => map.fate === fate).map(({ name }) => name);
    const [kept, fresh] = [named("kept"), named("new")];
    if (kept.length > 0) steps.notice(`${program.name} changed: keeps the contents of ${kept.join(", ")}`);
    if (fresh.length > 0) {
      const start = fresh.length === 1 ? "starts" : "start";
      steps.notice(`${program.name} changed: ${fresh.join(", ")} ${start} empty`);
    }
  }
}

/**
 * Pins a generation that is pinned in the folder `from` in that of another attachment too, so that each lives without the
 * other. Maps that are pinned there already are the same ones, but for those of a kept generation: they lose their pins.
 *
 * @param kept generations of that attachment. One whose maps lose their pins is marked as none that has run, before they do: a
 *   process that is killed then must not leave it with the maps of another
 * @param resources hold what loses its pin, for the journal
 * @returns the programs whose maps were others there: kept generations that have them are not whole any more
 */
export function shareGeneration(
  kernel: Kernel,
  from: string,
  { dir, journal }: BuildPlace,
  kept: readonly Identity[],
  manifest: Manifest,
  generation: number,
  resources: Owned,
): readonly ProgramKey[] {
  const displaced: ProgramKey[] = [];
  journal.makeDir(newMark(dir, generation));
  copyPins(generationDir(from, generation), generationDir(dir, generation));
  for (const program of manifest.programs) {
    // What was loaded by others has no pins of ours.
    if (!existsSync(programDir(from, program))) continue;
    dropOther("program", programPin(from, program), programPin(dir, program), idOfProgram);
    for (const folder of MAP_FOLDERS) {
      const here = mapsDir(dir, program, folder);
      for (const name of list(here)) {
        const other = dropOther("map", `${mapsDir(from, program, folder)}/${name}`, `${here}/${name}`, idOfMap, () =>
          disownUsers(program),
        );
        if (other) displaced.push(program);
      }
    }
    copyPins(programDir(from, program), programDir(dir, program));
  }
  return displaced;

  function copyPins(source: string, target: string): void {
    journal.makeDir(target);
    for (const entry of readdirSync(source, { withFileTypes: true })) {
      const [there, here] = [`${source}/${entry.name}`, `${target}/${entry.name}`];
      // That one moves, once the generation is live here too.
      if (there === liveMark(from, generation)) continue;
      if (entry.isDirectory()) copyPins(there, here);
      else if (!existsSync(here)) {
        using pinned = kernel.openPin(there);
        journal.pin(pinned.number, here);
      }
    }
  }

  function idOfProgram(fd: number): number {
    return kernel.programInfo(fd).id;
  }

  function idOfMap(fd: number): number {
    return kernel.mapInfo(fd).id;
  }

  /** What was made for this attachment alone: the same by name, but not what the slots are bound to, or what those use. */
  function dropOther(
    kind: "map" | "program",
    there: string,
    here: string,
    idOf: (fd: number) => number,
    first?: () => void,
  ): boolean {
    if (!existsSync(there) || !existsSync(here)) return false;
    using theirs = openIfPinned(kernel, there, kind);
    if (!theirs) throw strangerThere(there, kind);
    const found = openIfPinned(kernel, here, kind);
    if (!found) throw strangerThere(here, kind);
    const ours = resources.own(found);
    const other = idOf(theirs.number) !== idOf(ours.number);
    if (!other) return false;
    first?.();
    journal.unpin(ours.number, here);
    return true;
  }

  function disownUsers(program: ProgramKey): void {
    const users = kept.filter(({ manifest: { programs } }) => programs.some((other) => isSameProgram(other, program)));
    disown(journal, dir, users);
  }
}
