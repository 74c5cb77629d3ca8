/** What it costs to make a dispatcher and to have it verified: sections `verifier`, `codegen`, `memory`, `lowering`, `asm`, `btf`. */
import type { AsmRow } from "../asm.ts";
import type { BtfRow } from "../btf.ts";
import type { CodegenRow } from "../codegen.ts";
import type { Kept } from "../kept.ts";
import type { LoweringRow } from "../lowering.ts";
import type { MemoryRow } from "../memory.ts";
import type { VerifierRow } from "../verifier.ts";
import { drawLines } from "./chart/lines.ts";
import { lookOf } from "./looks.ts";
import { type Lines, spreadText, tableOf } from "./markdown.ts";

const LINKED = ["inline", "call"] as const;

/** Of chains of real programs, as far as the verifier goes. @param called what the chains are of, in words */
export function verifierChart({ rows }: Kept<VerifierRow>, kinds: string, called: string): string {
  const shown = rows.filter((row) => row.kinds === kinds);
  const lines = LINKED.map((linkage) => ({
    name: linkage,
    look: lookOf(linkage),
    points: shown.flatMap(({ programs, loaded }) => {
      const result = loaded[linkage];
      return "refused" in result ? [] : [{ x: programs, y: result.verified }];
    }),
  }));
  const alone = shown.map(({ programs, sum }) => ({ x: programs, y: sum }));
  return drawLines({
    title: "Instructions that the verifier walks",
    note: `Chains of ${called}, over and over; it refuses what takes more than a million`,
    x: {
      label: "programs",
      scale: "logarithmic",
      ticks: shown.map(({ programs }) => ({ at: programs, text: `${programs}` })),
    },
    y: { label: "instructions", scale: "logarithmic" },
    lines: [{ name: "each alone, the sum", look: lookOf("one C file"), points: alone }, ...lines],
  });
}

export function verifierTable({ rows }: Kept<VerifierRow>): Lines {
  const cells = rows.flatMap(({ kinds, programs, sum, loaded }) =>
    LINKED.map((linkage) => {
      const result = loaded[linkage];
      const name = `${programs} of ${kinds}, ${linkage}`;
      if ("refused" in result) return [name, `refused: ${result.refused}`, `${sum}`, "", ""];
      const { verified, milliseconds } = result;
      return [name, `${verified}`, `${sum}`, (verified / sum).toFixed(2), spreadText(milliseconds, 1)];
    }),
  );
  return tableOf(["", "instructions", "programs alone", "of them", "ms of loading"], cells);
}

export function codegenTable({ rows }: Kept<CodegenRow>): Lines {
  const cells = rows.map(({ linkage, programs, fromPlan, fromChain, bytes }) => [
    `${programs} by ${linkage}`,
    spreadText(fromPlan, 2),
    spreadText(fromChain, 2),
    `${bytes}`,
  ]);
  return tableOf(["", "from the plan, ms", "from the chain, ms", "bytes of the object"], cells);
}

export function memoryTable({ rows }: Kept<MemoryRow>): Lines {
  const cells = rows.map(({ builds, used, resident }) => [
    `${builds}`,
    (used / 1e6).toFixed(2),
    (resident / 1e6).toFixed(1),
  ]);
  return tableOf(["builds", "MB in use", "MB resident"], cells);
}

const COMPILERS = ["ours", "straightforward", "clang"] as const;

export function loweringTable({ rows }: Kept<LoweringRow>): Lines {
  const cells = rows.map(({ chain, programs, instructions, executed }) => [
    `${chain}, ${programs} programs`,
    ...COMPILERS.map((who) => `${instructions[who]}`),
    ...COMPILERS.map((who) => executed[who].toFixed(1)),
  ]);
  return tableOf(
    ["", ...COMPILERS.map((who) => `${who}, in all`), ...COMPILERS.map((who) => `${who}, executed`)],
    cells,
  );
}

export function asmTable({ rows }: Kept<AsmRow>): Lines {
  const cells = rows.map(({ step, instructions, milliseconds }) => [
    step,
    spreadText(milliseconds, 2),
    (instructions / milliseconds.median / 1000).toFixed(2),
  ]);
  return tableOf([`${rows[0]!.instructions} instructions`, "ms", "million a second"], cells);
}

export function btfTable({ rows }: Kept<BtfRow>): Lines {
  const cells = rows.map(({ step, milliseconds }) => [step, spreadText(milliseconds, 0)]);
  return tableOf([`${rows[0]?.types ?? 0} types`, "ms"], cells);
}
