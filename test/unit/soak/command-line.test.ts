/** What the words of `npm run soak` ask for. */
import { expect, test } from "vitest";
import { readCommandLine } from "../../soak/command-line.ts";

test("without words it runs for ten minutes, with all that the kernel takes", () => {
  const { seed, ...rest } = readCommandLine([]) as Exclude<ReturnType<typeof readCommandLine>, "help">;
  expect(rest).toEqual({
    minutes: 10,
    swaps: Infinity,
    mode: "native",
    linkage: undefined,
    deed: undefined,
    json: false,
  });
  expect(seed).toBeLessThan(2 ** 32);
});

test("all words", () => {
  const words = [
    "--swaps",
    "9",
    "--mode",
    "generic",
    "--linkage",
    "freplace",
    "--deed",
    "swap",
    "--seed",
    "0",
    "--json",
  ];
  const asked = {
    minutes: Infinity,
    swaps: 9,
    mode: "generic",
    linkage: "freplace",
    deed: "swap",
    seed: 0,
    json: true,
  };
  expect(readCommandLine(words)).toEqual(asked);
});

test.each([
  [["--minutes", "0"], '--minutes takes a whole number up to 100000, not "0"'],
  [["--minutes", "1", "--swaps", "1"], "--minutes and --swaps: give one of them"],
  [["--seed", "4294967296"], '--seed takes a whole number up to 4294967295, not "4294967296"'],
  [["--mode", "hw"], 'not "hw"'],
  [["--linkage", "tail"], '--linkage takes freplace, call, inline, not "tail"'],
  [["--hours", "1"], "--hours"],
])("%j is refused with what it takes", (words, message) => {
  expect(() => readCommandLine(words)).toThrow(message);
});
