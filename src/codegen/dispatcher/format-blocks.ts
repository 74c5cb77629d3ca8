/**
 * Blocks as text, and the compares that `decide` finds for one:
 *
 *     to_denylist: // denylist: pass -> ratelimit, else return
 *         r1 = r6
 *         call xdp_denylist // denylist: pass -> ratelimit, else return
 *         -> return where drop, to_ratelimit where pass
 */
import { format } from "../asm/index.ts";
import { type Outcome, OUTCOMES } from "../plan/plan.ts";
import type { Block } from "./blocks.ts";
import { endOf } from "./lower.ts";
import { isPossible } from "./reach.ts";

/** Each with its label, what it does, its instructions and how it ends; ends with a line feed unless there are none. */
export function formatBlocks(blocks: readonly Block[]): string {
  return blocks.map(formatBlock).join("");
}

function formatBlock({ label, line, body, program, after, end }: Block): string {
  return `${label}: // ${line}\n${format(body)}${formatProgram(program)}${format(after ?? [])}${formatEnd(end)}`;
}

function formatProgram(program: Block["program"]): string {
  if (!program) return "";
  if ("call" in program) return format([program.call]);
  const { name, code, behind } = program;
  const left = code.some(({ target }) => target === behind);
  return `${format(code)}${left ? `${behind}: // behind the code of ${name}\n` : ""}`;
}

function formatEnd(end: Block["end"]): string {
  switch (end.kind) {
    case "exit":
      return "";
    case "goto":
      return `    -> ${end.label}\n`;
    case "decide": {
      const byLabel = new Map<string, Outcome[]>();
      for (const [i, outcome] of OUTCOMES.entries()) {
        if (!isPossible(outcome, end.codes)) continue;
        const label = end.labels[i]!;
        byLabel.set(label, [...(byLabel.get(label) ?? []), outcome]);
      }
      const ways = [...byLabel].map(([label, outcomes]) => `${label} where ${outcomes.join("|")}`);
      return `    -> ${ways.join(", ")}\n`;
    }
  }
}

/** What is compared at the end of each block that ends by what R0 holds, in front of the block that lies behind it. */
export function formatDecisions(blocks: readonly Block[]): string {
  return blocks
    .map((block, i) => {
      if (block.end.kind !== "decide") return "";
      const next = blocks[i + 1]?.label;
      const compares = format(endOf(block, next));
      return `${block.label}, in front of ${next}:${compares === "" ? " nothing to compare" : ""}\n${compares}`;
    })
    .join("");
}
