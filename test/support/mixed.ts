/** Chains with the linkage, or the mixture of linkages, that a test asks for. */
import { type Chain, type Linkage, OBJECT_LINKAGES, type ObjectLinkage } from "../../src/chain/index.ts";

/** Every linkage for all programs, and a mixture of them. */
export const WAYS_TO_LINK: readonly (ObjectLinkage | "mixed")[] = [...OBJECT_LINKAGES, "mixed"];

/** @param among the linkages of the mixture; which program gets which depends on its place alone */
export function linked(chain: Chain, linkage: Linkage | "mixed", among: readonly Linkage[] = OBJECT_LINKAGES): Chain {
  if (linkage !== "mixed") return { ...chain, linkage };
  const programs = chain.programs.map((program, place) => ({
    ...program,
    linkage: among[((place + 1) * 7 + (place >> 2)) % among.length]!,
  }));
  return { ...chain, programs };
}
