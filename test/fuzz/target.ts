/**
 * A fuzz target: one claim, checked over generated cases against somebody else's tool or against any bytes at all. The
 * same target runs thousands of cases in `npm test` and as many as there is time for in `npm run fuzz`.
 */
export interface FuzzTarget {
  /** Also the name of its file: `asm-llvm`. */
  readonly name: string;
  /** The claim, as a sentence. */
  readonly claim: string;
  /** Cases in `npm test`: as many as take a few seconds. */
  readonly cases: number;
  /** Cases that `npm run fuzz` asks for at a time, where those of `npm test` would take minutes. */
  readonly batch?: number;
  /** Loads programs or types into the kernel: needs root, and runs with the kernel's tests. */
  readonly needsKernel?: true;
  /** Why it cannot run on this machine, if so. */
  unavailable?(): string | undefined;
  /**
   * Runs about `cases` cases. The same seed gives the same cases.
   * @returns how many cases were checked
   * @throws Error that shows the failing case, as small as it can be made
   */
  run(seed: number, cases: number): number | Promise<number>;
}
