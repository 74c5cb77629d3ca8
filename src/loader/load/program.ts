/**
 * One program of a chain in the kernel: as an extension that waits for its slot (`freplace`), or alone and plain, to see
 * whether the verifier takes it.
 */
import { extensionObject, programsInMaps, prototypeImage, type ResolvedObject } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import type { BpfObject, Kernel, ObjectProgram } from "../machine/kernel.ts";
import { loadMeasured, loadObject, openObject } from "./load.ts";
import type { BoundMap, MapBinder } from "./maps.ts";

export interface LoadedProgram extends Disposable {
  readonly program: ObjectProgram;
  /** The object that it was loaded from. */
  readonly elf: Uint8Array;
}

export interface LoadedExtension extends LoadedProgram {
  readonly maps: readonly BoundMap[];
}

const describe = (program: ResolvedObject): string => `program ${program.name} (${program.path})`;

/** The program of that name, with all others told to stay out of the kernel. */
export function select(object: BpfObject, functionName: string, what: string): ObjectProgram {
  const wanted = object.programs.find((p) => p.name === functionName);
  if (!wanted) {
    throw new XdpgenError("object-invalid", `libbpf finds no program ${functionName} in ${what}`);
  }
  for (const program of object.programs) program.setAutoload(program === wanted);
  return wanted;
}

/**
 * Loads a program as an extension, against a prototype that has its signature: it needs no dispatcher to exist, and can be
 * attached to the slot of any later one (kernel/bpf/syscall.c, bpf_tracing_prog_attach). The prototype is let go at once;
 * the kernel keeps it until the first attach.
 */
export function loadExtension(kernel: Kernel, binder: MapBinder, program: ResolvedObject): LoadedExtension {
  const what = describe(program);
  const prototype = prototypeImage(program);
  using target = openObject(kernel, prototype.elf, `the prototype of ${what}`, "prototype");
  const main = select(target, prototype.main, `the prototype of ${what}`);
  main.makeXdp();
  loadObject(target, `the prototype of ${what}`, "prototype");

  const loaded = loadMeasured(kernel, {
    elf: extensionObject(program),
    what,
    name: program.name,
    prepare(object) {
      const selected = select(object, program.function, what);
      selected.makeExtension(main.fd(), prototype.slot.symbol);
      return { program: selected, maps: object.maps.map((map) => binder.bind(program, map.name, map)) };
    },
  });
  binder.loaded(loaded.chosen.maps);
  return { ...loaded.chosen, elf: loaded.elf, [Symbol.dispose]: () => loaded[Symbol.dispose]() };
}

/**
 * Loads a program alone as plain XDP, with maps of its own and the programs that they hold from the start; it is gone when it
 * is disposed.
 * @throws XdpgenError `program-rejected` when the verifier refuses it
 */
export function loadAlone(kernel: Kernel, program: ResolvedObject): LoadedProgram {
  const what = describe(program);
  const loaded = loadMeasured(kernel, {
    elf: program.bytes,
    what,
    name: program.name,
    prepare(object) {
      const selected = select(object, program.function, what);
      const entered = programsInMaps(program);
      for (const one of object.programs) {
        if (one !== selected && !entered.includes(one.name)) continue;
        one.setAutoload(true);
        one.makeXdp();
      }
      return selected;
    },
  });
  return { program: loaded.chosen, elf: loaded.elf, [Symbol.dispose]: () => loaded[Symbol.dispose]() };
}
