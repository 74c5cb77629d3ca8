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
