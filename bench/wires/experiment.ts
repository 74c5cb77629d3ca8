/**
 * A section whose rows are kept in a result file: measured here, or with `--kernel` in the virtual machine, by the same code.
 *
 *     section, command, method, caveats, environment    as texts; environment is that of where it was measured
 *     rows                                              as the section describes them
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Environment, thisEnvironment } from "../environment.ts";
import { commandOf, COMPILED, type Options, resultPath, type Section, scopeOf } from "../section.ts";

export interface Experiment<Row> {
  readonly name: string;
  readonly method: string;
  /** What the figures do not tell, or are wrong about. */
  readonly caveats: readonly string[];
  /** Compiles what is missing, on the machine that has the time for it. */
  prepare(): void;
  measure(options: Options): Promise<readonly Row[]> | readonly Row[];
  show(rows: readonly Row[]): readonly string[];
  /** Why the run counts as failed; undefined where it does not. */
  failure?(rows: readonly Row[]): string | undefined;
}

/** What a guest prints. */
export interface Report {
  readonly environment: Environment;
  readonly rows: readonly unknown[];
}

export function sectionOf<Row>(experiment: Experiment<Row>): Section<Row> {
  const { name, method, caveats } = experiment;
  return {
    quick: true,
    async measure(options) {
      const { kernel } = options;
      experiment.prepare();
      const { environment, rows } =
        kernel === undefined ? await here(experiment, options) : await inGuest(name, options);
      const file = kernel === undefined ? name : `${name}-${kernel}`;
      const head = { section: name, command: commandOf(name, options), method, caveats, environment };
      write(resultPath(file, scopeOf(options)), head, rows);
      return rows as readonly Row[];
    },
    show: (rows) => experiment.show(rows),
    failure: (rows) => experiment.failure?.(rows),
  };
}

export async function here<Row>(experiment: Experiment<Row>, options: Options): Promise<Report> {
  const rows = await experiment.measure(options);
  const environment = thisEnvironment();
  const guest = process.env["XDPGEN_VM"] !== undefined;
  return { environment: guest ? { ...environment, machine: "QEMU's TCG, 1 processor" } : environment, rows };
}

/** A line for each row, so that a change of one figure is a change of one line. */
function write(path: string, head: object, rows: readonly unknown[]): void {
  mkdirSync(dirname(path), { recursive: true });
  const opened = JSON.stringify(head, undefined, 2).replace(/\n\}$/, "");
  const lines = rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n");
  writeFileSync(path, `${opened},\n  "rows": [\n${lines}\n  ]\n}\n`);
}

/** @throws Error where the guest or what runs in it fails */
async function inGuest(name: string, { kernel, quick, smoke, progress }: Options): Promise<Report> {
  const flags = [...(quick ? ["--quick"] : []), ...(smoke ? ["--smoke"] : [])];
  const command = ["node", "--expose-gc", `${COMPILED}/bench/wires/guest.js`, name, ...flags];
  const harness = ["--import", "tsx", "scripts/vm/main.ts", "--kernel", kernel!, "--timeout", "5400"];
  const child = spawn(process.execPath, [...harness, "--", ...command], { stdio: ["ignore", "pipe", "pipe"] });
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
  if (status !== 0) throw new Error(`the virtual machine ended with ${status}:\n${said}`);
  return JSON.parse(output) as Report;
}
