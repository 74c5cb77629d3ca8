/** A synthesised image in the kernel: the dispatcher program, its manifest set, the maps of its linked programs bound. */
import { isLinked } from "../chain/chain.ts";
import { encodeManifest, isLinkedProgram, MANIFEST_SECTION, originOf, type DispatcherImage } from "../codegen/index.ts";
import { XdpgenError } from "../errors.ts";
import { type BpfObject, type Kernel, KernelError, type ObjectMap, type ObjectProgram } from "./kernel.ts";
import { loadObject, openObject } from "./load.ts";
import type { LoadedPrograms } from "./loaded.ts";
import type { BoundMap, MapBinder } from "./maps.ts";
import { select, tryAlone } from "./program.ts";
import { fillProgramArray } from "./program-array.ts";
import { refusedInstruction } from "./verifier-log.ts";

export interface LoadedDispatcher extends Disposable {
  readonly program: ObjectProgram;
  /** The maps of each linked program, by the program's name. */
  readonly maps: ReadonlyMap<string, readonly BoundMap[]>;
  /** A map of the object by its name there. */
  map(name: string): ObjectMap | undefined;
}

/**
 * @param binder says which maps of the linked programs are taken over
 * @param loaded the programs that are tail-called
 * @throws XdpgenError `program-rejected`; it names the program that is refused, alone or in its place
 */
export function loadDispatcher(
  kernel: Kernel,
  binder: MapBinder,
  image: DispatcherImage,
  generation: number,
  loaded: LoadedPrograms,
): LoadedDispatcher {
  const chain = image.manifest.chain;
  const what = `the dispatcher of chain ${chain}`;
  const object = openObject(kernel, image.elf, what, chain);
  try {
    const program = select(object, image.main, what);
    program.makeXdp(loaded.attachType);
    // What is a program of its own beside the dispatcher is entered by tail calls, from maps that libbpf fills.
    for (const other of object.programs) {
      other.setAutoload(true);
      other.makeXdp(loaded.attachType);
    }
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
        return [
          slot.program,
          found[index]!.flatMap(({ name, map }) => (map ? [binder.bind(key, name, map, slot.filled.has(name))] : [])),
        ];
      }),
    );
    loadOrBlame(kernel, object, image, what);
    for (const slot of image.slots) {
      if (slot.array === undefined) continue;
      const { fd, info } = loaded.programs.get(slot.program)!;
      const who = `program ${slot.program}: program ${info.id} (${info.name})`;
      fillProgramArray(kernel, object.map(slot.array)!.fd(), fd, who);
    }
    return { program, maps, map: (name) => object.map(name), [Symbol.dispose]: () => object[Symbol.dispose]() };
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}

/** @throws XdpgenError `program-rejected`; it names the program, and the line where the whole is refused for it */
function loadOrBlame(kernel: Kernel, object: BpfObject, image: DispatcherImage, what: string): void {
  let fineAlone = false;
  try {
    loadObject(object, what, image.manifest.chain, () => {
      for (const { program } of image.plan.nodes) if (isLinkedProgram(program)) tryAlone(kernel, program);
      fineAlone = true;
    });
  } catch (error) {
    throw (fineAlone && blamed(image, error)) || error;
  }
}

/** The error with the program and the line whose code the verifier was in; undefined where its log does not tell. */
function blamed(image: DispatcherImage, error: unknown): XdpgenError | undefined {
  if (!(error instanceof XdpgenError) || !(error.cause instanceof KernelError)) return undefined;
  const refused = refusedInstruction(error.cause.log);
  const origin = refused?.program === image.main ? originOf(image, refused.instruction) : undefined;
  const program = image.plan.nodes.find((node) => node.program.name === origin?.program)?.program;
  if (!origin || !program) return undefined;
  const at = origin.line ? `, at ${origin.line.file}:${origin.line.line}: ${origin.line.text.trim()}` : "";
  return new XdpgenError(
    error.code,
    `program ${program.name} (${program.path}) is fine alone and refused in its place in chain ${image.manifest.chain}: ` +
      `function ${origin.function}${at}\n${error.message}`,
    { cause: error.cause },
  );
}
