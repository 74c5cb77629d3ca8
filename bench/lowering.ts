/**
 * How many instructions control flow costs: ours, against straightforward code with one compare for each action, and against
 * what clang -O2 makes of the same chain written as C. Exact counts of the dispatcher's own instructions: those in it, and
 * those that a packet executes. Nothing is known of the programs' codes, as with `freplace`.
 */
import fc from "fast-check";
import { actionCode, type Chain, NO_VERDICT } from "../src/chain/chain.ts";
import {
  callSymbol,
  exit,
  type Instruction,
  ja,
  jeq32Imm,
  jslt32Imm,
  layout,
  mov32Imm,
  mov32Reg,
  mov64Imm,
  mov64Reg,
  R0,
  R1,
  R6,
  R7,
  withLabel,
} from "../src/codegen/asm/index.ts";
import type { DispatcherImage } from "../src/codegen/dispatcher/image.ts";
import { synthesise } from "../src/codegen/dispatcher/synthesise.ts";
import { planToC } from "../src/codegen/plan/c.ts";
import { OUTCOMES, type Plan, type Target } from "../src/codegen/plan/plan.ts";
import { caseNames, readCase } from "../test/support/chains.ts";
import { dispatcherCode } from "../test/support/dispatcher-code.ts";
import { run } from "../test/support/interpreter.ts";
import { compile } from "../test/support/objects.ts";
import { proofs } from "../test/support/proof.ts";
import { random } from "../test/support/random.ts";
import { kept } from "./kept.ts";

/** From the repository's root, where benchmarks run. */
const CASES = "test/cases/";
const CONTESTANTS = ["ours", "straightforward", "clang"] as const;
type Counts = Readonly<Record<(typeof CONTESTANTS)[number], number>>;

export interface LoweringRow {
  readonly chain: string;
  readonly programs: number;
  /** Instructions of the dispatcher's main function. */
  readonly instructions: Counts;
  /** Those of them that a packet executes: the mean of packets for which every program returns any code as often. */
  readonly executed: Counts;
}

const WORDS = {
  method:
    "Counts of BPF's own instructions: in the dispatcher, and executed in our interpreter by 1000 packets for each chain, whose " +
    "programs return any code as often. All three must have the same verdicts.",
  caveats: [
    "What the kernel's JIT makes of an instruction, and what a call costs, is not in it: `instructions` counts that.",
  ],
};

export const lowering = kept<LoweringRow>("lowering", WORDS, {
  measure({ smoke, progress }) {
    const cases = caseNames(CASES).map((name): [string, Chain] => [name, readCase(name, CASES)]);
    const graphs = fc
      .sample(proofs, { seed: 1, numRuns: smoke ? 1 : 50 })
      .map(({ chain }, index): [string, Chain] => [`random graph ${index}`, chain]);
    const rows = [...cases.slice(0, smoke ? 1 : Infinity), ...graphs].flatMap(([name, chain]) => {
      progress(name);
      // Counting is no control flow.
      const image = synthesise({ ...chain, linkage: "freplace", counters: false });
      // With one program there may be no dispatcher in the packet's way.
      return image.slots.some(({ symbol }) => symbol === image.main) ? [] : [measured(name, image, smoke ? 1 : 1000)];
    });
    const isCase = ({ chain }: LoweringRow): boolean => cases.some(([name]) => name === chain);
    const others = rows.filter((row) => !isCase(row));
    return [...rows.filter(isCase), sum(`sum of ${others.length} graphs`, others)];
  },
  show: (rows) => [
    `Instructions of control flow: in the dispatcher, and executed by a packet (${CONTESTANTS.join(", ")}; of ours)`,
    ...rows.map(({ chain, programs, instructions, executed }) => {
      const compared = (counts: Counts, digits: number): string =>
        CONTESTANTS.map((who) => counts[who].toFixed(digits).padStart(digits + 6)).join("") +
        CONTESTANTS.slice(1)
          .map((who) => ` ${(counts[who] / counts.ours).toFixed(2)}x`)
          .join("");
      return `${chain.padEnd(18)} ${`${programs}`.padStart(4)} programs ${compared(instructions, 0)}   ${compared(executed, 1)}`;
    }),
  ],
});

function measured(chain: string, { plan, elf }: DispatcherImage, packets: number): LoweringRow {
  const codes = {
    ours: dispatcherCode(elf),
    straightforward: straightforward(plan),
    clang: dispatcherCode(compile(planToC(plan))),
  };
  const of = (count: (code: readonly Instruction[]) => number): Counts => ({
    ours: count(codes.ours),
    straightforward: count(codes.straightforward),
    clang: count(codes.clang),
  });
  return {
    chain,
    programs: plan.nodes.length,
    instructions: of((code) => code.length),
    executed: meanExecuted(codes, packets),
  };
}

const CODES = [0, 1, 2, 3, 4, NO_VERDICT];

/** @throws Error when they do not have the same verdicts: then there is nothing to compare */
function meanExecuted(codes: Readonly<Record<keyof Counts, readonly Instruction[]>>, packets: number): Counts {
  const from = random(1);
  const steps = { ours: 0, straightforward: 0, clang: 0 };
  for (let packet = 0; packet < packets; packet++) {
    // Which code a program returns must not depend on how many ran before it.
    const seed = from.bits32();
    const calls = (symbol: string) => (): number => random(seed + hash(symbol)).pick(CODES);
    const results = CONTESTANTS.map((who) => {
      const result = run(codes[who], { args: [1], calls });
      steps[who] += result.steps;
      return result.code;
    });
    if (new Set(results).size > 1)
      throw new Error(`different verdicts: ${CONTESTANTS.join(", ")} ${results.join(", ")}`);
  }
  return {
    ours: steps.ours / packets,
    straightforward: steps.straightforward / packets,
    clang: steps.clang / packets,
  };
}

/** Of what a program is called, whatever the prefix. */
function hash(symbol: string): number {
  let value = 0;
  for (const letter of symbol.replace(/^slot_/, "")) value = (value * 31 + letter.codePointAt(0)!) >>> 0;
  return value;
}

function sum(chain: string, rows: readonly LoweringRow[]): LoweringRow {
  const add = (counts: readonly Counts[]): Counts => {
    const total = (who: keyof Counts): number => counts.reduce((before, one) => before + one[who], 0);
    return { ours: total("ours"), straightforward: total("straightforward"), clang: total("clang") };
  };
  return {
    chain,
    programs: rows.reduce((all, { programs }) => all + programs, 0),
    instructions: add(rows.map((row) => row.instructions)),
    executed: add(rows.map((row) => row.executed)),
  };
}

/** One compare and jump for each action, one for 31, and a jump for the rest; nothing falls through, nothing is shared. */
function straightforward(plan: Plan): readonly Instruction[] {
  const keeps = plan.nodes.some(({ edges }) => OUTCOMES.some((o) => isKept(edges[o])));
  const start = [mov64Reg(R6, R1), ...(keeps ? [mov32Imm(R7, -1)] : [])];
  const nodes = plan.nodes.flatMap(({ program, edges }, index) => {
    const landing = (outcome: string): string => `${outcome}_of_${index}`;
    return [
      withLabel(`node_${index}`, mov64Reg(R1, R6)),
      callSymbol(program.name.replaceAll("-", "_")),
      ...OUTCOMES.filter((o) => o !== "other").map((o) =>
        jeq32Imm(R0, o === "no-verdict" ? NO_VERDICT : actionCode(o), landing(o)),
      ),
      ja(landing("other")),
      ...OUTCOMES.flatMap((o) => landed(landing(o), edges[o])),
    ];
  });
  return layout([...start, ...nodes]);
}

const isKept = (target: Target): boolean => target.kind === "node" && target.keep;

function landed(label: string, target: Target): readonly Instruction[] {
  const [first, ...rest] = followed(label, target);
  return [withLabel(label, first!), ...rest];
}

function followed(label: string, target: Target): readonly Instruction[] {
  if (target.kind === "node") return [...(target.keep ? [mov32Reg(R7, R0)] : []), ja(`node_${target.node}`)];
  const unlessKept = (value: readonly Instruction[]): readonly Instruction[] => [
    jslt32Imm(R7, 0, `${label}_unkept`),
    mov32Reg(R0, R7),
    exit(),
    withLabel(`${label}_unkept`, value[0] ?? exit()),
    ...(value.length > 0 ? [exit()] : []),
  ];
  switch (target.verdict) {
    case "own":
      return [exit()];
    case "kept":
      return [mov32Reg(R0, R7), exit()];
    case "kept-or-own":
      return unlessKept([]);
    case "kept-or-pass":
      return unlessKept([mov64Imm(R0, actionCode("pass"))]);
    default:
      return [mov64Imm(R0, actionCode(target.verdict)), exit()];
  }
}
