/**
 * What a packet pays for a chain, in instructions that the processor executes: exact, and the same on every machine. A virtual
 * machine with one processor counts them instead of time (`--icount`), with Debian's kernel, libxdp among the contestants.
 *
 * It is the gate: counts of our linkages against bench/baseline.json, and what the counts must show (contest/claims.ts).
 * What is emitted, for more shapes of chains and in BPF's own instructions, is test/cases/instructions.txt.
 */
import { spawn } from "node:child_process";
import { ScriptFailure } from "../scripts/debian/failure.ts";
import { compareToBaseline, showDifference, updateBaseline } from "./contest/baseline.ts";
import { exactClaims, showClaims } from "./contest/claims.ts";
import { contestantsOf } from "./contest/contestants/index.ts";
import { quartiles } from "./contest/figures.ts";
import { isMeasured, prepare, type Row } from "./contest/measure.ts";
import { resultRows, writeResult } from "./contest/result.ts";
import { table } from "./contest/table.ts";
import { works } from "./contest/work.ts";
import { thisEnvironment } from "./environment.ts";
import type { GuestReport } from "./guest.ts";
import { commandOf, COMPILED, type Options, resultPath, type Section, scopeOf } from "./section.ts";

/** The kernel of the gate. On others, whose calls and returns cost more or less, figures are shown and fail nothing. */
const GATED = "6.1";

const METHOD =
  "BPF_PROG_TEST_RUN in QEMU with -icount shift=0,sleep=off and one processor: the kernel's nanoseconds are instructions. " +
  "Mean of 250 to 1000 runs, rounded down as the kernel does it. Nine rounds: the count is what most of them agree on; the clock's " +
  "interrupt disturbs some.";

export const instructions: Section<Row> = {
  quick: true,
  async measure(options) {
    const scope = scopeOf(options);
    const kernel = options.kernel ?? GATED;
    prepare({ contestants: contestantsOf(scope), works: works(scope), progress: options.progress });
    if (scope === "smoke") return [];
    const { rows, ...guest } = await inGuest(kernel, options);
    const counts = rows.map(exact);
    const environment = { ...thisEnvironment(), ...guest, machine: "QEMU's TCG, 1 processor" };
    writeResult(resultPath(`instructions-${kernel}`, scope), {
      section: "instructions",
      command: commandOf("instructions", options),
      unit: "instructions",
      method: METHOD,
      environment,
      claims: exactClaims(counts),
      // With all rounds, as the proof that they agree.
      rows: resultRows(counts).map((row, k) => (isMeasured(row) ? { ...row, ...rows[k]! } : row)),
    });
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

/** @throws ScriptFailure where the guest or what runs in it fails, with all that it said */
async function inGuest(kernel: string, { quick, progress }: Options): Promise<GuestReport> {
  const guest = ["node", `${COMPILED}/bench/guest.js`, ...(quick ? ["--quick"] : [])];
  const words = [
    "--import",
    "tsx",
    "scripts/vm/main.ts",
    "--kernel",
    kernel,
    "--icount",
    "--timeout",
    "3000",
    "--",
    ...guest,
  ];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"] });
  let [output, said] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => void (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    progress(said.trimEnd().split("\n").at(-1) ?? "");
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (status !== 0)
    throw new ScriptFailure(`counting on ${kernel}: the virtual machine ended with ${status}:\n${said}`);
  return JSON.parse(output) as GuestReport;
}

/** The row with its count alone; without one where most rounds do not agree, on which nothing can be built. */
function exact(row: Row): Row {
  if (!isMeasured(row)) return row;
  const { contestant, work, samples } = row;
  const count = quartiles(samples).median;
  const agreed = samples.filter((sample) => sample === count).length;
  if (agreed > samples.length / 2) return { contestant, work, samples: [count] };
  return { contestant, work, absent: `interrupted in too many rounds: ${samples.join(", ")}` };
}
