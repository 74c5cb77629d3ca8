/**
 * What a command takes from its start to its end, in a process of its own each time.
 *
 *     command       `node` (an empty script: the floor), or words of xdpgen
 *     programs      of the chain, where there is one
 *     milliseconds  {min, median, max}
 *     memory        bytes, the most that were resident
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMPILED, type Options, scopeOf } from "../section.ts";
import { showSpread, type Spread, spread } from "../statistics.ts";
import { objectFile, same } from "./chains.ts";
import type { Experiment } from "./experiment.ts";
import { resident } from "./resident.ts";

export interface StartRow {
  readonly command: string;
  readonly programs?: number;
  readonly milliseconds: Spread;
  readonly memory: number;
}

const ROUNDS = { full: 31, quick: 9, smoke: 1 } as const;
const CLI = `${COMPILED}/src/cli/bin.js`;

export const start: Experiment<StartRow> = {
  name: "start",
  method:
    "The command as `npm run build` makes it, started by another process and timed there until it has ended; commands in turn. " +
    "Memory is the maximum resident set as busybox's `time -v` reports it.",
  caveats: ["Files are in the page cache: the first start after a boot reads them from the disk, and takes longer."],
  prepare() {
    objectFile("lean");
  },
  measure(options) {
    const folder = mkdtempSync(join(tmpdir(), "xdpgen-bench-"));
    try {
      return measured(folder, options);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  show: (rows) => [
    "A command from its start to its end, in ms: median (minimum to maximum)",
    ...rows.map(({ command, programs, milliseconds, memory }) => {
      const what = programs === undefined ? command : `${command}, ${programs} programs`;
      return `${what.padEnd(40)}${showSpread(milliseconds, 0).padEnd(26)} ${(memory / 1e6).toFixed(0)} MB`;
    }),
  ],
};

interface Command {
  readonly command: string;
  readonly programs?: number;
  readonly words: readonly string[];
}

function measured(folder: string, options: Options): readonly StartRow[] {
  const empty = join(folder, "empty.mjs");
  writeFileSync(empty, "");
  const onChain = (verb: string, programs: number): Command => {
    const chain = join(folder, `chain-${programs}.yaml`);
    const object = objectFile("lean");
    const listed = same(programs).map((_, k) => ({ name: `p${k}`, object }));
    writeFileSync(chain, JSON.stringify({ chain: "bench", linkage: "call", programs: listed }));
    return { command: verb, programs, words: [CLI, verb, chain] };
  };
  const commands: readonly Command[] = [
    { command: "node", words: [empty] },
    { command: "--version", words: [CLI, "--version"] },
    { command: "--help", words: [CLI, "--help"] },
    ...[1, 10, 100].map((programs) => onChain("lint", programs)),
    ...[1, 10, 100].map((programs) => onChain("build", programs)),
  ].map((one) =>
    one.command === "build" ? { ...one, words: [...one.words, "--output", join(folder, "out.o")] } : one,
  );
  const times = commands.map((): number[] => []);
  for (let round = 0; round < ROUNDS[scopeOf(options)]; round++) {
    options.progress(`round ${round + 1} of ${ROUNDS[scopeOf(options)]}`);
    for (const [index, { words }] of commands.entries()) {
      const begun = performance.now();
      execFileSync(process.execPath, words, { stdio: "ignore" });
      times[index]!.push(performance.now() - begun);
    }
  }
  return commands.map(({ command, programs, words }, index) => ({
    command,
    ...(programs !== undefined && { programs }),
    milliseconds: spread(times[index]!),
    memory: resident(process.execPath, words),
  }));
}
