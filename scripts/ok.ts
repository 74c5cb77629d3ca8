/**
 * `npm run ok [-- NAME…]`: the gate. Runs every check, or those named, to the end whatever fails on the way, shows the
 * output of those that failed, and ends with `N passed, N failed`.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** One check: a command that ends with 0 when all is well. */
interface Check {
  readonly name: string;
  readonly guards: string;
  readonly command: readonly [string, ...string[]];
  readonly needsRoot?: boolean;
  /** What it prints is worth reading when all is well, too. */
  readonly shows?: boolean;
}

const bin = (name: string): string => `node_modules/.bin/${name}`;

/** Hosts of registries and folders of one machine have no place in a repository; lock entries hold sums, no addresses. */
const foreignPlaces = String.raw`${root.replaceAll(/[^\w/-]/g, ".")}|/home/[a-z]+/|"resolved": *"http`;

const checks: readonly Check[] = [
  { name: "types", guards: "TypeScript, in every folder", command: [bin("tsc"), "-p", "tsconfig.json"] },
  { name: "lint", guards: "mistakes, and the arrows between folders", command: [bin("oxlint"), "--type-aware"] },
  { name: "format", guards: "layout of the sources", command: [bin("oxfmt"), "--check", "."] },
  { name: "unused", guards: "code, files and packages that nothing uses", command: [bin("knip"), "--no-progress"] },
  {
    name: "constants",
    guards: "constants generated from the kernel's headers",
    command: ["node", "scripts/generate-constants.mjs", "--check"],
  },
  {
    name: "commands",
    guards: "docs/commands.md says what the command line takes",
    command: ["node", "--import", "tsx", "scripts/generate-commands.ts", "--check"],
  },
  {
    name: "build",
    guards: "what is published compiles",
    command: [bin("tsc"), "-p", "tsconfig.build.json", "--noEmit"],
  },
  {
    name: "scripts",
    guards: "syntax of the shell scripts",
    command: ["bash", "-c", "bash -n .ci/run && for each in scripts/vm/guest/*.sh; do sh -n $each || exit 1; done"],
  },
  {
    name: "bench",
    guards: "benchmarks run; their figures mean nothing here",
    command: ["node", "--import", "tsx", "bench/main.ts", "--smoke"],
    needsRoot: true,
  },
  {
    name: "cost",
    guards: "instructions that a packet costs, against bench/baseline.json",
    command: ["node", "--import", "tsx", "bench/main.ts", "instructions", "--quick"],
  },
  {
    name: "report",
    guards: "the report, its charts and the figures of the documents are what bench/results makes them",
    command: ["node", "--import", "tsx", "bench/main.ts", "report", "--check"],
  },
  {
    name: "frames",
    guards: "no frame is lost on a veth pair; what chains cost there, as ratios of this machine",
    command: ["node", "--import", "tsx", "bench/main.ts", "veth", "--quick"],
    needsRoot: true,
    shows: true,
  },
  {
    name: "places",
    guards: "no path or address of one machine in a tracked file",
    command: ["bash", "-c", `! git grep -nIE '${foreignPlaces}' -- . ':!scripts/ok.ts'`],
  },
];

/** Runs one check and returns its exit status and all that it wrote. */
async function runCheck({ command: [path, ...args] }: Check): Promise<{ ok: boolean; output: string }> {
  const child = spawn(path, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
  const ok = await new Promise<boolean>((resolve) => {
    child.once("error", (error) => {
      output.push(Buffer.from(`${error.message}\n`));
      resolve(false);
    });
    child.once("close", (status) => resolve(status === 0));
  });
  return { ok, output: Buffer.concat(output).toString() };
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !checks.some((check) => check.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no check ${unknown.join(", ")}; there are ${checks.map(({ name }) => name).join(", ")}\n`);
    return 2;
  }
  const wanted = checks.filter(({ name }) => names.length === 0 || names.includes(name));
  const chosen = wanted.filter(({ name, needsRoot }) => {
    const skipped = needsRoot === true && process.getuid?.() !== 0;
    if (skipped) process.stdout.write(`skip    ${name.padEnd(10)} it loads programs, which needs root\n`);
    return !skipped;
  });
  let failed = 0;
  for (const check of chosen) {
    const started = performance.now();
    const { ok, output } = await runCheck(check);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${ok ? "ok    " : "FAILED"}  ${check.name.padEnd(10)} ${check.guards}  (${seconds} s)\n`);
    if (!ok) failed += 1;
    if (!ok) process.stdout.write(`  ${check.command.join(" ")}\n`);
    if (!ok || check.shows === true) process.stdout.write(`${output.replaceAll(/^/gm, "    ").trimEnd()}\n`);
  }
  const skipped = wanted.length - chosen.length;
  const skips = skipped > 0 ? `, ${skipped} skipped` : "";
  process.stdout.write(`${chosen.length - failed} passed, ${failed} failed${skips}\n`);
  return failed > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
