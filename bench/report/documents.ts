/**
 * Figures in the documents: what stands between `<!-- bench: NAME -->` and `<!-- bench end -->` is made here, of result files. So
 * none is written by hand, and none outlives the run that it is from.
 */
import { ScriptFailure } from "../../scripts/debian/failure.ts";
import { codegenTable } from "./codegen.ts";
import { claimsTable, slopeTable, tenTable, changedTable, kernelOf } from "./contest.ts";
import { type Lines, picture } from "./markdown.ts";
import { orMissing, type Results } from "./results.ts";
import {
  addingTable,
  callsTable,
  framesTable,
  latencyTable,
  severalTable,
  startTable,
  swapTable,
  trafficTable,
} from "./wires.ts";

export const DOCUMENTS = ["README.md", "docs/performance.md"] as const;

/** From docs/ to what the report has. */
const CHARTS = "../bench/results/charts";

type Block = (results: Results) => Lines;

/** Ours, the limit and the peer. */
const SUMMARY = ["inline", "call", "freplace", "tail", "one C file", "libxdp"];

const BLOCKS: Readonly<Record<string, Block>> = {
  summary: ({ instructions, dispatcher }) =>
    from(tenTable(instructions, dispatcher, SUMMARY), ...instructions, dispatcher),
  ten: ({ instructions, dispatcher }) => from(tenTable(instructions, dispatcher), ...instructions, dispatcher),
  claims: ({ instructions, dispatcher }) =>
    from(claimsTable([...instructions, dispatcher]), ...instructions, dispatcher),
  slopes: ({ instructions, dispatcher }) =>
    from(
      slopeTable(
        [...instructions, dispatcher],
        ["one C file", "inline", "call", "freplace", "frozen config", "libxdp"],
      ),
      ...instructions,
      dispatcher,
    ),
  changed: ({ instructions: [gated] }) => from(changedTable(gated!), gated!),
  cost: ({ instructions, dispatcher }) => [
    picture(
      `instructions-${kernelOf(instructions[0]!)}`,
      "Instructions per packet against the number of programs",
      CHARTS,
    ),
    "",
    picture("nanoseconds", "Nanoseconds per packet against the number of programs", CHARTS),
    "",
    ...madeBy(instructions[0]!, dispatcher),
  ],
  real: ({ dispatcher }) => [
    picture("real-nanoseconds", "Ten real programs, in nanoseconds", CHARTS),
    "",
    ...madeBy(dispatcher),
  ],
  frames: ({ veth }) => [
    picture("frames-native", "Frames per second through a veth pair", CHARTS),
    "",
    ...from(framesTable(veth), veth),
  ],
  latency: ({ latency }) => from(latencyTable(latency), latency),
  swap: ({ swap }) => [picture("swap", "Time of a swap by its steps", CHARTS), "", ...from(swapTable(swap), swap)],
  several: ({ swap }) => from(severalTable(swap), swap),
  traffic: ({ swap, swapOfAll }) => [
    "On this machine:",
    "",
    ...trafficTable(swap),
    "",
    "In the virtual machine, whose kernel takes extensions:",
    "",
    ...from(trafficTable(swapOfAll), swap, swapOfAll),
  ],
  change: ({ changeOfBoth }) => [
    picture("change-calls", "System calls of one change", CHARTS),
    "",
    picture("change-time", "Time of one change", CHARTS),
    "",
    ...from(addingTable(changeOfBoth), changeOfBoth),
  ],
  calls: ({ change }) => from(callsTable(change), change),
  start: ({ start }) => from(startTable(start), start),
  codegen: ({ codegen }) => from(codegenTable(codegen), codegen),
  verifier: ({ verifier }) => [
    picture("verifier-eight", "Instructions that the verifier walks", CHARTS),
    "",
    ...madeBy(verifier),
  ],
};

interface Made {
  readonly command: string;
}

const from = (lines: Lines, ...sources: readonly Made[]): Lines => [...lines, "", ...madeBy(...sources)];

/** The commands that made the figures. */
const madeBy = (...sources: readonly Made[]): Lines => [
  `Made by ${[...new Set(sources.map(({ command }) => `\`${command}\``))].join(", ")}.`,
];

const MARKED = /(<!-- bench: ([a-z-]+) -->\n)[^]*?(<!-- bench end -->)/g;

/** @throws ScriptFailure for the name of a block that is none */
export function filled(path: string, text: string, results: Results): string {
  return text.replaceAll(MARKED, (_, begin: string, name: string, end: string) => {
    const block = BLOCKS[name];
    if (!block) {
      throw new ScriptFailure(`${path} wants the figures \`${name}\`; there are ${Object.keys(BLOCKS).join(", ")}`);
    }
    return `${begin}${orMissing(() => block(results)).join("\n")}\n${end}`;
  });
}
