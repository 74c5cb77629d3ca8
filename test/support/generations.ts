/**
 * Chains of numbered generations, for traffic that tells whether each packet met one of them alone (test/bpf/generation.bpf.c).
 * The first program writes the generation's number into the packet, the last one reads it; the maps of the last are one map
 * through all generations.
 */
import type { Chain, Linkage, Program } from "../../src/chain/index.ts";
import { setGlobals } from "../../src/codegen/object/globals.ts";
import { openKernel } from "../../src/loader/index.ts";
import { mapHandle } from "../../src/loader/load/map-handle.ts";
import type { BpfObject } from "../../src/loader/machine/kernel.ts";
import { chainOf, testProgram } from "./chains.ts";
import { sumPerCpu, u32 } from "./samples.ts";

export interface Passed {
  /** Packets that came to the last program. */
  readonly seen: number;
  /** Of these, those that the first program of another generation had marked. */
  readonly mixed: number;
}

export interface Generations extends Disposable {
  /**
   * The chain of a generation.
   * @param between programs between the first and the last
   */
  readonly chain: (generation: number, between?: readonly Program[], rest?: Partial<Chain>) => Chain;
  /** Of all generations together. `live` finds the map that the last program has in the kernel, where it was not loaded before. */
  passed(live: () => number): Passed;
}

const MAP = "generation_seen";
const { bytes, object } = testProgram("generation");

/** @param linkage of both programs; for `tail` they are loaded here, each generation anew, and share one map */
export function generations(linkage: Linkage | "auto"): Generations {
  const kernel = openKernel();
  const loaded: BpfObject[] = [];
  const ends = { first: "xdp_write_generation", last: "xdp_read_generation" } as const;
  const load = (generation: number): BpfObject => {
    const opened = kernel.openObject(setGlobals(bytes!, { generation }), "generation");
    if (loaded[0]) opened.map(MAP)!.reuse(loaded[0].map(MAP)!.fd());
    opened.load();
    // The map stays with the first; programs live as long as a slot holds them.
    loaded.push(opened);
    if (loaded.length > 4) loaded.splice(1, 1)[0]![Symbol.dispose]();
    return opened;
  };
  return {
    chain: (generation, between = [], rest = {}) => {
      const tail = linkage === "tail" ? load(generation) : undefined;
      const end = (name: keyof typeof ends, priority: number): Program => {
        const fd = tail?.programs.find((program) => program.name === ends[name])!.fd();
        const source = fd === undefined ? { object, bytes, function: ends[name], globals: { generation } } : { fd };
        return { name, priority, ...source, ...(linkage !== "auto" && { linkage }) } as Program;
      };
      return chainOf([end("first", 1), ...between, end("last", 99)], { name: "generations", ...rest });
    },
    passed(live) {
      using map = linkage === "tail" ? undefined : kernel.mapById(live());
      const handle = mapHandle(kernel, map?.number ?? loaded[0]!.map(MAP)!.fd());
      const [seen, mixed] = [0, 1].map((key) => sumPerCpu(handle.lookup(u32(key)), handle.info.valueSize));
      return { seen: seen!, mixed: mixed! };
    },
    [Symbol.dispose]: () => loaded.splice(0).forEach((one) => one[Symbol.dispose]()),
  };
}
