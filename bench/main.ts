/**
 * `npm run bench [-- SECTION…]`: the numbers, each section's side by side in one run; `usage` below says the rest.
 *
 * What is measured is what users run: the sources as `tsc` compiles them, and the command as it is bundled, not as tsx runs them.
 * So this file compiles itself and what it imports, and each section is a process of its own that starts the compiled file with
 * `--section`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ScriptFailure } from "../scripts/debian/failure.ts";
import { asm } from "./asm.ts";
import { btf } from "./btf.ts";
import { codegen } from "./codegen.ts";
import { compareResults } from "./contest/compare.ts";
import { keepOnlyOf } from "./contest/compiled.ts";
import { dispatcher } from "./dispatcher.ts";
import { clangVersion } from "./environment.ts";
import { instructions } from "./instructions.ts";
import { lowering } from "./lowering.ts";
import { memory } from "./memory.ts";
import { staleReport, writeReport } from "./report/index.ts";
import { COMPILED, type Options, type Section, scopeOf } from "./section.ts";
import { verifier } from "./verifier.ts";
import { WIRES } from "./wires/index.ts";

const SECTIONS: Readonly<Record<string, Section<unknown>>> = {
  dispatcher,
  instructions,
  verifier,
  codegen,
  lowering,
  asm,
  btf,
  memory,
  ...WIRES,
};

const usage = `npm run bench -- [SECTION…] [--quick | --smoke] [--json] [--kernel NAME] [--update-baseline]
npm run bench -- report [--check]
npm run bench -- compare A.json B.json

Measures the sections named, or all, and shows their tables. Full runs leave bench/results/SECTION.json, of which the report
is made: bench/results/README.md with its charts, and the figures in README.md and docs/performance.md.

  What a packet pays for a chain, by each linkage, by one C file and by other ways to chain programs
    dispatcher     in nanoseconds, on this machine
    instructions   in instructions, exactly, in a virtual machine; fails where they rise against bench/baseline.json
  Interfaces, on a veth pair here, or with --kernel in the virtual machine
    veth           frames per second, and processor time of a frame
    latency        percentiles of a round trip
    swap           one change of a chain that runs, by its steps, and under traffic
    change         system calls, time and memory of one change, against xdp-loader where the kernel takes extensions
    start          commands, from their start to their end
  Making dispatchers
    verifier       instructions that the verifier walks
    codegen        from a chain to an object
    memory         what a million of them leave behind
    lowering       instructions of control flow, against clang
    asm, btf       the assembler, and BTF, as libraries

  --quick              measure less, as for each submission; without a name only sections that have such a form
  --smoke              everything once and briefly, to see that it works; the figures mean nothing
  --json               print rows as JSON instead of tables
  --kernel NAME        Debian's kernel in the virtual machine: 6.1, 7.2, …
  --update-baseline    take today's instructions for those that later ones are held against

  report               make the report anew from bench/results, measuring nothing; --check only says what is out of date
  compare              whether two results of dispatcher or instructions agree within the spread that they state

A full run of dispatcher, veth or latency wants a machine that does nothing else. Loading programs needs root.`;

const { values, positionals } = commandLine();
const options: Options = {
  smoke: values.smoke === true,
  quick: values.quick === true,
  kernel: values.kernel,
  updateBaseline: values["update-baseline"] === true,
  progress,
};

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ScriptFailure)) throw error;
  console.error(`bench: ${error.message}`);
  process.exitCode = error.status;
}

function commandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        check: { type: "boolean" },
        smoke: { type: "boolean" },
        quick: { type: "boolean" },
        json: { type: "boolean" },
        kernel: { type: "string" },
        "update-baseline": { type: "boolean" },
        section: { type: "string" },
      },
    });
  } catch (error) {
    console.error(`bench: ${(error as Error).message}; --help shows what there is`);
    process.exit(2);
  }
}

/** @returns the exit status */
async function main(): Promise<number> {
  if (values.section !== undefined) {
    console.log(JSON.stringify(await SECTIONS[values.section]!.measure(options)));
    return 0;
  }
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  if (positionals[0] === "compare") return compareResults(positionals.slice(1));
  process.chdir(fileURLToPath(new URL("..", import.meta.url)));
  if (positionals[0] === "report") return report(values.check === true);
  return runAll(positionals.length > 0 ? positionals : allNames());
}

/** @returns the exit status: 1 where something is out of date that may not be written */
function report(check: boolean): number {
  if (!check) {
    for (const done of writeReport()) console.log(done);
    return 0;
  }
  const stale = staleReport();
  for (const path of stale) console.error(`${path} is not what bench/results makes it: npm run bench -- report`);
  return stale.length > 0 ? 1 : 0;
}

function progress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${values.section}: ${what}`);
}

function allNames(): readonly string[] {
  const names = Object.keys(SECTIONS);
  return options.quick ? names.filter((name) => SECTIONS[name]!.quick) : names;
}

/** @returns the exit status: 0, 1 where a section failed, 2 for a name that is none */
function runAll(names: readonly string[]): number {
  const unknown = names.find((name) => !(name in SECTIONS));
  if (unknown !== undefined) {
    console.error(`bench: there is no section ${unknown}; there are ${Object.keys(SECTIONS).join(", ")}`);
    return 2;
  }
  if (!compile()) return 1;
  keepOnlyOf(clangVersion());
  const results: Record<string, unknown> = {};
  let failed = false;
  for (const name of names) {
    const rows = runSection(name);
    if (rows === undefined) return 1;
    results[name] = rows;
    if (!values.json) console.log(`${SECTIONS[name]!.show(rows).join("\n  ")}\n`);
    const failure = SECTIONS[name]!.failure?.(rows, options);
    if (failure !== undefined) console.error(`bench: section ${name}: ${failure}`);
    failed ||= failure !== undefined;
  }
  if (values.json) console.log(JSON.stringify(results, undefined, 2));
  else console.log("Not measured here: real network cards.");
  if (scopeOf(options) === "full") report(false);
  return failed ? 1 : 0;
}

function compile(): boolean {
  mkdirSync(COMPILED, { recursive: true });
  // The command among what is compiled reads its version there.
  writeFileSync(`${COMPILED}/package.json`, '{ "type": "module", "version": "0.0.0-bench" }\n');
  const steps = [
    ["node_modules/.bin/tsc", "-p", "bench/tsconfig.json"],
    ["scripts/build-command.mjs", `${COMPILED}/src/cli`],
  ];
  return steps.every((words) => spawnSync(process.execPath, words, { stdio: "inherit" }).status === 0);
}

/** The rows that the section's process prints; undefined where it failed, which it has said itself. */
function runSection(name: string): readonly unknown[] | undefined {
  const words = ["--expose-gc", `${COMPILED}/bench/main.js`, "--section", name, ...flags()];
  const { status, stdout } = spawnSync(process.execPath, words, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  if (status === 0) return JSON.parse(stdout) as unknown[];
  console.error(`bench: section ${name} failed`);
  return undefined;
}

/** What the section's process is told, as this one was. */
function flags(): readonly string[] {
  const { smoke, quick, kernel, updateBaseline } = options;
  return [
    ...(smoke ? ["--smoke"] : []),
    ...(quick ? ["--quick"] : []),
    ...(kernel === undefined ? [] : ["--kernel", kernel]),
    ...(updateBaseline ? ["--update-baseline"] : []),
  ];
}
