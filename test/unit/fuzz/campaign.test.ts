/** Whose turn it is, with runners that only pretend to work: each takes as long as the clock is moved by. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Entry, campaign } from "../../fuzz/campaign.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function entry(name: string, seconds: number, order: string[]): Entry {
  return {
    target: { name, claim: "", cases: 10, run: () => 0 },
    runner: {
      run({ cases }) {
        order.push(name);
        vi.advanceTimersByTime(seconds * 1000);
        return Promise.resolve({ cases });
      },
      stop() {},
    },
  };
}

const silent = { began() {}, ended() {}, failed() {}, stopped: () => false };

test("the target that has had the least time is next", async () => {
  const order: string[] = [];
  const entries = [entry("slow", 10, order), entry("fast", 1, order)];
  const results = await campaign(entries, { seed: 1, seconds: 20, cases: Infinity }, silent);
  expect(order.slice(0, 12)).toEqual(["slow", ...Array.from({ length: 10 }, () => "fast"), "slow"]);
  expect(results.map(({ name, seconds }) => [name, seconds])).toEqual([
    ["slow", 20],
    ["fast", 20],
  ]);
});

test("each target has its cases, and the last batch is as small as what is left", async () => {
  const order: string[] = [];
  const results = await campaign([entry("one", 1, order)], { seed: 1, seconds: Infinity, cases: 25 }, silent);
  expect(results).toMatchObject([{ state: "passed", cases: 25 }]);
  expect(order).toHaveLength(3);
});
