/** The chains of status.test.ts. */
import type { Chain, Linkage } from "../../src/chain/index.ts";
import { chainOf, sampleProgram } from "../support/chains.ts";
import { numbered } from "../support/verdict-program.ts";

/** What an odd generation runs, and an even one: other programs in another order, of which one stays, with its maps. */
export function alternating(linkage: Linkage, generation: number): Chain {
  const counter = { ...sampleProgram("counter"), priority: generation % 2 ? 1 : 9 };
  return chainOf([counter, ...(generation % 2 ? [numbered(2)] : [numbered(3), numbered(4)])], { linkage });
}
