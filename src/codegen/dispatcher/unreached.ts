/**
 * Blocks -> the blocks that something leads to. The verifier refuses code that nothing reaches, and an inlined program whose
 * exits lead where their codes lead may leave nothing for a block of verdicts.
 */
import { OUTCOMES } from "../plan/plan.ts";
import type { Block } from "./blocks.ts";
import { isPossible } from "./reach.ts";

export function withoutUnreached(blocks: readonly Block[]): readonly Block[] {
  if (!blocks.some(({ program }) => program && !("call" in program))) return blocks;
  const index = new Map(blocks.map(({ label }, i) => [label, i]));
  const reached = new Set<number>();
  const work = [0];
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    if (reached.has(at)) continue;
    reached.add(at);
    for (const label of leadsTo(blocks[at]!)) {
      const to = index.get(label);
      if (to !== undefined) work.push(to);
    }
  }
  return blocks.filter((_, i) => reached.has(i));
}

/** The labels that a block can go on to, and others that stand in its own code. */
function leadsTo({ body, program, end }: Block): readonly string[] {
  const code = program && !("call" in program) ? program.code : [];
  const jumps = [...body, ...code].flatMap(({ target }) => (target === undefined ? [] : [target]));
  switch (end.kind) {
    case "exit":
      return jumps;
    case "goto":
      return [...jumps, end.label];
    case "decide":
      return [...jumps, ...end.labels.filter((_, i) => isPossible(OUTCOMES[i]!, end.codes))];
  }
}
