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

/**
 * The median over all stretches of a quarter. The engine gives tens of megabytes back at once, now and then: only a third of the
 * stretches can have one such step in them, and it hides nothing.
 */
function slope(samples: readonly Sample[]): number {
  const lag = Math.max(1, samples.length >> 2);
  const slopes = samples.slice(lag).flatMap(({ swaps, bytes }, at) => {
    const from = samples[at]!;
    return swaps > from.swaps ? [(bytes - from.bytes) / (swaps - from.swaps)] : [];
  });
  return slopes.toSorted((a, b) => a - b)[slopes.length >> 1] ?? 0;
}
