/**
 * What samples say: medians with quartiles, and ratios with the interval that they may as well be in. The interval is from a
 * bootstrap over rounds: a round's samples stay together, since they were taken under the same conditions.
 */
import { random } from "../../test/support/random.ts";

/** A figure, and where it is in 95 of 100 repetitions. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface Quartiles {
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
}

/** One list for each contestant that takes part; the same round stands at the same index. */
type Samples = readonly number[];

const RESAMPLES = 1000;

/** By linear interpolation between the samples. @throws RangeError without a sample */
export function quartiles(samples: Samples): Quartiles {
  const sorted = samples.toSorted((a, b) => a - b);
  return { q1: quantile(sorted, 0.25), median: quantile(sorted, 0.5), q3: quantile(sorted, 0.75) };
}

function quantile(sorted: Samples, part: number): number {
  if (sorted.length === 0) throw new RangeError("no sample to take a quantile of");
  const at = part * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - below);
}

const median = (samples: Samples): number => quartiles(samples).median;

/** What the contestant takes beyond the empty run. */
export function above(samples: Samples, empty: Samples): Estimate {
  return estimate([samples, empty], ([a, floor]) => median(a!) - median(floor!));
}

/** The same of two contestants, one by the other. */
export function ratio(samples: Samples, other: Samples, empty: Samples): Estimate {
  return estimate([samples, other, empty], ([a, b, floor]) => {
    const zero = median(floor!);
    return (median(a!) - zero) / (median(b!) - zero);
  });
}

/**
 * @param figure of medians; it is taken of the samples, and of many draws of as many rounds from them
 * @param together how many lists, one after the other, were taken in the same rounds: their draws are the same; default all
 */
export function estimate(
  lists: readonly Samples[],
  figure: (lists: readonly Samples[]) => number,
  together = lists.length,
): Estimate {
  const value = figure(lists);
  const constant = lists.every((list) => list.every((sample) => sample === list[0]));
  if (constant) return { value, low: value, high: value };
  const rounds = Math.min(...lists.map((list) => list.length));
  // The same draws each time: the same samples give the same interval.
  const choice = random(1);
  const drawn = Array.from({ length: RESAMPLES }, () => {
    let indexes: readonly number[] = [];
    return figure(
      lists.map((list, k) => {
        if (k % together === 0) indexes = Array.from({ length: rounds }, () => choice.int(rounds));
        return indexes.map((index) => list[index]!);
      }),
    );
  }).toSorted((a, b) => a - b);
  return { value, low: quantile(drawn, 0.025), high: quantile(drawn, 0.975) };
}
