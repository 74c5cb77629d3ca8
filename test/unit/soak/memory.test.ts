/** What a process grows by with each swap, from samples of its memory. */
import { expect, test } from "vitest";
import { growth } from "../../soak/memory.ts";

const samples = (count: number, bytes: (swaps: number) => number) =>
  Array.from({ length: count + 1 }, (_, swaps) => ({ swaps, bytes: bytes(swaps) }));

test("what is kept of each swap is the slope", () => {
  const found = growth(samples(200, (swaps) => 1e8 + 5000 * swaps));
  expect(found).toEqual({ bytes: 101_000_000, swaps: 100, perSwap: expect.closeTo(5000, 6) });
});

test("noise around a level is none", () => {
  const { perSwap } = growth(samples(2000, (swaps) => 1e8 + (swaps % 2) * 1e6));
  expect(Math.abs(perSwap!)).toBeLessThan(10);
});

test("what grows before the later half does not count", () => {
  expect(growth(samples(200, (swaps) => 1e8 + 5000 * Math.min(swaps, 100))).perSwap).toBeCloseTo(0, 6);
});

test("too few swaps are not judged", () => {
  expect(growth(samples(198, (swaps) => 1e8 + 1e6 * swaps)).perSwap).toBeUndefined();
  expect(growth([{ swaps: 9, bytes: 1 }]).perSwap).toBeUndefined();
  expect(growth([])).toEqual({ bytes: 0, swaps: 0, perSwap: undefined });
});

test.each([100, 120, 150, 180])("a step down at swap %i hides no growth", (at) => {
  const { perSwap } = growth(samples(200, (swaps) => 1e8 + 5000 * swaps - (swaps >= at ? 3e7 : 0)));
  expect(perSwap).toBeCloseTo(5000, 6);
});
