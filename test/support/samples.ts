/**
 * Compiled programs of bpf/ and test/bpf/ in the kernel, for tests: loaded, run on frames, their maps read and written.
 * Everything loaded here ends with the process or with dispose.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { GlobalValue } from "../../src/chain/chain.ts";
import { setGlobals } from "../../src/codegen/object/globals.ts";
import { openKernel } from "../../src/loader/ffi/index.ts";
import type { BpfObject, Kernel, ObjectMap } from "../../src/loader/machine/kernel.ts";

export type Globals = Readonly<Record<string, GlobalValue>>;

/** Why programs cannot be loaded here, printed once; undefined where they can. For `describe.skipIf`. */
export function kernelMissing(): string | undefined {
  const reason = process.getuid?.() === 0 ? undefined : "loading BPF programs needs root";
  if (reason) console.log(`skipped: ${reason}`);
  return reason;
}

/** The path of a compiled program: `sampleObject("echo")`; those of test/bpf/ by the same rule. */
export function sampleObject(name: string): string {
  const paths = ["../../bpf", "../bpf"].map((folder) =>
    fileURLToPath(new URL(`${folder}/.output/${name}.bpf.o`, import.meta.url)),
  );
  const found = paths.find((path) => existsSync(path));
  if (!found) throw new Error(`${name}.bpf.o is not compiled; run npm run build:bpf`);
  return found;
}

export class Sample implements Disposable {
  readonly object: BpfObject;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, name: string, globals: Globals = {}) {
    this.#kernel = kernel;
    this.object = kernel.openObject(setGlobals(readFileSync(sampleObject(name)), globals), name.replaceAll("-", "_"));
    this.object.load();
  }

  /** The fd of the program of that name, or of the only one. */
  fd(name?: string): number {
    const program = name ? this.object.programs.find((one) => one.name === name) : this.object.programs[0];
    if (!program) throw new Error(`no program ${name}`);
    return program.fd();
  }

  /** The verdict on a frame, and the frame afterwards; of the last of so many runs. */
  async run(
    data: Uint8Array,
    program?: string,
    repeat = 1,
  ): Promise<{ readonly verdict: number; readonly frame: Uint8Array }> {
    const { retval, dataOut } = await this.#kernel.testRun(this.fd(program), { data, repeat });
    return { verdict: retval, frame: dataOut };
  }

  /** The value under `key`; of a per-CPU map, the values of all CPUs. Throws KernelError where there is none. */
  lookup(name: string, key: Uint8Array): Uint8Array[] {
    const map = this.map(name);
    if (!PER_CPU.has(map.type)) return [this.#kernel.lookup(map.fd(), key, map.valueSize)];
    const stride = Math.ceil(map.valueSize / 8) * 8;
    const all = this.#kernel.lookup(map.fd(), key, stride * possibleCpus());
    return Array.from({ length: possibleCpus() }, (_, cpu) => all.subarray(cpu * stride, cpu * stride + map.valueSize));
  }

  /** The 64-bit number at `offset` of the value under `key`, of all CPUs together. */
  count(name: string, key: Uint8Array = u32(0), offset = 0): number {
    const values = this.lookup(name, key);
    return Number(values.reduce((sum, one) => sum + Buffer.from(one).readBigUInt64LE(offset), 0n));
  }

  update(name: string, key: Uint8Array, value: Uint8Array): void {
    this.#kernel.update(this.map(name).fd(), key, value);
  }

  map(name: string): ObjectMap {
    const map = this.object.map(name) ?? this.object.maps.find((one) => one.name === name);
    if (!map) throw new Error(`no map ${name}; there are ${this.object.maps.map((one) => one.name).join(", ")}`);
    return map;
  }

  [Symbol.dispose](): void {
    this.object[Symbol.dispose]();
  }
}

/** A sample program in the kernel of this machine. */
export function loadSample(name: string, globals?: Globals): Sample {
  return new Sample(openKernel(), name, globals);
}

/** BPF_MAP_TYPE_PERCPU_HASH, _PERCPU_ARRAY, _LRU_PERCPU_HASH (include/uapi/linux/bpf.h). */
const PER_CPU: ReadonlySet<number> = new Set([5, 6, 10]);

/** A value as the kernel wants it for a map of that type: of a per-CPU map, once for each CPU. */
export function valueOnAllCpus(type: number, value: Uint8Array): Uint8Array {
  if (!PER_CPU.has(type)) return value;
  const stride = Math.ceil(value.length / 8) * 8;
  const all = new Uint8Array(stride * possibleCpus());
  for (let at = 0; at < all.length; at += stride) all.set(value, at);
  return all;
}

/** What per-CPU values are counted by: CPUs that may ever come, not those that are there. */
function possibleCpus(): number {
  const ranges = readFileSync("/sys/devices/system/cpu/possible", "utf8").trim().split(",");
  return ranges.reduce((sum, range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return sum + last - first + 1;
  }, 0);
}

/** The first 64-bit number of each CPU's value, added up; of a map that is not per CPU, of its one value. */
export function sumPerCpu(values: Uint8Array, valueSize: number): number {
  const stride = Math.ceil(valueSize / 8) * 8;
  let sum = 0n;
  for (let at = 0; at < values.length; at += stride) sum += Buffer.from(values).readBigUInt64LE(at);
  return Number(sum);
}

/** Host byte order: little-endian here and on every machine that tests run on. */
export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}
