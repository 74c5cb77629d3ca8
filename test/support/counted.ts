/** What the programs of a live chain have counted. */
import { type AttachmentStatus, openMap } from "../../src/loader/index.ts";
import { sumPerCpu, u32 } from "./samples.ts";

/** Of the programs `first` and `last`: packets that came into the chain, and through it. */
export function countedAtEnds(live: AttachmentStatus): { readonly first: number; readonly last: number } {
  return { first: counted(live, "first"), last: counted(live, "last") };
}

/** The first number of a map of one of its programs, of all CPUs together; of the sample `counter`, packets. */
export function counted({ programs }: AttachmentStatus, program = "counter", map = "totals"): number {
  const { maps } = programs.find(({ name }) => name === program)!;
  using handle = openMap(maps.find(({ name }) => name === map)!.pin);
  return sumPerCpu(handle.lookup(u32(0)), handle.info.valueSize);
}
