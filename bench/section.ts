/** What `npm run bench` is made of: sections that are measured in a process of their own each, and shown one after another. */

export interface Options {
  /** Everything once and briefly, to see that it works. The figures mean nothing. */
  readonly smoke: boolean;
  /** Fewer works and rounds, for each submission. The figures mean something. */
  readonly quick: boolean;
  /** Of the virtual machine, for sections that run in one. */
  readonly kernel: string | undefined;
  /** Take today's counts for those that later ones are held against. */
  readonly updateBaseline: boolean;
  /** Says on a terminal what is being measured. */
  readonly progress: (what: string) => void;
}

export interface Section<Row> {
  /** It has a shorter form, and takes part in `--quick` where no section is named. */
  readonly quick?: true;
  measure(options: Options): Promise<readonly Row[]> | readonly Row[];
  /** The rows as lines of text, the first of which says what they are. */
  show(rows: readonly Row[]): readonly string[];
  /** Why the run counts as failed; undefined where it does not. */
  failure?(rows: readonly Row[], options: Options): string | undefined;
}

/** Where `main.ts` compiles everything to: below node_modules, where packages are found from. */
export const COMPILED = "node_modules/.cache/xdpgen-bench";

export const scopeOf = ({ smoke, quick }: Options): "full" | "quick" | "smoke" =>
  smoke ? "smoke" : quick ? "quick" : "full";

/** Full runs are kept in the checkout, for reports; others beside what was compiled. */
export const resultPath = (name: string, scope: ReturnType<typeof scopeOf>): string =>
  scope === "full" ? `bench/results/${name}.json` : `${COMPILED}/results/${name}-${scope}.json`;

/** The command that makes a section's figures. */
export function commandOf(section: string, options: Options): string {
  const words = [options.quick ? "--quick" : "", options.kernel === undefined ? "" : `--kernel ${options.kernel}`];
  return ["npm run bench --", section, ...words].filter((word) => word !== "").join(" ");
}
