/** Every pass from a plan to the instructions of the dispatcher's main function as text: `xdpgen build --emit passes`. */
import type { ResolvedProgram } from "../object/program.ts";
import type { ReturnCodes } from "../object/returns.ts";
import { formatPlan } from "../plan/format.ts";
import type { Plan } from "../plan/plan.ts";
import { formatBlocks, formatDecisions } from "./format-blocks.ts";
import { blockPasses, type Passes } from "./passes.ts";
import type { SlotCode } from "./reach.ts";

/** A program and what the dispatcher enters for it. */
export interface BoundProgram extends SlotCode {
  readonly program: ResolvedProgram;
}

/** What `formatPasses` shows. */
export interface ShownPasses {
  /** Settled. */
  readonly plan: Plan;
  /** One for each node of the plan. */
  readonly bound: readonly BoundProgram[];
  /** Whether the program is alone and needs no dispatcher: then there are no blocks. */
  readonly alone: boolean;
  readonly trace: boolean;
  /** The instructions as text. */
  readonly listing: string;
}

/** One part for each pass, under its name; a pass over blocks shows those that it changed, and names those that it took away. */
export function formatPasses({ plan, bound, alone, trace, listing }: ShownPasses): string {
  const blocks = alone ? aloneParts() : blockParts(bound, blockPasses(plan, bound, trace));
  const parts: readonly Part[] = [
    ["plan", formatPlan(plan)],
    ["settle", bound.map(settled).join("")],
    ["bind", bound.map(entered).join("")],
    ...blocks,
    ["instructions", listing],
  ];
  return parts.map(([name, text]) => `# ${name}\n${text}`).join("\n");
}

type Part = readonly [name: string, text: string];

function aloneParts(): readonly Part[] {
  return [["alone", "The program leaves its verdict alone: no blocks.\n"]];
}

function blockParts(bound: readonly BoundProgram[], { slots, passes, blocks }: Passes): readonly Part[] {
  const widened = bound.filter((one, i) => slots[i] !== one);
  const kept = widened.map(({ program }) => `${program.name}: as if it returned any code, so that all is reached\n`);
  const changes = passes.map(({ name, blocks: after }, i): Part => {
    const before = passes[i - 1]?.blocks ?? [];
    const labels = new Set(after.map(({ label }) => label));
    const gone = before.filter(({ label }) => !labels.has(label)).map(({ label }) => `${label}: gone\n`);
    return [name, formatBlocks(after.filter((block) => !before.includes(block))) + gone.join("") || NOTHING];
  });
  return [["keepReachable", kept.join("") || NOTHING], ...changes, ["decide", formatDecisions(blocks)]];
}

const NOTHING = "nothing to change\n";

function settled({ program: { name, linkage, auto, because } }: BoundProgram): string {
  const reason = because === undefined ? "" : `, ${because}`;
  return `${name}: ${linkage}${auto ? "" : ", as declared"}${reason}\n`;
}

function entered({ program: { name, linkage }, symbol, codes, body }: BoundProgram): string {
  const what =
    linkage === "freplace"
      ? `the stub ${symbol}`
      : linkage === "tail"
        ? `the tail call in ${symbol}`
        : body
          ? `the code of ${symbol}, with ${body.frame} bytes of stack`
          : symbol;
  return `${name}: ${what}, returns ${codesText(codes)}\n`;
}

function codesText(codes: ReturnCodes): string {
  if (codes === "any") return "any code";
  return codes.length === 0 ? "never" : codes.join(", ");
}
