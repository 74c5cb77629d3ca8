/**
 * The next generation, built whole beside the live one: its extensions loaded or taken over, its dispatcher loaded, every
 * slot bound, everything pinned. No packet meets it yet.
 */
import { existsSync } from "node:fs";
import type { DispatcherImage, Manifest, ResolvedProgram } from "../codegen/index.ts";
import { type LoadedDispatcher, loadDispatcher } from "./dispatcher.ts";
import type { Kernel } from "./kernel.ts";
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
      if (program.linkage === "freplace") extensions.set(program.name, extension(program));
    }
    const dispatcher: LoadedDispatcher = own(loadDispatcher(kernel, binder, image, generation));
    for (const { program } of image.plan.nodes) pinMaps(program, dispatcher.maps.get(program.name) ?? []);

    const target = dispatcher.program.fd();
    journal.makeDir(generationDir(dir, generation));
    journal.pin(target, dispatcherPin(dir, generation));
    for (const slot of image.slots) {
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
  function extension(program: ResolvedProgram): number {
    const unchanged = live?.programs.some((p) => p.name === program.name && p.hash === program.hash);
    const pin = programPin(dir, program);
    if (unchanged && existsSync(pin)) return own(kernel.openPin(pin)).number;
    const loaded = own(loadExtension(kernel, binder, program));
    pinMaps(program, loaded.maps);
    journal.pin(loaded.program.fd(), pin);
    return loaded.program.fd();
  }

  function pinMaps(program: ResolvedProgram, maps: readonly BoundMap[]): void {
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
