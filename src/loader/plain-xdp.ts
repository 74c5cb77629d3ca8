/**
 * XDP programs outside of any chain, and maps by their pin: what tests, benchmarks and the demo need to make traffic and to
 * see what a program has counted. Nothing here is pinned or attached.
 */
import { readFileSync } from "node:fs";
import { XdpgenError } from "../errors.ts";
import { reachablePath } from "./bpffs.ts";
import { openKernel } from "./ffi/index.ts";
import type { Kernel, MapInfo, TestRunOptions, TestRunResult } from "./kernel.ts";
import { loadObject, openObject } from "./load.ts";
import { select } from "./program.ts";

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

export interface MapHandle extends Disposable {
  readonly info: MapInfo;
  /** The value under a key; of a per-CPU map one value for each possible CPU, each rounded up to 8 bytes. */
  lookup(key: Uint8Array): Uint8Array;
  /** A per-CPU map takes one value for each possible CPU, as `lookup` gives them. */
  update(key: Uint8Array, value: Uint8Array): void;
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

/** BPF_MAP_TYPE_PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH, PERCPU_CGROUP_STORAGE (include/uapi/linux/bpf.h). */
const PER_CPU: ReadonlySet<number> = new Set([5, 6, 10, 21]);

function mapHandle(kernel: Kernel, fd: number): MapHandle {
  const info = kernel.mapInfo(fd);
  const size = PER_CPU.has(info.type) ? Math.ceil(info.valueSize / 8) * 8 * possibleCpus() : info.valueSize;
  return {
    info,
    lookup: (key) => kernel.lookup(fd, sized(key, info.keySize, "key"), size),
    update: (key, value) => kernel.update(fd, sized(key, info.keySize, "key"), sized(value, size, "value")),
    [Symbol.dispose]: () => {},
  };
}

/** The kernel reads as many bytes as the map says, whatever the buffer holds. */
function sized(bytes: Uint8Array, size: number, what: string): Uint8Array {
  if (bytes.length === size) return bytes;
  throw new RangeError(`a ${what} of this map has ${size} bytes, not ${bytes.length}`);
}

/** From a list of ranges such as `0-3,8`. */
function possibleCpus(): number {
  const ranges = readFileSync("/sys/devices/system/cpu/possible", "utf8").trim().split(",");
  return ranges.reduce((sum, range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number?];
    return sum + last - first + 1;
  }, 0);
}
