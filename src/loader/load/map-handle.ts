/** A map by its fd, read and written in whole values. */
import { readFileSync } from "node:fs";
import { XdpgenError } from "../../errors.ts";
import { type Kernel, KernelError, type MapInfo } from "../machine/kernel.ts";

export interface MapHandle extends Disposable {
  readonly info: MapInfo;
  /**
   * The value under a key; of a per-CPU map one value for each possible CPU, each rounded up to 8 bytes.
   * @throws XdpgenError `usage` for a key of another size; `kernel`, whose cause is ENOENT where nothing is under the key
   */
  lookup(key: Uint8Array): Uint8Array;
  /**
   * A per-CPU map takes one value for each possible CPU, as `lookup` gives them.
   * @throws XdpgenError `usage` for a key or a value of another size, `kernel`
   */
  update(key: Uint8Array, value: Uint8Array): void;
}

/** BPF_MAP_TYPE_PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH, PERCPU_CGROUP_STORAGE (include/uapi/linux/bpf.h). */
const PER_CPU: ReadonlySet<number> = new Set([5, 6, 10, 21]);

/** Does not own the fd. */
export function mapHandle(kernel: Kernel, fd: number): MapHandle {
  const info = kernel.mapInfo(fd);
  const size = PER_CPU.has(info.type) ? Math.ceil(info.valueSize / 8) * 8 * possibleCpus() : info.valueSize;
  return {
    info,
    lookup: (key) => explained(info, () => kernel.lookup(fd, sized(key, info.keySize, "key"), size)),
    update: (key, value) =>
      explained(info, () => kernel.update(fd, sized(key, info.keySize, "key"), sized(value, size, "value"))),
    [Symbol.dispose]: () => {},
  };
}

/** The kernel reads as many bytes as the map says, whatever the buffer holds. */
function sized(bytes: Uint8Array, size: number, what: string): Uint8Array {
  if (bytes.length === size) return bytes;
  throw new XdpgenError("usage", `a ${what} of this map has ${size} bytes, not ${bytes.length}`);
}

function explained<T>({ name, id }: MapInfo, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    throw new XdpgenError("kernel", `map ${name} (id ${id}): ${cause.message}`, { cause });
  }
}

/** From a list of ranges such as `0-3,8`. */
function possibleCpus(): number {
  const ranges = readFileSync("/sys/devices/system/cpu/possible", "utf8").trim().split(",");
  return ranges.reduce((sum, range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number?];
    return sum + last - first + 1;
  }, 0);
}
