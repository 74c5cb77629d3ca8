/** Whether a map that is there can be the one that an object wants. */
import type { MapDefinition } from "../../codegen/index.ts";

const BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4;
const BPF_MAP_TYPE_DEVMAP = 14;
const BPF_MAP_TYPE_DEVMAP_HASH = 25;
/** On maps that are part of the code: read-only data, the manifest, kconfig; the kernel puts it on device maps too. */
export const BPF_F_RDONLY_PROG = 0x80;

/** Whether a map of the kernel is what an object's definition would make. */
export function sameDefinition(wanted: MapDefinition, have: MapDefinition): boolean {
  // libbpf gives a perf event array without a size one entry for each CPU; the kernel adds a flag to device maps.
  const perCpu = wanted.type === BPF_MAP_TYPE_PERF_EVENT_ARRAY && wanted.maxEntries === 0;
  const isDevmap = wanted.type === BPF_MAP_TYPE_DEVMAP || wanted.type === BPF_MAP_TYPE_DEVMAP_HASH;
  const flags = isDevmap ? have.flags & ~BPF_F_RDONLY_PROG : have.flags;
  return (
    wanted.type === have.type &&
    wanted.keySize === have.keySize &&
    wanted.valueSize === have.valueSize &&
    (perCpu || wanted.maxEntries === have.maxEntries) &&
    wanted.flags === flags
  );
}

/** The kernel keeps the first characters of a map's name (BPF_OBJ_NAME_LEN with its zero, include/uapi/linux/bpf.h). */
export const nameInKernel = (map: string): string => map.slice(0, 15);
