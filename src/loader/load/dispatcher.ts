/** A synthesised image in the kernel: the dispatcher program, its manifest set, the maps of its linked programs bound. */
import { isLinked } from "../../chain/chain.ts";
import {
  encodeManifest,
  isLinkedProgram,
  MANIFEST_SECTION,
  originOf,
  type DispatcherImage,
} from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { type BpfObject, type Kernel, KernelError, type ObjectMap } from "../machine/kernel.ts";
import { loadMeasured, type LoadedObject } from "./load.ts";
import type { LoadedPrograms } from "./loaded.ts";
import type { BoundMap, MapBinder } from "./maps.ts";
import { fillProgramArray } from "./program-array.ts";
import { loadAlone, type LoadedProgram, select } from "./program.ts";
import { refusedInstruction } from "./verifier-log.ts";

export interface LoadedDispatcher extends LoadedProgram {
  /** The maps of each linked program, by the program's name. */
  readonly maps: ReadonlyMap<string, readonly BoundMap[]>;
  /** A map of the object by its name there. */
  map(name: string): ObjectMap | undefined;
}

/**
 * @param binder says which maps of the linked programs are taken over
 * @param loaded the programs that are tail-called; without them their slots stay empty
 * @throws XdpgenError `program-rejected`; it names the program that is refused, alone or in its place
 */
export function loadDispatcher(
  kernel: Kernel,
  binder: MapBinder,
  image: DispatcherImage,
  generation: number,
  loaded?: LoadedPrograms,
): LoadedDispatcher {
  const made = loadOrBlame(kernel, image, (opened) => {
    const program = select(opened, image.main, describe(image));
    program.makeXdp(loaded?.attachType);
    // What is a program of its own beside the dispatcher is entered by tail calls, from maps that libbpf fills.
    for (const other of opened.programs) {
      other.setAutoload(true);
      other.makeXdp(loaded?.attachType);
    }
    const manifest = opened.map(MANIFEST_SECTION);
    if (!manifest) {
      throw new XdpgenError("object-invalid", `${describe(image)} has no manifest (section ${MANIFEST_SECTION})`);
    }
    manifest.setInitialValue(encodeManifest(image.manifest, { generation }));
    return { program, maps: bindMaps(binder, opened, image) };
  });
  const dispatcher: LoadedDispatcher = {
    ...made.chosen,
    elf: made.elf,
    map: (name) => made.object.map(name),
    [Symbol.dispose]: () => made[Symbol.dispose](),
  };
  try {
    if (loaded) fillSlots(kernel, dispatcher, image, loaded);
    return dispatcher;
  } catch (error) {
    dispatcher[Symbol.dispose]();
    throw error;
  }
}

function fillSlots(
  kernel: Kernel,
  dispatcher: LoadedDispatcher,
  { slots }: DispatcherImage,
  loaded: LoadedPrograms,
): void {
  for (const { program, array } of slots) {
    if (array === undefined) continue;
    const { fd, info } = loaded.programs.get(program)!;
    fillProgramArray(kernel, dispatcher.map(array)!.fd(), fd, `program ${program}: program ${info.id} (${info.name})`);
  }
}

const describe = ({ manifest }: DispatcherImage): string => `the dispatcher of chain ${manifest.chain}`;

function bindMaps(
  binder: MapBinder,
  object: BpfObject,
  { slots, manifest }: DispatcherImage,
): ReadonlyMap<string, readonly BoundMap[]> {
  // All are looked up before any is bound: libbpf gives a map that takes over another that one's kernel name.
  const linked = slots.filter(({ linkage }) => isLinked(linkage));
  const found = linked.map((slot) =>
    [...slot.maps].map(([name, linkedName]) => ({ name, map: object.map(linkedName) })),
  );
  return new Map(
    linked.map((slot, index): [string, readonly BoundMap[]] => {
      const key = manifest.programs.find((p) => p.name === slot.program)!;
      return [
        slot.program,
        found[index]!.flatMap(({ name, map }) => (map ? [binder.bind(key, name, map, slot.filled.has(name))] : [])),
      ];
    }),
  );
}

/** @throws XdpgenError `program-rejected`; it names the program, and the line where the whole is refused for it */
function loadOrBlame<T>(kernel: Kernel, image: DispatcherImage, prepare: (object: BpfObject) => T): LoadedObject<T> {
  let fineAlone = false;
  const blame = (): void => {
    for (const { program } of image.plan.nodes)
      if (isLinkedProgram(program)) loadAlone(kernel, program)[Symbol.dispose]();
    fineAlone = true;
  };
  try {
    return loadMeasured(kernel, { elf: image.elf, what: describe(image), name: image.manifest.chain, prepare, blame });
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
