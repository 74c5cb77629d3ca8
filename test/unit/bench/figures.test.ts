/** What the benchmark makes of samples, and that it calls different things different. */
import { describe, expect, it } from "vitest";
import { above, quartiles, ratio } from "../../../bench/contest/figures.ts";
import { random } from "../../support/random.ts";

/** Rounds of a machine whose speed wanders by a tenth, and which is interrupted now and then. */
function noisy(figures: readonly number[], rounds: number, seed: number): readonly (readonly number[])[] {
  const choice = random(seed);
  const speeds = Array.from({ length: rounds }, () => 1 + choice.int(100) / 1000);
  const interruption = (): number => (choice.chance(0.05) ? 3 : 1);
  return figures.map((figure) => speeds.map((speed) => figure * speed * (1 + choice.int(20) / 1000) * interruption()));
}

describe("figures", () => {
  it.each([
    [[3], { q1: 3, median: 3, q3: 3 }],
    [[4, 1, 3, 2], { q1: 1.75, median: 2.5, q3: 3.25 }],
    [[5, 1, 4, 2, 3], { q1: 2, median: 3, q3: 4 }],
  ])("take quartiles of %j", (samples, expected) => {
    expect(quartiles(samples)).toEqual(expected);
  });

  it("have no quartiles of nothing", () => {
    expect(() => quartiles([])).toThrow(RangeError);
  });

  it("have no interval where samples do not differ", () => {
    expect(ratio([322, 322], [467, 467], [61, 61])).toEqual({ value: 261 / 406, low: 261 / 406, high: 261 / 406 });
    expect(above([322], [61])).toEqual({ value: 261, low: 261, high: 261 });
  });

  it("hold the true ratio in their interval, and nothing that is a tenth away", () => {
    const seeds = Array.from({ length: 40 }, (_, seed) => seed);
    const found = seeds.map((seed) => {
      const [a, b, empty] = noisy([90, 60, 10], 41, seed);
      return ratio(a!, b!, empty!);
    });
    const truth = 80 / 50;
    expect(found.filter(({ low, high }) => low <= truth && truth <= high).length).toBeGreaterThanOrEqual(36);
    expect(found.filter(({ low, high }) => low > truth * 0.9 && high < truth * 1.1)).toHaveLength(found.length);
  });

  it("are the same for the same samples", () => {
    const [a, b, empty] = noisy([90, 60, 10], 41, 1);
    expect(ratio(a!, b!, empty!)).toEqual(ratio(a!, b!, empty!));
  });
});
