/**
 * The next generation, built whole beside the live one: its extensions loaded or taken over, its dispatcher loaded, every
 * slot bound, everything pinned. No packet meets it yet.
 */
import { existsSync } from "node:fs";
import {
  type DispatcherImage,
  isExtension,
  isTailCalled,
  type Manifest,
  type ResolvedObject,
} from "../codegen/index.ts";
import { type LoadedDispatcher, loadDispatcher } from "./dispatcher.ts";
import type { Kernel } from "./kernel.ts";
import type { LoadedPrograms } from "./loaded.ts";
import { type BoundMap, isReadOnlyData, mapBinder } from "./maps.ts";
import { loadExtension } from "./program.ts";
import {
  dispatcherPin,
  generationDir,
  type Journal,
  mapPin,
  mapsDir,
  programDir,
  programPin,
  slotPin,
} from "./store.ts";

export interface Generation extends Disposable {
  /** fd of the dispatcher, valid until disposed. */
  readonly dispatcher: number;
}

export function buildGeneration(
  kernel: Kernel,
  dir: string,
  live: Manifest | undefined,
  image: DispatcherImage,
  loaded: LoadedPrograms,
  generation: number,
  journal: Journal,
  report: (message: string) => void,
): Generation {
  const binder = mapBinder(kernel, dir, live, image.manifest);
  const owned: Disposable[] = [];
  const own = <T extends Disposable>(resource: T): T => (owned.push(resource), resource);
  const dispose = (): void => owned.toReversed().forEach((resource) => resource[Symbol.dispose]());
  try {
    const extensions = new Map<string, number>();
    for (const { program } of image.plan.nodes) {
      if (isExtension(program)) extensions.set(program.name, extension(program));
    }
    const dispatcher: LoadedDispatcher = own(loadDispatcher(kernel, binder, image, generation, loaded));
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
      const link = own(kernel.linkExtension(fd, target, slot.btfId));
      journal.pin(link.number, slotPin(dir, generation, slot.program));
    }
    return { dispatcher: target, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }

  /** fd of the extension: the one that runs already, when the program is unchanged, else a new one. */
  function extension(program: ResolvedObject): number {
    const unchanged = live?.programs.some((p) => p.name === program.name && p.hash === program.hash);
    const pin = programPin(dir, program);
    if (unchanged && existsSync(pin)) return own(kernel.openPin(pin)).number;
    const made = own(loadExtension(kernel, binder, program));
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
    if (names("kept")) report(`${program.name} changed: keeps the contents of ${names("kept")}`);
    if (names("new")) report(`${program.name} changed: ${names("new")} starts empty`);
  }
}
