/**
 * What a packet pays for a chain, in nanoseconds on this machine's kernel: our linkages, the one C file that is their limit, and
 * other ways to chain programs, side by side on the same work (bench/contest).
 */
import { hostClaims, showClaims } from "./contest/claims.ts";
import { contestantsOf } from "./contest/contestants/index.ts";
import { measure, prepare, type Row } from "./contest/measure.ts";
import { resultRows } from "./contest/result.ts";
import { table } from "./contest/table.ts";
import { works } from "./contest/work.ts";
import { thisEnvironment } from "./environment.ts";
import { writeKept } from "./kept.ts";
import { commandOf, resultPath, type Section, scopeOf } from "./section.ts";

/** Of one sample: long enough that what a call costs beside its runs is a few hundredths of it. */
const NANOSECONDS = 4_000_000;
const ROUNDS = { full: 31, quick: 15, smoke: 1 } as const;

const METHOD =
  "BPF_PROG_TEST_RUN, processor time of about 4 ms of runs for each sample, what the call costs included. All contestants " +
  "of a work are loaded together and run in turn, each round begins with another, and for each round they are loaded anew. " +
  "Median and quartiles of the rounds; intervals are 95 % of 1000 bootstrap draws of rounds.";

const CAVEATS = [
  "BPF_PROG_TEST_RUN runs a program on one packet over and over: caches and predictors are as warm as they get.",
  "Without a kernel that takes extension programs neither `freplace` nor libxdp is in it: their nanoseconds are not known.",
  "Figures of a shared machine: the ratios of contestants that ran in turn say more than the nanoseconds.",
];

export const dispatcher: Section<Row> = {
  quick: true,
  async measure(options) {
    const scope = scopeOf(options);
    const plan = { contestants: contestantsOf(scope), works: works(scope), progress: options.progress };
    prepare(plan);
    const rows = await measure({
      ...plan,
      rounds: ROUNDS[scope],
      reload: true,
      clock: "processor",
      repeat: (duration) => (scope === "smoke" ? 1000 : Math.ceil(NANOSECONDS / Math.max(1, duration))),
    });
    const head = {
      section: "dispatcher",
      command: commandOf("dispatcher", options),
      unit: "ns",
      method: METHOD,
      caveats: CAVEATS,
      environment: thisEnvironment(),
    };
    writeKept(resultPath("dispatcher", scope), head, resultRows(rows));
    return rows;
  },
  show: (rows) => [
    "What a packet pays for a chain",
    ...table(rows, { name: "ns", digits: 1 }),
    ...showClaims(hostClaims(rows)),
  ],
};
