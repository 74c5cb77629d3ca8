/** A section whose rows are kept in a result file: measured here, or with `--kernel` in the virtual machine, by the same code. */
import { type Environment, guestMachine, thisEnvironment } from "../environment.ts";
import { inGuest } from "../in-guest.ts";
import { type Words, writeKept } from "../kept.ts";
import { commandOf, type Options, resultPath, type Section, scopeOf } from "../section.ts";

export interface Experiment<Row> extends Words {
  readonly name: string;
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
        kernel === undefined ? await here(experiment, options) : await there(name, kernel, options);
      const file = kernel === undefined ? name : `${name}-${kernel}`;
      const head = { section: name, command: commandOf(name, options), method, caveats, environment };
      writeKept(resultPath(file, scopeOf(options)), head, rows);
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
  return { environment: guest ? { ...environment, machine: guestMachine() } : environment, rows };
}

/** Seconds: an emulated processor takes ten to start Node. */
const TIMEOUT = 5400;

async function there(name: string, kernel: string, options: Options): Promise<Report> {
  return (await inGuest({ kernel, timeout: TIMEOUT }, ["wires/guest.js", name], options)) as Report;
}
