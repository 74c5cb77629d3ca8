/**
 * What the counters of a dispatcher hold. They are one map, which the dispatcher alone uses and which is found through it, as
 * its manifest is: it appears and goes with the generation, and nothing of it is pinned.
 */
import {
  BPF_MAP_TYPE_PERCPU_ARRAY,
  COUNTERS_MAP,
  type Counts,
  countersSize,
  readCounters,
} from "../../codegen/index.ts";
import { mapHandle } from "../load/map-handle.ts";
import type { Kernel, ProgramInfo } from "../machine/kernel.ts";

/**
 * By the place of the program in the manifest; undefined where nothing is counted. Each CPU's counters are read at an instant
 * of their own: under traffic a program may be some packets ahead of the one behind it.
 */
export function countsOf(kernel: Kernel, dispatcher: ProgramInfo, programs: number): readonly Counts[] | undefined {
  for (const id of dispatcher.mapIds) {
    using fd = kernel.mapById(id);
    const map = mapHandle(kernel, fd.number);
    const { name, type, valueSize } = map.info;
    // A linked program's map may have any name.
    const ours = name === COUNTERS_MAP && type === BPF_MAP_TYPE_PERCPU_ARRAY && valueSize === countersSize(programs);
    if (ours) return readCounters(map.lookup(FIRST), programs);
  }
  return undefined;
}

const FIRST = new Uint8Array(4);
