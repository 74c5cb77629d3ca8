/** A synthesised image in the kernel: the dispatcher program, its manifest set, the maps of its linked programs bound. */
import { isLinked } from "../chain/chain.ts";
import { encodeManifest, MANIFEST_SECTION, type DispatcherImage } from "../codegen/index.ts";
import { XdpgenError } from "../errors.ts";
import type { Kernel, ObjectMap, ObjectProgram } from "./kernel.ts";
import { loadObject, openObject } from "./load.ts";
import type { BoundMap, MapBinder } from "./maps.ts";
import { select, tryAlone } from "./program.ts";

export interface LoadedDispatcher extends Disposable {
  readonly program: ObjectProgram;
  /** The maps of each linked program, by the program's name. */
  readonly maps: ReadonlyMap<string, readonly BoundMap[]>;
  /** A map of the object by its name there. */
  map(name: string): ObjectMap | undefined;
}

/**
 * @param binder says which maps of the linked programs are taken over
 * @throws XdpgenError `program-rejected`; it names the program where one is refused on its own
 */
export function loadDispatcher(
  kernel: Kernel,
  binder: MapBinder,
  image: DispatcherImage,
  generation: number,
): LoadedDispatcher {
  const chain = image.manifest.chain;
  const what = `the dispatcher of chain ${chain}`;
  const object = openObject(kernel, image.elf, what, chain);
  try {
    const program = select(object, image.main, what);
    program.makeXdp();
    const manifest = object.map(MANIFEST_SECTION);
    if (!manifest) throw new XdpgenError("object-invalid", `${what} has no manifest (section ${MANIFEST_SECTION})`);
    manifest.setInitialValue(encodeManifest(image.manifest, { generation }));

    // All are looked up before any is bound: libbpf gives a map that takes over another that one's kernel name.
    const linked = image.slots.filter(({ linkage }) => isLinked(linkage));
    const found = linked.map((slot) =>
      [...slot.maps].map(([name, linkedName]) => ({ name, map: object.map(linkedName) })),
    );
    const maps = new Map(
      linked.map((slot, index): [string, readonly BoundMap[]] => {
        const key = image.manifest.programs.find((p) => p.name === slot.program)!;
        return [slot.program, found[index]!.flatMap(({ name, map }) => (map ? [binder.bind(key, name, map)] : []))];
      }),
    );
    loadObject(object, what, chain, () => blame(kernel, image));
    return { program, maps, map: (name) => object.map(name), [Symbol.dispose]: () => object[Symbol.dispose]() };
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}

/** Throws the error of the first linked program that is refused on its own; returns where all of them are fine alone. */
function blame(kernel: Kernel, image: DispatcherImage): void {
  for (const { program } of image.plan.nodes) if (isLinked(program.linkage)) tryAlone(kernel, program);
}
