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
import {
  type Fd,
  isErrno,
  type Kernel,
  KernelError,
  type TestRunOptions,
  type TestRunResult,
} from "../machine/kernel.ts";
import { testRun as runProgram } from "./test-run.ts";

export interface PlainXdp extends Disposable {
  /** Valid until disposed. */
  readonly fd: number;
  /** @throws XdpgenError `packet-invalid`, `kernel` */
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
      testRun: (options) => runProgram(kernel, fd, options),
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

/** `BPF_PROG_TEST_RUN` on any program's fd; see `TestRunOptions`. @throws XdpgenError `packet-invalid`, `kernel` */
export function testRun(programFd: number, options: TestRunOptions): Promise<TestRunResult> {
  return runProgram(openKernel(), programFd, options);
}

/**
 * A map by its pin, as `status` names it.
 * @throws XdpgenError `map-pin` where no map is pinned there, `environment` where it may not be opened, `kernel`
 */
export function openMap(pin: string, kernel: Kernel = openKernel()): MapHandle {
  const fd = openPin(kernel, pin);
  try {
    if (!kernel.isMap(fd.number)) throw new XdpgenError("map-pin", `${pin} is the pin of something else than a map`);
    const handle = mapHandle(kernel, fd.number);
    return { ...handle, [Symbol.dispose]: () => fd.close() };
  } catch (error) {
    fd.close();
    throw error;
  }
}

function openPin(kernel: Kernel, pin: string): Fd {
  try {
    return kernel.openPin(reachablePath(pin));
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    if (isErrno(cause, "ENOENT")) {
      throw new XdpgenError(
        "map-pin",
        `no map is pinned at ${pin}: \`xdpgen status\` names the pins of a chain's maps`,
        {
          cause,
        },
      );
    }
    const code = isErrno(cause, "EACCES", "EPERM") ? "environment" : "kernel";
    throw new XdpgenError(code, `cannot open the map that is pinned at ${pin}: ${cause.message}`, { cause });
  }
}
