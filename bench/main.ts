/**
 * `npm run bench [-- SECTION…] [--quick] [--smoke] [--json]`: the numbers, each section's side by side in one run. Sections are
 * `dispatcher`, `instructions`, `verifier`, `codegen`, `lowering`, `asm`, `btf`, `memory`, and those of `wires`: `veth`,
 * `latency`, `swap`, `change` and `start`; without a name, all. `--quick` measures less, for each submission, and without a name
 * only what has such a form. `--smoke` runs everything once and briefly, to see that it works; its figures mean nothing.
 * `--kernel` names Debian's kernel in the virtual machine: for `instructions`, which counts there anyway (6.1), and for sections
 * of `wires`, which else measure here. `--update-baseline` makes today's counts those that later ones are held against.
 *
 * `npm run bench -- compare A.json B.json`: whether two results of a section agree within the spread that they state.
 *
 * What is measured is what users run: the sources as `tsc` compiles them, not as tsx does. So this file compiles itself and
 * what it imports, and each section is a process of its own that starts the compiled file with `--section`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ScriptFailure } from "../scripts/debian/failure.ts";
import { asm } from "./asm.ts";
import { btf } from "./btf.ts";
import { compareResults } from "./contest/compare.ts";
import { codegen } from "./codegen.ts";
import { dispatcher } from "./dispatcher.ts";
import { instructions } from "./instructions.ts";
import { lowering } from "./lowering.ts";
import { memory } from "./memory.ts";
import { COMPILED, type Options, type Section } from "./section.ts";
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

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    smoke: { type: "boolean" },
    quick: { type: "boolean" },
    json: { type: "boolean" },
    kernel: { type: "string" },
    "update-baseline": { type: "boolean" },
    section: { type: "string" },
  },
});
const options: Options = {
  smoke: values.smoke === true,
  quick: values.quick === true,
  kernel: values.kernel,
  updateBaseline: values["update-baseline"] === true,
  progress,
};

if (values.section !== undefined) {
  try {
    console.log(JSON.stringify(await SECTIONS[values.section]!.measure(options)));
  } catch (error) {
    if (!(error instanceof ScriptFailure)) throw error;
    console.error(`bench: ${error.message}`);
    process.exitCode = error.status;
  }
} else if (positionals[0] === "compare") {
  process.exitCode = compareResults(positionals.slice(1));
} else {
  process.chdir(fileURLToPath(new URL("..", import.meta.url)));
  process.exitCode = runAll(positionals.length > 0 ? positionals : allNames());
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
  else console.log("Not measured here: real network cards, more than one processor at a time.");
  return failed ? 1 : 0;
}

function compile(): boolean {
  mkdirSync(COMPILED, { recursive: true });
  // The command among what is compiled reads its version there.
  writeFileSync(`${COMPILED}/package.json`, '{ "type": "module", "version": "0.0.0-bench" }\n');
  const { status } = spawnSync("node_modules/.bin/tsc", ["-p", "bench/tsconfig.json"], { stdio: "inherit" });
  return status === 0;
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
