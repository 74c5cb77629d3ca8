/** The runner of `npm run fuzz` against targets that misbehave, and what the targets are made with. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Result } from "../../fuzz/campaign.ts";
import { UsageError, readCommandLine } from "../../fuzz/command-line.ts";
import { guided } from "../../fuzz/guided.ts";
import { shrinkList } from "../../fuzz/shrink.ts";
import { targetNames } from "../../fuzz/targets.ts";
import { random } from "../../support/random.ts";

const MAIN = fileURLToPath(new URL("../../fuzz/main.ts", import.meta.url));
const FIXTURES = fileURLToPath(new URL("../../fuzz/fixtures", import.meta.url));

function fuzz(...words: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const node = ["--import", "tsx", MAIN, "--folder", FIXTURES, ...words];
  return spawnSync(process.execPath, node, { encoding: "utf8" });
}

describe("npm run fuzz", () => {
  test("finds a failure, a crash and a leak, and goes on with the other targets", { timeout: 60_000 }, () => {
    const names = ["passes", "cannot", "fails", "grows", "dies"];
    const { status, stdout, stderr } = fuzz(...names, "--cases", "10", "--seed", "6", "--memory", "400", "--json");
    const results = (JSON.parse(stdout) as { targets: Result[] }).targets;
    const told = new Map(results.map((result) => [result.name, result]));
    expect(told.get("passes")).toMatchObject({ state: "passed", cases: 10 });
    expect(told.get("cannot")).toMatchObject({ state: "skipped", reason: "no machine has what it needs" });
    expect(told.get("fails")).toMatchObject({ state: "failed", cases: 4, batch: { seed: 7, cases: 4 } });
    expect(told.get("grows")).toMatchObject({ failure: expect.stringMatching(/it uses \d+ MB of memory, and 400 MB/) });
    expect(told.get("dies")).toMatchObject({ failure: "its process ended by SIGSEGV\nsome last words" });
    expect(status).toBe(1);
    expect(stderr).toContain("the seed 7 is odd");
    expect(stderr).toContain(`again: npm run fuzz -- fails --seed 7 --cases 4 --memory 400 --folder ${FIXTURES}\n`);
  });

  test("tells a process that died between two batches from a slow one", { timeout: 60_000 }, () => {
    const { status, stdout } = fuzz("dies-later", "waits", "--cases", "8", "--seed", "1", "--json");
    const results = (JSON.parse(stdout) as { targets: Result[] }).targets;
    expect(results.find(({ name }) => name === "dies-later")).toMatchObject({
      failure: "its process ended with status 3 after it had answered the batch before",
    });
    expect(results.find(({ name }) => name === "waits")).toMatchObject({ state: "passed", cases: 8 });
    expect(status).toBe(1);
  });

  test("ends a batch that hangs", { timeout: 60_000 }, () => {
    const { status, stdout, stderr } = fuzz("hangs", "--seed", "1", "--limit", "2");
    expect(status).toBe(1);
    expect(stderr).toContain("the batch was not done after 2 s");
    expect(stdout).toMatch(/^hangs +0 +\d+\.\d +0 +failed$/m);
    expect(stdout).toContain("0 passed, 1 failed; first seed 1");
  });

  test("explains a wrong command line, with status 2", { timeout: 60_000 }, () => {
    const { status, stderr } = fuzz("pases");
    expect(status).toBe(2);
    expect(stderr).toContain('there is no target "pases", did you mean passes?');
    expect(stderr).toContain("npm run fuzz -- [TARGET…] [options]");
  });

  test.each([
    [["--minutes", "0"], '--minutes takes a number above 0, not "0"'],
    [["--cases=-1"], '--cases takes a whole number from 1, not "-1"'],
    [["--seed", "4294967296"], "--seed takes 32 bits, not 4294967296"],
    [["--limit", "1.5"], '--limit takes whole seconds from 1, not "1.5"'],
    [["--folder", "/nowhere"], "--folder /nowhere cannot be read"],
    [["--what"], "--what"],
  ])("refuses %j", (words, message) => {
    expect(() => readCommandLine(words)).toThrow(UsageError);
    expect(() => readCommandLine(words)).toThrow(message);
  });

  test("takes all targets for ten minutes unless it is told otherwise", () => {
    const folder = ["--folder", FIXTURES];
    expect(readCommandLine(folder)).toMatchObject({ minutes: 10, cases: Infinity, names: targetNames(FIXTURES) });
    expect(readCommandLine([...folder, "fails", "--cases", "7"])).toMatchObject({
      minutes: Infinity,
      cases: 7,
      names: ["fails"],
    });
  });
});

describe("guided", () => {
  test("follows what is newly reached, and shows the smallest input that fails", () => {
    // Chance alone passes these once in 2^24 inputs that are long enough.
    const check = (bytes: Uint8Array): void => {
      if (bytes[0] !== 0x42) return;
      if (bytes[1] !== 0x54) return;
      if (bytes[2] === 0x46) throw new Error("found");
    };
    const options = { seeds: [new Uint8Array(3)], check, cases: 200_000, seed: 1 };
    const files = /unit\/fuzz\/runner\.test\.ts/;
    expect(() => guided({ ...options, name: "follows", files })).toThrow("with 3 bytes: 425446");
    expect(guided({ ...options, name: "blind", cases: 10_000, files: /nothing/ })).toBeGreaterThanOrEqual(10_000);
  });

  test("goes on in the next batch from what it has bred", () => {
    const heads: string[] = [];
    const check = (bytes: Uint8Array): void => {
      if (bytes[0] !== 0x42) return;
      if (bytes[1] === 0x54) heads.push("BT");
    };
    const options = { name: "bred", seeds: [new Uint8Array(3)], check, files: /unit\/fuzz\/runner\.test\.ts/ };
    guided({ ...options, cases: 100_000, seed: 1 });
    expect(heads.length).toBeGreaterThan(0);
    heads.length = 0;
    guided({ ...options, cases: 256, seed: 2 });
    // From zeros alone two right bytes come once in many thousands.
    expect(heads.length).toBeGreaterThan(0);
  });
});

test("shrinkList leaves only what the failure needs", () => {
  const list = Array.from({ length: 100 }, (_, index) => index);
  expect(shrinkList(list, (items) => items.includes(17) && items.includes(80))).toEqual([17, 80]);
});

test("random gives the same for a seed, and all values alike often", () => {
  const [a, b] = [random(7), random(7)];
  expect(Array.from({ length: 100 }, () => a.bits32())).toEqual(Array.from({ length: 100 }, () => b.bits32()));
  const counts = Array.from({ length: 10 }, () => 0);
  for (let draw = 0; draw < 100_000; draw++) counts[a.int(10)]!++;
  // Ten standard deviations.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(1000);
  expect(a.bytes(7)).toHaveLength(7);
});
