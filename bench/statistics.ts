/** Medians of several rounds. One figure alone says little on a shared machine. */
import { quartiles } from "./contest/figures.ts";

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** @throws RangeError without a value */
export function spread(values: readonly number[]): Spread {
  return { min: Math.min(...values), median: quartiles(values).median, max: Math.max(...values) };
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
