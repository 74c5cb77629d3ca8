/**
 * `npm run bench [-- SECTION…] [--smoke] [--json]`: the numbers, each section's side by side in one run. Sections are
 * `dispatcher`, `one-program`, `codegen`, `lowering`, `asm`, `btf` and `memory`; without a name, all. `--smoke` runs everything once and briefly, to
 * see that it works; its figures mean nothing.
 *
 * What is measured is what users run: the sources as `tsc` compiles them, not as tsx does. So this file compiles itself and
 * what it imports, and each section is a process of its own that starts the compiled file with `--section`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { asm } from "./asm.ts";
import { btf } from "./btf.ts";
import { codegen } from "./codegen.ts";
import { dispatcher } from "./dispatcher.ts";
import { lowering } from "./lowering.ts";
import { memory } from "./memory.ts";
import { oneProgram } from "./one-program.ts";
import type { Section } from "./section.ts";

const SECTIONS: Readonly<Record<string, Section<unknown>>> = {
  dispatcher,
  "one-program": oneProgram,
  codegen,
  lowering,
  asm,
  btf,
  memory,
};

/** Below node_modules, where packages are found from. */
const COMPILED = "node_modules/.cache/xdpgen-bench";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: "boolean" }, json: { type: "boolean" }, section: { type: "string" } },
});
const smoke = values.smoke === true;

if (values.section !== undefined) {
  const rows = await SECTIONS[values.section]!.measure({ smoke, progress });
  console.log(JSON.stringify(rows));
} else {
  process.chdir(fileURLToPath(new URL("..", import.meta.url)));
  process.exitCode = runAll(positionals.length > 0 ? positionals : Object.keys(SECTIONS));
}

function progress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${values.section}: ${what}`);
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
  for (const name of names) {
    const rows = runSection(name);
    if (rows === undefined) return 1;
    results[name] = rows;
    if (!values.json) console.log(`${SECTIONS[name]!.show(rows).join("\n  ")}\n`);
  }
  if (values.json) console.log(JSON.stringify(results, undefined, 2));
  else console.log("Not measured here: real network cards, other dispatchers, more than one processor at a time.");
  return 0;
}

function compile(): boolean {
  mkdirSync(COMPILED, { recursive: true });
  writeFileSync(`${COMPILED}/package.json`, '{ "type": "module" }\n');
  const { status } = spawnSync("node_modules/.bin/tsc", ["-p", "bench/tsconfig.json"], { stdio: "inherit" });
  return status === 0;
}

/** The rows that the section's process prints; undefined where it failed, which it has said itself. */
function runSection(name: string): readonly unknown[] | undefined {
  const words = ["--expose-gc", `${COMPILED}/bench/main.js`, "--section", name];
  const { status, stdout } = spawnSync(process.execPath, [...words, ...(smoke ? ["--smoke"] : [])], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  if (status === 0) return JSON.parse(stdout) as unknown[];
  console.error(`bench: section ${name} failed`);
  return undefined;
}
