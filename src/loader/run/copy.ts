/**
 * A second instance of a dispatcher: the same image with the same linkages, on nothing and pinned nowhere. Its maps are its
 * own unless the binder gives it others; programs that were loaded already run with the maps that they have. It is gone when
 * it is disposed.
 */
import { type DispatcherImage, isExtension } from "../../codegen/index.ts";
import { loadDispatcher } from "../load/dispatcher.ts";
import type { LoadedPrograms } from "../load/loaded.ts";
import { freshMaps, type MapBinder } from "../load/maps.ts";
import { loadExtension } from "../load/program.ts";
import { bindExtension } from "../load/slot.ts";
import type { Kernel } from "../machine/kernel.ts";
import { owned } from "../machine/owned.ts";

export interface DispatcherCopy extends Disposable {
  /** Its fd, valid until disposed. */
  readonly program: number;
}

/** @throws XdpgenError `program-rejected`, `environment`, `kernel` */
export function loadCopy(
  kernel: Kernel,
  image: DispatcherImage,
  loaded: LoadedPrograms,
  binder: MapBinder = freshMaps(kernel, image.manifest),
): DispatcherCopy {
  const resources = owned();
  try {
    const extensions = new Map<string, number>();
    for (const { program } of image.plan.nodes) {
      if (!isExtension(program)) continue;
      extensions.set(program.name, resources.own(loadExtension(kernel, binder, program)).program.fd());
    }
    const program = resources.own(loadDispatcher(kernel, binder, image, 0, loaded)).program.fd();
    for (const slot of image.slots) {
      const extension = extensions.get(slot.program);
      const link = extension === undefined ? undefined : bindExtension(kernel, extension, program, slot.btfId);
      if (link) resources.own(link);
    }
    return { program, [Symbol.dispose]: () => resources[Symbol.dispose]() };
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}
