/** From a declared chain to the bytes of its dispatcher, warm, in milliseconds. */
import { LINKAGES, type Linkage } from "../src/chain/index.ts";
import { synthesise } from "../src/codegen/index.ts";
import { chainOf } from "../test/support/chains.ts";
import { verdictObject } from "../test/support/verdict-program.ts";
import { type Spread, spread } from "./statistics.ts";

export interface CodegenRow {
  readonly linkage: Linkage;
  readonly programs: number;
  readonly milliseconds: Spread;
}

export function benchCodegen(lengths: readonly number[], rounds: number): readonly CodegenRow[] {
  return lengths.flatMap((programs) =>
    LINKAGES.map((linkage): CodegenRow => {
      const declared = Array.from({ length: programs }, (_, k) => ({
        name: `p${k}`,
        object: `p${k}.bpf.o`,
        bytes: verdictObject(k),
      }));
      const chain = chainOf(declared, { linkage });
      const times = Array.from({ length: rounds + 3 }, () => {
        const start = performance.now();
        synthesise(chain);
        return performance.now() - start;
      });
      return { linkage, programs, milliseconds: spread(times.slice(3)) };
    }),
  );
}
