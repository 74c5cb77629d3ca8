/**
 * From a declared chain to the bytes of its dispatcher, warm: the whole way, objects read and hashed, and from the plan
 * alone, as when a chain of resolved programs is planned anew.
 */
import { OBJECT_LINKAGES, type ObjectLinkage } from "../src/chain/index.ts";
import { buildDispatcher } from "../src/codegen/dispatcher/build.ts";
import { planChain, synthesise } from "../src/codegen/dispatcher/synthesise.ts";
import { chainOf } from "../test/support/chains.ts";
import { verdictObject } from "../test/support/verdict-program.ts";
import { kept } from "./kept.ts";
import { milliseconds, showSpread, type Spread } from "./statistics.ts";

export interface CodegenRow {
  readonly linkage: ObjectLinkage;
  readonly programs: number;
  readonly fromPlan: Spread;
  readonly fromChain: Spread;
  /** Of the object. */
  readonly bytes: number;
}

const WORDS = {
  method:
    "Calls in one process, 201 of each, after half a second of them: Node has compiled what it will. The programs are a few " +
    "instructions each, from memory.",
  caveats: ["The first call of a process takes many times as long: `npm run bench -- start` measures commands."],
};

export const codegen = kept<CodegenRow>("codegen", WORDS, {
  measure({ smoke, progress }) {
    const rounds = smoke ? 1 : 201;
    return OBJECT_LINKAGES.flatMap((linkage) =>
      (smoke ? [2] : [1, 10, 64, 255]).map((programs): CodegenRow => {
        progress(`${programs} programs by ${linkage}`);
        const declared = Array.from({ length: programs }, (_, k) => ({
          name: `p${k}`,
          object: `p${k}.bpf.o`,
          bytes: verdictObject(k),
        }));
        const chain = chainOf(declared, { linkage });
        const plan = planChain(chain);
        return {
          linkage,
          programs,
          fromPlan: milliseconds(rounds, () => buildDispatcher(plan)),
          fromChain: milliseconds(rounds, () => synthesise(chain)),
          bytes: buildDispatcher(plan).elf.length,
        };
      }),
    );
  },
  show: (rows) => [
    "From chain and from plan to object, warm, in ms: median (minimum to maximum)",
    ...rows.map(
      ({ linkage, programs, fromPlan, fromChain, bytes }) =>
        `${`${programs}`.padStart(3)} by ${linkage.padEnd(9)} ${`${bytes}`.padStart(6)} bytes` +
        `  plan ${showSpread(fromPlan, 2).padEnd(26)}  chain ${showSpread(fromChain, 2)}`,
    ),
  ],
});
