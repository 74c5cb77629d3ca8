/**
 * Compiles the BPF programs: bpf/*.bpf.c into bpf/.output (shipped), test/bpf/*.bpf.c into test/bpf/.output (tests).
 *
 *   node scripts/build-bpf.mjs [--force] [--verbose] [--check]
 *
 * Only what is older than its source, the headers it includes or this script is compiled again; `--check` compiles
 * nothing and ends with 1 when something is. A source may ask for other flags in a comment line: `clang: -mcpu=v1`
 * adds flags, `clang: -g0` leaves BTF out, `keep-debug` keeps DWARF.
 * Objects are the same bytes wherever the checkout lies. Exit status 1 when a tool or header is missing or clang fails.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const script = fileURLToPath(import.meta.url);

/** Debian's multiarch folder holds asm/types.h, which clang does not look for when the target is BPF. */
const MULTIARCH = /** @type {Record<string, string>} */ ({
  x64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
  riscv64: "riscv64-linux-gnu",
  ppc64: "powerpc64le-linux-gnu",
  s390x: "s390x-linux-gnu",
});

const INSTALL = "apt-get install clang llvm libbpf-dev linux-libc-dev";

/** @typedef {{ source: string, output: string, flags: string[], keepDebug: boolean }} Job */

/** An error that a person can act on: printed as its message, without a stack. */
class BuildError extends Error {}

/**
 * Paths are relative to the root, with clang running there, so that line info names no machine's folders.
 * @param {string} folder
 * @returns {Job[]}
 */
function jobsIn(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".bpf.c"))
    .toSorted()
    .map((name) => {
      const source = join(folder, name);
      const text = readFileSync(join(root, source), "utf8");
      const flags = [...text.matchAll(/^[ *]*clang: (-.+)$/gm)].flatMap((line) => line[1]?.trim().split(/\s+/) ?? []);
      const output = join(folder, ".output", name.replace(/\.c$/, ".o"));
      return { source, output, flags, keepDebug: /^[ *]*keep-debug$/m.test(text) };
    });
}

/**
 * Whether the object is younger than all it was made of, as clang's dependency file lists it.
 * @param {Job} job
 */
function isFresh(job) {
  const made = join(root, job.output);
  const dependencies = `${made}.d`;
  if (!existsSync(made) || !existsSync(dependencies)) return false;
  const [, list = ""] = readFileSync(dependencies, "utf8").replaceAll("\\\n", " ").split(/:\s/, 2);
  const time = statSync(made).mtimeMs;
  return [script, ...list.split(/\s+/).filter(Boolean)].every((name) => {
    const file = statSync(join(name.startsWith("/") ? "/" : root, name), { throwIfNoEntry: false });
    return file !== undefined && file.mtimeMs <= time;
  });
}

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<void>}
 */
function run(command, args) {
  if (process.argv.includes("--verbose")) console.log([command, ...args].join(" "));
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd: root }, (error, _stdout, stderr) => {
      if (!error) return resolve();
      if (error.code === "ENOENT") return reject(new BuildError(`${command} is not installed. ${INSTALL}`));
      reject(new BuildError(hintFor(stderr) + stderr.trim()));
    });
  });
}

/** @param {string} stderr */
function hintFor(stderr) {
  const missing = /fatal error: '((?:bpf|linux|asm)\/[^']+)' file not found/.exec(stderr)?.[1];
  return missing ? `header ${missing} is not installed. ${INSTALL}\n` : "";
}

/** @param {Job} job */
async function compile(job) {
  // Under another name until it is whole: an interrupted build leaves nothing that looks fresh.
  const partial = `${job.output}.partial`;
  const output = join(root, job.output);
  mkdirSync(join(output, ".."), { recursive: true });
  const multiarch = join("/usr/include", MULTIARCH[process.arch] ?? "");
  const flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"];
  const paths = ["-Ibpf", "-idirafter", multiarch, "-fdebug-compilation-dir=.", "-MMD", "-MF", `${job.output}.d`];
  try {
    await run("clang", [...flags, ...job.flags, ...paths, "-c", job.source, "-o", partial]);
    // DWARF is five times the rest and nothing here reads it; BTF stays.
    if (!job.keepDebug) await run("llvm-strip", ["-g", partial]);
    renameSync(join(root, partial), output);
  } catch (error) {
    rmSync(output, { force: true });
    rmSync(join(root, partial), { force: true });
    throw error instanceof BuildError ? new BuildError(`${job.source}: ${error.message}`) : error;
  }
}

async function main() {
  const jobs = ["bpf", "test/bpf"].flatMap(jobsIn);
  const stale = process.argv.includes("--force") ? jobs : jobs.filter((job) => !isFresh(job));
  if (process.argv.includes("--check")) {
    process.exitCode = stale.length > 0 ? 1 : 0;
    return;
  }
  const queue = [...stale];
  /** @type {Error[]} */
  const failures = [];
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      await compile(job).catch((/** @type {Error} */ error) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  for (const error of failures) console.error(error instanceof BuildError ? error.message : error);
  if (failures.length > 0) {
    console.error(`build-bpf: ${failures.length} of ${stale.length} programs not compiled`);
    process.exitCode = 1;
  } else if (stale.length > 0) {
    console.log(`build-bpf: compiled ${stale.map((job) => basename(job.source, ".bpf.c")).join(", ")}`);
  }
}

await main();
