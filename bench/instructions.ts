/**
 * What a packet pays for a chain, in instructions that the processor executes: exact, and the same on every machine. A virtual
 * machine with one processor counts them instead of time (`--icount`), with Debian's kernel, libxdp among the contestants.
 *
 * It is the gate: counts of our linkages against bench/baseline.json, and what the counts must show (contest/claims.ts).
 * What is emitted, for more shapes of chains and in BPF's own instructions, is test/cases/instructions.txt.
 */
import { compareToBaseline, showDifference, updateBaseline } from "./contest/baseline.ts";
import { exactClaims, showClaims } from "./contest/claims.ts";
import { contestantsOf } from "./contest/contestants/index.ts";
import { isMeasured, prepare, type Row } from "./contest/measure.ts";
import { resultRows } from "./contest/result.ts";
import { table } from "./contest/table.ts";
import { works } from "./contest/work.ts";
import { guestMachine, thisEnvironment } from "./environment.ts";
import type { GuestReport } from "./guest.ts";
import { inGuest } from "./in-guest.ts";
import { writeKept } from "./kept.ts";
import { commandOf, resultPath, type Section, scopeOf } from "./section.ts";

/** The kernel of the gate. On others, whose calls and returns cost more or less, figures are shown and fail nothing. */
const GATED = "6.1";

const METHOD =
  "BPF_PROG_TEST_RUN in QEMU with -icount shift=0,sleep=off and one processor: the kernel's nanoseconds are instructions. " +
  "Mean of 250 to 1000 runs, rounded down as the kernel does it. Nine rounds: the count is the least that two of them have; the " +
  "clock's interrupt and other work of the kernel add to some.";

const CAVEATS = [
  "An instruction is not a nanosecond: mispredicted branches, caches and what hardware does for returns are not in these counts.",
  "The emulated processor has few of the bugs of real ones, and the kernel few of its mitigations: see the environment.",
  "What the kernel itself does for each run is taken off with the run of a program that does nothing.",
];

/** Seconds, of all works. */
const TIMEOUT = 3000;

export const instructions: Section<Row> = {
  quick: true,
  async measure(options) {
    const scope = scopeOf(options);
    const kernel = options.kernel ?? GATED;
    prepare({ contestants: contestantsOf(scope), works: works(scope), progress: options.progress });
    if (scope === "smoke") return [];
    const report = await inGuest({ kernel, timeout: TIMEOUT, icount: true }, ["guest.js"], options);
    const { rows, ...guest } = report as GuestReport;
    const counts = rows.map(exact);
    const environment = { ...thisEnvironment(), ...guest, machine: guestMachine() };
    const head = {
      section: "instructions",
      command: commandOf("instructions", options),
      unit: "instructions",
      method: METHOD,
      caveats: CAVEATS,
      environment,
    };
    // With all rounds, as the proof that they agree.
    const all = resultRows(counts).map((row, k) => (isMeasured(row) ? { ...row, ...rows[k]! } : row));
    writeKept(resultPath(`instructions-${kernel}`, scope), head, all);
    if (options.updateBaseline && kernel === GATED) updateBaseline(counts, environment);
    return counts;
  },
  show: (rows) =>
    rows.length === 0
      ? ["What a packet pays for a chain, in instructions: not counted with --smoke, `npm run ok -- cost` does"]
      : [
          "What a packet pays for a chain",
          ...table(rows, { name: "instructions", digits: 0 }),
          ...showClaims(exactClaims(rows)),
        ],
  failure(rows, { kernel }) {
    if (rows.length === 0 || (kernel ?? GATED) !== GATED) return undefined;
    const broken = exactClaims(rows).filter(({ holds }) => !holds);
    const risen = showDifference(compareToBaseline(rows));
    const lines = [...broken.map(({ says, found }) => `does not hold: ${says}: ${found}`), ...risen];
    return lines.length === 0 ? undefined : lines.join("\n  ");
  },
};

/** The row with its count alone: what disturbs a round can only add. Without one where no two rounds agree. */
function exact(row: Row): Row {
  if (!isMeasured(row)) return row;
  const { contestant, work, samples } = row;
  const count = samples.toSorted((a, b) => a - b).find((sample, k, sorted) => sample === sorted[k + 1]);
  if (count !== undefined) return { contestant, work, samples: [count] };
  return { contestant, work, absent: `no two rounds agree: ${samples.join(", ")}` };
}
