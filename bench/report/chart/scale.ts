/** From figures to places on an axis, and the figures that are written beside it. */

export interface Scale {
  readonly ticks: readonly number[];
  /** 0 at the axis' begin, 1 at its end. */
  at(value: number): number;
}

/** From 0 to a round figure. @param values at least one above 0 */
export function linear(values: readonly number[], steps = 5): Scale {
  const most = Math.max(...values);
  const rough = most / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough * 0.999)!;
  const end = step * Math.ceil((most / step) * 0.999);
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, k) => Number((k * step).toPrecision(6)));
  return { ticks, at: (value) => value / end };
}

/** From 1, 2 or 5 times a power of ten to another. @param values all above 0 */
export function logarithmic(values: readonly number[]): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const from = Math.floor(Math.log10(least));
  const all = Array.from({ length: Math.ceil(Math.log10(most)) - from + 1 }, (_, k) => 10 ** (from + k)).flatMap(
    (power) => [power, 2 * power, 5 * power],
  );
  const first = all.findLast((tick) => tick <= least)!;
  const last = all.find((tick) => tick >= most)!;
  const ticks = all.filter((tick) => tick >= first && tick <= last).map((tick) => Number(tick.toPrecision(6)));
  return { ticks, at: (value) => Math.log(value / first) / Math.log(last / first) };
}
