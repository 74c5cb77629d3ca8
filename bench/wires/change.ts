/**
 * What one change of a chain costs: system calls, time and memory of the command that makes it, against xdp-loader.
 *
 *     contestant     linkage, or `xdp-loader`
 *     kind           of the programs: `lean` without maps, `mapped` with one each
 *     programs       of the chain, after the change (`remove`: before it)
 *     change         `add` a last program (to an interface without a chain where it is the first), `replace` the object of the
 *                    last one, `remove` the last one
 *     process        `command`: of its own; `first`: a call of the library, the first of its process, from its beginning to its
 *                    end; `running`: such a call in a process that has made others before
 *     allowed        calls of bpf(2) that are wanted at most: 8+3n in a running process, else 25+4n
 *     calls          all, bpf: numbers of system calls; commands: those of bpf(2) by command
 *     milliseconds   {min, median, max} of the command or the call, without strace; absent for `first`
 *     memory         bytes, the most that were resident; of commands only
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Chain, type Linkage, LINKAGES } from "../../src/chain/index.ts";
import { attach, canFreplace, detach, openKernel } from "../../src/loader/index.ts";
import { veth } from "../../test/support/veth.ts";
import { COMPILED, type Options, scopeOf } from "../section.ts";
import { showSpread, type Spread, spread } from "../statistics.ts";
import { type Kind, objectFile, objectOf, passing, same, unpinAll } from "./chains.ts";
import type { Experiment } from "./experiment.ts";
import { resident } from "./resident.ts";
import { type Calls, traced } from "./trace.ts";

const CHANGES = ["add", "replace", "remove"] as const;
type Change = (typeof CHANGES)[number];

export interface ChangeRow {
  readonly contestant: Linkage | "xdp-loader";
  readonly kind: Kind;
  readonly programs: number;
  readonly change: Change;
  readonly process: "command" | "first" | "running";
  readonly allowed: number;
  readonly calls: Calls;
  readonly milliseconds?: Spread;
  readonly memory?: number;
}

interface Plan {
  readonly programs: readonly number[];
  readonly changes: Readonly<Record<Kind, readonly Change[]>>;
  readonly linkages: readonly Linkage[];
  readonly rounds: number;
}

const PLANS: Readonly<Record<"full" | "quick" | "smoke", Plan>> = {
  full: { programs: [1, 2, 5, 10], changes: { lean: CHANGES, mapped: ["add"] }, linkages: LINKAGES, rounds: 3 },
  quick: { programs: [1, 2, 10], changes: { lean: ["add"], mapped: [] }, linkages: LINKAGES, rounds: 3 },
  smoke: { programs: [2], changes: { lean: ["add"], mapped: [] }, linkages: LINKAGES, rounds: 1 },
};

/** An emulated processor takes ten seconds to start Node: what needs no guest is measured on the host. */
const IN_GUEST: Plan = {
  programs: [1, 2, 5, 10],
  changes: { lean: ["add"], mapped: [] },
  linkages: ["freplace", "call"],
  rounds: 3,
};

const CLI = `${COMPILED}/src/cli/bin.js`;
const CHILD = `${COMPILED}/bench/wires/change-child.js`;

export const change: Experiment<ChangeRow> = {
  name: "change",
  method:
    "A veth pair; the chain before the change is attached, then the change is made: once under `strace -f`, which counts, " +
    "and in rounds without it, which are timed from outside the command, its start and end included, or around the call. " +
    "Memory is the maximum resident set of the command as busybox's `time -v` reports it.",
  caveats: [
    "Every program is the same few instructions: verification of large programs is not in these times.",
    "A command of xdpgen starts Node, most of its time and memory; xdp-loader is a C program.",
  ],
  prepare() {
    for (const kind of ["lean", "mapped"] as const) for (const version of [0, ...NEW]) objectOf(kind, version);
  },
  async measure(options) {
    const scope = scopeOf(options);
    const plan = scope === "full" && process.env["XDPGEN_VM"] !== undefined ? IN_GUEST : PLANS[scope];
    const folder = mkdtempSync(join(tmpdir(), "xdpgen-bench-"));
    const pair = veth("bchange");
    try {
      return await measured(plan, folder, pair.far, options);
    } finally {
      await detach(pair.far);
      pair[Symbol.dispose]();
      rmSync(folder, { recursive: true });
      unpinAll();
    }
  },
  show: (rows) => [
    "One change of a chain: calls of bpf(2) and of all system calls, and ms: median (minimum to maximum)",
    ...rows.map(({ contestant, kind, programs, change: what, process, allowed: most, calls, milliseconds, memory }) => {
      const who = `${what.padEnd(7)} ${`${programs}`.padStart(2)} ${kind.padEnd(6)} ${contestant.padEnd(10)} ${process.padEnd(7)}`;
      const bpf = `${calls.bpf}`.padStart(4) + (calls.bpf > most ? ` of ${most} allowed` : "");
      const time = milliseconds ? showSpread(milliseconds, 1) : "";
      const size = memory === undefined ? "" : `${(memory / 1e6).toFixed(0)} MB`;
      return `${who} ${bpf.padEnd(20)} ${`${calls.all}`.padStart(6)}  ${time.padEnd(30)} ${size}`.trimEnd();
    }),
  ],
};

async function measured(
  plan: Plan,
  folder: string,
  device: string,
  { progress }: Options,
): Promise<readonly ChangeRow[]> {
  const rows: ChangeRow[] = [];
  const freplace = canFreplace(openKernel());
  const linkages = plan.linkages.filter((linkage) => linkage !== "freplace" || freplace);
  for (const kind of ["lean", "mapped"] as const) {
    for (const programs of plan.programs) {
      for (const what of plan.changes[kind]) {
        for (const linkage of linkages) {
          progress(`${what}, ${programs} ${kind} programs by ${linkage}`);
          const { before, afters } = chains(linkage, kind, programs, what);
          const about = { contestant: linkage, kind, programs, change: what };
          const row = (process: ChangeRow["process"], figures: Figures): void =>
            void rows.push({ ...about, process, allowed: allowed(process, programs), ...figures });
          row("command", await command(plan, folder, device, before, afters));
          if (afters) row("first", await firstCall(folder, device, before, afters));
          if (before && afters) row("running", await call(plan, folder, device, before, afters));
          await detach(device);
        }
        if (freplace && what !== "replace") {
          progress(`${what}, ${programs} ${kind} programs by xdp-loader`);
          const about = { contestant: "xdp-loader", kind, programs, change: what, process: "command" } as const;
          const figures = await loader(plan, device, kind, programs, what);
          rows.push({ ...about, allowed: allowed("command", programs), ...figures });
        }
      }
    }
  }
  return rows;
}

const allowed = (process: ChangeRow["process"], programs: number): number =>
  process === "running" ? 8 + 3 * programs : 25 + 4 * programs;

/** Versions of a program that is new. Each other time one of them: the generation that is kept has not this one loaded. */
const NEW = [1, 2] as const;

/** Chains that differ in the version of what is new; where nothing is, the same one. */
type Afters = readonly [Chain, Chain];

/** Undefined for no chain at all. */
interface Chains {
  readonly before: Chain | undefined;
  readonly afters: Afters | undefined;
}

function chains(linkage: Linkage, kind: Kind, programs: number, what: Change): Chains {
  const of = (versions: readonly number[]): Chain => passing(linkage, versions, {}, kind);
  const others = same(programs - 1);
  const fewer = others.length === 0 ? undefined : of(others);
  if (what === "remove") return { before: of([...others, 0]), afters: fewer && [fewer, fewer] };
  const afters: Afters = [of([...others, NEW[0]]), of([...others, NEW[1]])];
  return { before: what === "add" ? fewer : of([...others, 0]), afters };
}

type Figures = Pick<ChangeRow, "calls" | "milliseconds" | "memory">;

async function command(
  { rounds }: Plan,
  folder: string,
  device: string,
  before: Chain | undefined,
  afters: Afters | undefined,
): Promise<Figures> {
  const file = join(folder, "chain.yaml");
  let turn = 0;
  const words = (): readonly string[] => {
    if (!afters) return [CLI, "detach", device];
    writeFileSync(file, yaml(afters[turn++ % 2]!));
    return [CLI, "apply", file, "--dev", device];
  };
  const reset = async (): Promise<void> => {
    if (before) await attach(before, device);
    else await detach(device);
  };
  return await timed(rounds, reset, process.execPath, words);
}

/** chain.yaml is YAML, and JSON is too. */
function yaml({ name, linkage, programs }: Chain): string {
  const shown = programs.map(({ name: program, object, pinned, priority }) => ({
    name: program,
    object,
    pinned,
    priority,
  }));
  return JSON.stringify({ chain: name, linkage, programs: shown });
}

async function timed(
  rounds: number,
  reset: () => Promise<void> | void,
  program: string,
  words: () => readonly string[],
): Promise<Figures> {
  await reset();
  const calls = traced(program, words());
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await reset();
    const given = words();
    const start = performance.now();
    execFileSync(program, given, { stdio: "ignore" });
    times.push(performance.now() - start);
  }
  await reset();
  return { calls, milliseconds: spread(times), memory: resident(program, words()) };
}

async function firstCall(
  folder: string,
  device: string,
  before: Chain | undefined,
  [one, other]: Afters,
): Promise<Figures> {
  if (before) await attach(one, device);
  if (before) await attach(before, device);
  else await detach(device);
  return { calls: traced(process.execPath, [CHILD, "first", device, chainFile(folder, other)]) };
}

async function call({ rounds }: Plan, folder: string, device: string, before: Chain, afters: Afters): Promise<Figures> {
  const files = [before, ...afters].map((chain) => chainFile(folder, chain));
  const calls = traced(process.execPath, [CHILD, "running", device, ...files]);
  const live = await attach(before, device);
  const times: number[] = [];
  for (let round = 0; round < 3 * rounds; round++) {
    await live.update(before);
    const start = performance.now();
    await live.update(afters[round % 2]!);
    times.push(performance.now() - start);
  }
  return { calls, milliseconds: spread(times) };
}

let written = 0;

/** For `CHILD`, which reads the objects itself. */
function chainFile(folder: string, chain: Chain): string {
  const path = join(folder, `${++written}.json`);
  const programs = chain.programs.map((program) => ({ ...program, bytes: undefined }));
  writeFileSync(path, JSON.stringify({ ...chain, programs }));
  return path;
}

/** xdp-loader loads one program more, or takes the one off that it loaded last. */
async function loader({ rounds }: Plan, device: string, kind: Kind, programs: number, what: Change): Promise<Figures> {
  const file = objectFile(kind);
  const files = (count: number): readonly string[] => Array.from({ length: count }, () => file);
  const run = (...words: readonly string[]): string => execFileSync("xdp-loader", words, { encoding: "utf8" });
  const reset = (loaded: number): void => {
    if (run("status", device).includes("=>")) run("unload", device, "--all");
    if (loaded > 0) run("load", "--mode", "native", device, ...files(loaded));
  };
  try {
    if (what === "add")
      return await timed(
        rounds,
        () => reset(programs - 1),
        "xdp-loader",
        () => ["load", "--mode", "native", device, file],
      );
    return await timed(
      rounds,
      () => reset(programs),
      "xdp-loader",
      () => ["unload", device, "--id", lastId(run("status", device))],
    );
  } finally {
    reset(0);
  }
}

/** The id in the last row of `xdp-loader status`, whose columns are: => priority name id tag actions. */
function lastId(status: string): string {
  const row = status.split("\n").findLast((line) => line.includes("=>"))!;
  return row.trim().split(/ +/)[3]!;
}
