/** What `npm run bench` is made of: sections that are measured in a process of their own each, and shown one after another. */

export interface Options {
  /** Everything once and briefly, to see that it works. The figures mean nothing. */
  readonly smoke: boolean;
  /** Says on a terminal what is being measured. */
  readonly progress: (what: string) => void;
}

export interface Section<Row> {
  measure(options: Options): Promise<readonly Row[]> | readonly Row[];
  /** The rows as lines of text, the first of which says what they are. */
  show(rows: readonly Row[]): readonly string[];
}
