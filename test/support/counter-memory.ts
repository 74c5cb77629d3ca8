/** The counters of a dispatcher in the interpreter: bpf_map_lookup_elem and the one value that it finds, as of one CPU. */
import { BPF_FUNC_map_lookup_elem } from "../../src/codegen/asm/constants.ts";
import {
  COUNTERS_MAP,
  type Counts,
  countersSize,
  type DispatcherImage,
  readCounters,
} from "../../src/codegen/index.ts";
import { type RunOptions, Trap } from "./interpreter.ts";

export interface CounterMemory {
  /** What the interpreter must know. */
  readonly options: Pick<RunOptions, "memory" | "helpers" | "address">;
  /** By the programs' names. */
  readonly counts: () => ReadonlyMap<string, Counts>;
}

/** What `ld_imm64` of the map gives, and where its value lies. */
const MAP = 0x5000_0000n;
const VALUE = 0x6000_0000n;

/** @returns undefined for a dispatcher that does not count */
export function counterMemory({ plan: { counters, nodes } }: DispatcherImage): CounterMemory | undefined {
  if (!counters) return undefined;
  const bytes = new Uint8Array(countersSize(nodes.length));
  return {
    options: {
      memory: [{ base: VALUE, bytes }],
      address: (symbol) => (symbol === COUNTERS_MAP ? MAP : undefined),
      helpers: {
        [BPF_FUNC_map_lookup_elem]: ([map, key = 0n], machine) => {
          if (map !== MAP) throw new Trap(`a lookup in 0x${map?.toString(16)}, which is no map`);
          return machine.load(key, 4) === 0n ? VALUE : 0n;
        },
      },
    },
    counts: () => new Map(readCounters(bytes, nodes.length).map((counts, i) => [nodes[i]!.program.name, counts])),
  };
}
