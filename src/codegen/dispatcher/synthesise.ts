/** Chain -> DispatcherImage. The whole of codegen in one call: resolve, plan, settle, build. */
import type { Chain } from "../../chain/chain.ts";
import { checkedChain } from "../../chain/edit.ts";
import { requireDeclaredMaps } from "../link/declared-maps.ts";
import { resolvePrograms } from "../object/program.ts";
import { buildPlan } from "../plan/build.ts";
import type { Plan } from "../plan/plan.ts";
import { buildDispatcher } from "./build.ts";
import type { DispatcherImage } from "./image.ts";
import { settle, type SettleOptions } from "./settle.ts";

/** Default: `auto` is `call`, and the verifier has found nothing. */
export type SynthesiseOptions = Partial<SettleOptions>;

/**
 * The dispatcher for exactly this chain. Pure: the same chain gives the same bytes.
 *
 * @throws XdpgenError with every mistake of the chain's programs at once, or the limit of the kernel that it meets
 */
export function synthesise(chain: Chain, options: SynthesiseOptions = {}): DispatcherImage {
  return buildDispatcher(planChain(chain, options));
}

/**
 * The first half of `synthesise`: reads the chain's objects and joins them with what the chain says.
 *
 * @throws XdpgenError with every mistake of the chain's programs at once
 */
export function planChain(chain: Chain, { auto = "call", tooLargeToInline = false }: SynthesiseOptions = {}): Plan {
  const programs = resolvePrograms(checkedChain(chain), auto);
  requireDeclaredMaps(programs);
  return settle(buildPlan(chain, programs), { auto, tooLargeToInline });
}
