/**
 * Whether making dispatchers leaves anything behind: the heap in use after a forced collection, and the process's resident
 * memory, before and after each tenth of a million builds of a chain of two. Wants `node --expose-gc`.
 */
import { OBJECT_LINKAGES } from "../src/chain/index.ts";
import { buildDispatcher } from "../src/codegen/dispatcher/build.ts";
import { planChain } from "../src/codegen/dispatcher/synthesise.ts";
import { chainOf } from "../test/support/chains.ts";
import { verdictObject } from "../test/support/verdict-program.ts";
import { kept } from "./kept.ts";

export interface MemoryRow {
  readonly builds: number;
  /** Bytes in use after a forced collection, array buffers among them. */
  readonly used: number;
  /** Bytes of resident memory. */
  readonly resident: number;
}

const WORDS = {
  method:
    "One process, a million builds of a chain of two by each linkage in turn; the heap is collected before each look.",
  caveats: ["Resident memory is what the engine has not given back, and not what is needed."],
};

export const memory = kept<MemoryRow>("memory", WORDS, {
  measure({ smoke, progress }) {
    const collect = globalThis.gc;
    if (!collect) throw new Error("the memory section needs `node --expose-gc`");
    const programs = [0, 1].map((k) => ({ name: `p${k}`, object: `p${k}.bpf.o`, bytes: verdictObject(k) }));
    const plans = OBJECT_LINKAGES.map((linkage) => planChain(chainOf(programs, { linkage })));
    const step = smoke ? 200 : 100_000;
    const row = (builds: number): MemoryRow => {
      // Array buffers are given back by finalisers, which run after the first collection.
      collect();
      collect();
      const { heapUsed, external, rss } = process.memoryUsage();
      return { builds, used: heapUsed + external, resident: rss };
    };
    const rows: MemoryRow[] = [];
    for (let builds = 0; builds <= 10 * step; builds++) {
      if (builds % step === 0) {
        progress(`${builds} builds`);
        rows.push(row(builds));
      }
      buildDispatcher(plans[builds % plans.length]!);
    }
    return rows;
  },
  show: (rows) => {
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2).padStart(8)} MB`;
    const grown = (from: number, to: number): string =>
      `${to < from ? "-" : "+"}${Math.abs((to - from) / 1e3).toFixed(0)} kB`;
    const [first, warm] = [rows[0]!, rows[1]!];
    const last = rows.at(-1)!;
    return [
      "Memory while dispatchers of two programs are built: in use after a forced collection, and resident",
      ...rows.map((r) => `${`${r.builds}`.padStart(8)} builds ${megabytes(r.used)} ${megabytes(r.resident)}`),
      `in use: ${grown(first.used, last.used)} from first to last, ${grown(warm.used, last.used)} from ${warm.builds} builds on`,
    ];
  },
});
