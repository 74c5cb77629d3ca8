/**
 * One program of a chain in the kernel: as an extension that waits for its slot (`freplace`), or alone and plain, to see
 * whether the verifier takes it.
 */
import { extensionObject, prototypeImage, type ResolvedObject } from "../codegen/index.ts";
import { XdpgenError } from "../errors.ts";
import type { BpfObject, Kernel, ObjectProgram } from "./kernel.ts";
import { loadObject, openObject } from "./load.ts";
import type { BoundMap, MapBinder } from "./maps.ts";

export interface LoadedExtension extends Disposable {
  readonly program: ObjectProgram;
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

  const object = openObject(kernel, extensionObject(program), what, program.name);
  try {
    const selected = select(object, program.function, what);
    selected.makeExtension(main.fd(), prototype.slot.symbol);
    const maps = object.maps.map((map) => binder.bind(program, map.name, map));
    loadObject(object, what, program.name);
    binder.loaded(maps);
    return { program: selected, maps, [Symbol.dispose]: () => object[Symbol.dispose]() };
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}

/**
 * Loads a program alone as plain XDP and lets it go again.
 * @throws XdpgenError `program-rejected` when the verifier refuses it
 */
export function tryAlone(kernel: Kernel, program: ResolvedObject): void {
  const what = describe(program);
  using object = openObject(kernel, program.bytes, what, program.name);
  select(object, program.function, what).makeXdp();
  loadObject(object, what, program.name);
}
