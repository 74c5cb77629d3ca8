/** Medians of several rounds. One figure alone says little on a shared machine. */

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** @throws RangeError without a value */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => {
    const value = sorted[index];
    if (value === undefined) throw new RangeError("no value to take the median of");
    return value;
  };
  return { min: at(0), median: at(sorted.length >> 1), max: at(sorted.length - 1) };
}

/** `median  (minimum to maximum)`. */
export function showSpread({ min, median, max }: Spread, digits: number): string {
  return `${median.toFixed(digits).padStart(8)}  (${min.toFixed(digits)} to ${max.toFixed(digits)})`;
}

/** Long enough for the engine to have compiled what it will. */
const WARM_UP = 500;

/** Milliseconds of one call, of as many calls as rounds; of a single round, without warming up. */
export function milliseconds(rounds: number, run: () => unknown): Spread {
  const until = performance.now() + (rounds > 1 ? WARM_UP : 0);
  while (performance.now() < until) run();
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
  return spread(times);
}
