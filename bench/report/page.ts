/** bench/results/README.md: all figures with where they come from, and the charts beside it. */
import type { Result } from "../contest/result.ts";
import type { Kept } from "../kept.ts";
import type { Spread } from "../statistics.ts";
import {
  asmTable,
  btfTable,
  codegenTable,
  loweringTable,
  memoryTable,
  verifierChart,
  verifierTable,
} from "./codegen.ts";
import {
  absences,
  axisTable,
  baseTable,
  changedTable,
  claimsTable,
  contestSpread,
  costChart,
  kernelOf,
  realChart,
} from "./contest.ts";
import { type Lines, picture, provenance, spreadOf, tableOf } from "./markdown.ts";
import { ifThere, orMissing, type Results } from "./results.ts";
import {
  allFramesTable,
  changeCallsChart,
  changeClaims,
  changeTable,
  changeTimeChart,
  framesChart,
  framesTable,
  latencyChart,
  latencyTable,
  severalTable,
  startTable,
  swapChart,
  swapTable,
  trafficTable,
} from "./wires.ts";

/** Chains of which the verifier's work is drawn: all ten samples, and those of them that go to a hundred. */
const VERIFIED = [
  { name: "verifier-ten", kinds: "ten samples, sharing maps", called: "the ten sample programs" },
  { name: "verifier-eight", kinds: "without ids and balancer", called: "the eight smaller sample programs" },
] as const;

/** SVG by name; those whose results are there. */
export function charts(results: Results): Readonly<Record<string, string>> {
  const made: readonly (() => Readonly<Record<string, string>>)[] = [
    () => byKernel(results, "instructions", costChart),
    () => byKernel(results, "real-instructions", realChart),
    () => ({ nanoseconds: costChart(results.dispatcher), "real-nanoseconds": realChart(results.dispatcher) }),
    () => ({
      "frames-native": framesChart(results.veth, "native"),
      "frames-generic": framesChart(results.veth, "generic"),
    }),
    () => ({ latency: latencyChart(results.latency) }),
    () => ({ swap: swapChart(results.swap) }),
    () => ({
      "change-calls": changeCallsChart(results.changeOfBoth),
      "change-time": changeTimeChart(results.changeOfBoth),
    }),
    () =>
      Object.fromEntries(
        VERIFIED.map(({ name, kinds, called }) => [name, verifierChart(results.verifier, kinds, called)]),
      ),
  ];
  return Object.assign({}, ...made.map((make) => ifThere(make) ?? {})) as Readonly<Record<string, string>>;
}

const byKernel = ({ instructions }: Results, name: string, draw: (result: Result) => string) =>
  Object.fromEntries(instructions.map((each) => [`${name}-${kernelOf(each)}`, draw(each)]));

export function page(results: Results): string {
  return [
    "# Results",
    "",
    "Made by `npm run bench -- report` from the JSON files of this folder; each section names the command that made its file.",
    "What the figures mean, and when to choose which linkage: [docs/performance.md](../../docs/performance.md).",
    "",
    ...machines(results),
    ...CHAPTERS.flatMap(([title, tell]) => [`## ${title}`, "", ...orMissing(() => tell(results)), ""]),
  ]
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n");
}

type Chapter = readonly [title: string, tell: (results: Results) => Lines];

const CHAPTERS: readonly Chapter[] = [
  [
    "What was to be shown",
    ({ instructions, dispatcher, changeOfBoth }) =>
      claimsTable([...instructions, dispatcher], [{ as: "calls, 6.1", claims: changeClaims(changeOfBoth) }]),
  ],
  [
    "What a packet pays, in instructions",
    ({ instructions }) =>
      instructions.flatMap((each) => {
        const kernel = kernelOf(each);
        return [`### On ${kernel}`, "", ...contest(each, `instructions-${kernel}`, `real-instructions-${kernel}`)];
      }),
  ],
  ["What a packet pays, in nanoseconds", ({ dispatcher }) => contest(dispatcher, "nanoseconds", "real-nanoseconds")],
  [
    "Frames through a veth pair",
    ({ veth }) => [
      ...measured(veth, ({ framesPerSecond }) => [framesPerSecond], "rates of rounds"),
      picture("frames-native", "Frames per second in native mode"),
      "",
      picture("frames-generic", "Frames per second in generic mode"),
      "",
      "Processor time of one frame for whoever runs the programs, minimum size, one flow:",
      "",
      ...framesTable(veth),
      "",
      ...folded("All settings: median (lowest to highest) of the rounds", allFramesTable(veth)),
    ],
  ],
  [
    "Latency",
    ({ latency }) => [
      ...measured(latency, ({ medians }) => [medians], "medians of rounds"),
      picture("latency", "Percentiles of round trips"),
      "",
      ...latencyTable(latency),
    ],
  ],
  [
    "Swaps",
    ({ swap }) => [
      ...measured(swap, (row) => (row.kind === "traffic" ? [] : [row.milliseconds]), "swaps"),
      picture("swap", "Time of a swap by its steps"),
      "",
      ...swapTable(swap),
      "",
      ...severalTable(swap),
      "",
      ...trafficTable(swap),
    ],
  ],
  [
    "Swaps where the kernel takes extensions",
    ({ swapOfAll }) => [
      ...measured(swapOfAll, (row) => (row.kind === "traffic" ? [] : [row.milliseconds]), "swaps"),
      ...swapTable(swapOfAll),
      "",
      ...severalTable(swapOfAll),
      "",
      ...trafficTable(swapOfAll),
    ],
  ],
  [
    "One change of a chain, against xdp-loader",
    ({ changeOfBoth }) => [
      ...measured(changeOfBoth, times, "times of rounds"),
      picture("change-calls", "System calls of one change"),
      "",
      picture("change-time", "Time of one change"),
      "",
      ...folded("All changes in the virtual machine", changeTable(changeOfBoth)),
    ],
  ],
  [
    "One change of a chain, on this machine",
    ({ change }) => [...measured(change, times, "times of rounds"), ...folded("All changes", changeTable(change))],
  ],
  ["A command from its start to its end", ({ start }) => [...measured(start, times, "starts"), ...startTable(start)]],
  [
    "The verifier",
    ({ verifier }) => [
      ...provenance(verifier),
      ...VERIFIED.flatMap(({ name, called }) => [picture(name, `Verified instructions of ${called}`), ""]),
      ...folded("All chains", verifierTable(verifier)),
    ],
  ],
  [
    "Making a dispatcher",
    ({ codegen }) => [...measured(codegen, ({ fromChain }) => [fromChain], "calls"), ...codegenTable(codegen)],
  ],
  ["What a million dispatchers leave behind", ({ memory }) => [...provenance(memory), ...memoryTable(memory)]],
  [
    "Instructions of control flow alone",
    ({ lowering }) => [...provenance(lowering), ...folded("All chains", loweringTable(lowering))],
  ],
  ["The assembler as a library", ({ asm }) => [...provenance(asm), ...asmTable(asm)]],
  ["BTF as a library", ({ btf }) => [...provenance(btf), ...btfTable(btf)]],
];

/** Where figures come from, with how far those of a row lie apart. @param rounds what the lowest and the highest are of */
function measured<Row>(result: Kept<Row>, spreads: (row: Row) => readonly Spread[], rounds: string): Lines {
  return provenance(result, spreadOf(result.rows.flatMap(spreads), rounds));
}

const times = ({ milliseconds }: { readonly milliseconds?: Spread }): readonly Spread[] =>
  milliseconds ? [milliseconds] : [];

function contest(result: Result, cost: string, real: string): Lines {
  return [
    ...provenance(result, contestSpread(result)),
    picture(cost, `Cost of a packet against the number of programs, in ${result.unit}`),
    "",
    `${result.unit} above the run of a program that does nothing, by the number of trivial programs:`,
    "",
    ...axisTable(result),
    "",
    "Ten trivial programs:",
    "",
    ...baseTable(result),
    "",
    "Ten programs with one thing changed:",
    "",
    ...changedTable(result),
    "",
    picture(real, `Ten real programs, in ${result.unit}`),
    "",
    ...folded("Who is not measured where, and why", absences(result)),
  ];
}

/** A long table, for those who want it. */
const folded = (summary: string, lines: Lines): Lines => [
  "<details>",
  `<summary>${summary}</summary>`,
  "",
  ...lines,
  "",
  "</details>",
  "",
];

/** The machines of all files, each once, with what their kernels do against bugs of processors. */
function machines(results: Results): Lines {
  const names = Object.keys(results) as readonly (keyof Results)[];
  const all = names.flatMap((name): readonly Kept<unknown>[] => [ifThere(() => results[name]) ?? []].flat());
  const byMachine = new Map(
    all.map(({ environment }) => [`${environment.machine}, kernel ${environment.kernel}`, environment]),
  );
  const versions = all[0]!.environment.versions;
  const tools = Object.entries(versions).filter(([name]) => name !== "xdpgen");
  return [
    "## Machines",
    "",
    ...tableOf(
      ["", "against bugs of the processor"],
      [...byMachine].map(([name, { mitigations }]) => [
        name,
        Object.entries(mitigations)
          .map(([bug, what]) => `${bug}: ${what}`)
          .join("<br>"),
      ]),
    ).map((line) => line.replace("--:", "---")),
    "",
    `Versions: ${tools.map(([name, version]) => `${name} ${version.replace(/^Debian clang version /, "")}`).join(", ")}.`,
    "",
  ];
}
