/**
 * Plan -> blocks, one pass behind the other:
 *
 *     slots --keepReachable--> slots --blocksOf--> blocks --traced, counted--> blocks --withoutUnreached--> blocks
 *
 * `format-passes.ts` prints each.
 */
import type { Plan } from "../plan/plan.ts";
import { type Block, blocksOf } from "./blocks.ts";
import { counted } from "./count.ts";
import { heldOf } from "./held.ts";
import { keepReachable, type SlotCode } from "./reach.ts";
import { traced } from "./trace.ts";
import { withoutUnreached } from "./unreached.ts";

/** Blocks as a pass leaves them. A block that it does not change is the same value as before. */
export interface BlockPass {
  readonly name: "blocks" | "trace" | "count" | "unreached";
  readonly blocks: readonly Block[];
}

export interface Passes {
  /** One for each node, every node reachable. */
  readonly slots: readonly SlotCode[];
  readonly passes: readonly BlockPass[];
  /** Those of the last pass: what becomes instructions. */
  readonly blocks: readonly Block[];
}

/**
 * @param declared one for each node of the plan
 * @param trace whether every program's record is written (trace.ts); then nothing is counted
 */
export function blockPasses(plan: Plan, declared: readonly SlotCode[], trace: boolean): Passes {
  const slots = keepReachable(plan, declared);
  const held = heldOf(slots);
  const plain = blocksOf(plan, slots, held, trace || plan.counters);
  const passes: BlockPass[] = [{ name: "blocks", blocks: plain }];
  if (trace) passes.push({ name: "trace", blocks: traced(plain) });
  else if (plan.counters) passes.push({ name: "count", blocks: counted(plan, plain, held) });
  const blocks = withoutUnreached(passes.at(-1)!.blocks);
  return { slots, passes: [...passes, { name: "unreached", blocks }], blocks };
}
