/**
 * Whether the process grows with the swaps that it makes. What garbage collection can take back is no leak, so it is asked to
 * first; what is left still grows by pages for a while, with code that is compiled and caches that fill, so the first half of a
 * run does not count.
 */

export interface Sample {
  /** Made so far. */
  readonly swaps: number;
  /** Resident, of the whole process. */
  readonly bytes: number;
}

export interface Growth {
  /** Resident at the end. */
  readonly bytes: number;
  /** In the later half. */
  readonly swaps: number;
  /** Bytes, over these swaps; undefined where they are fewer than `JUDGED_SWAPS`. */
  readonly perSwap: number | undefined;
}

/** Over fewer, a few pages that the engine takes are a slope. */
export const JUDGED_SWAPS = 100;

/** Needs `node --expose-gc`, which `npm run soak` says. */
export function residentBytes(): number {
  if (!globalThis.gc) throw new Error("node was started without --expose-gc: use npm run soak");
  globalThis.gc();
  return process.memoryUsage.rss();
}

export function growth(samples: readonly Sample[]): Growth {
  const { swaps: all, bytes } = samples.at(-1) ?? { swaps: 0, bytes: 0 };
  const later = samples.filter(({ swaps }) => swaps >= all / 2);
  const swaps = all - (later[0]?.swaps ?? all);
  return { bytes, swaps, perSwap: swaps < JUDGED_SWAPS ? undefined : slope(later) };
}

/** Of the straight line that fits best. */
function slope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
  const [x, y] = [mean(samples.map(({ swaps }) => swaps)), mean(samples.map(({ bytes }) => bytes))];
  const sum = (of: (sample: Sample) => number): number => samples.reduce((total, sample) => total + of(sample), 0);
  return sum(({ swaps, bytes }) => (swaps - x) * (bytes - y)) / sum(({ swaps }) => (swaps - x) ** 2);
}
