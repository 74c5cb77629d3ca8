/**
 * XDP programs outside of any chain, and maps by their pin: what tests, benchmarks and the demo need to make traffic and to
 * see what a program has counted. Nothing here is pinned or attached.
 */
import { XdpgenError } from "../../errors.ts";
import { openKernel } from "../ffi/index.ts";
import { loadObject, openObject } from "../load/load.ts";
import { type MapHandle, mapHandle } from "../load/map-handle.ts";
import { select } from "../load/program.ts";
import { reachablePath } from "../machine/bpffs.ts";
import type { Kernel, TestRunOptions, TestRunResult } from "../machine/kernel.ts";

export interface PlainXdp extends Disposable {
  /** Valid until disposed. */
  readonly fd: number;
  testRun(options: TestRunOptions): Promise<TestRunResult>;
  /** A map by its C name, or a data section by its section's name. @throws XdpgenError `object-invalid` */
  map(name: string): MapHandle;
}

/**
 * Loads one program of an ELF object as plain XDP. With `testRun({ data, repeat, liveFrames: true })` and a program that
 * redirects it is a source of traffic.
 *
 * @param functionName needed only where the object has several programs
 * @throws XdpgenError `object-invalid`, `program-rejected`, `environment`
 */
export function loadXdp(elf: Uint8Array, functionName?: string, kernel: Kernel = openKernel()): PlainXdp {
  const object = openObject(kernel, elf, "the object", "plain");
  try {
    const name = functionName ?? object.programs[0]?.name;
    if (name === undefined)
      throw new XdpgenError("object-invalid", 'the object has no program: compile one with SEC("xdp")');
    const program = select(object, name, "the object");
    program.makeXdp();
    loadObject(object, `program ${name}`, name);
    const fd = program.fd();
    return {
      fd,
      testRun: (options) => kernel.testRun(fd, options),
      map: (mapName) => {
        const map = object.map(mapName) ?? object.maps.find((m) => m.name === mapName);
        if (!map) throw new XdpgenError("object-invalid", `the object has no map ${mapName}`);
        return mapHandle(kernel, map.fd());
      },
      [Symbol.dispose]: () => object[Symbol.dispose](),
    };
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}

/** `BPF_PROG_TEST_RUN` on any program's fd; see `TestRunOptions`. */
export function testRun(programFd: number, options: TestRunOptions): Promise<TestRunResult> {
  return openKernel().testRun(programFd, options);
}

/**
 * A map by its pin, as `status` names it.
 * @throws KernelError `ENOENT`, `EACCES`
 */
export function openMap(pin: string, kernel: Kernel = openKernel()): MapHandle {
  const fd = kernel.openPin(reachablePath(pin));
  const handle = mapHandle(kernel, fd.number);
  return { ...handle, [Symbol.dispose]: () => fd.close() };
}
