/** What `xdpgen test` says of checks that came out as a test wants. */
import { expect, it } from "vitest";
import type { CheckOutcome, TestOptions } from "../../../src/loader/index.ts";
import { run } from "./fake.ts";

const passed: CheckOutcome = { name: "dns passes", maps: "fresh", frames: 2, failures: [] };
const failed: CheckOutcome = {
  name: "ping",
  maps: "fresh",
  frames: 3,
  failures: [
    { frame: 1, packet: "60 bytes: ping", verdict: { expected: "tx", actual: "31" } },
    { frame: 3, packet: "60 bytes: pong", path: { expected: ["a", "b"], actual: [] }, difference: ["0000  x", "   y"] },
  ],
};
const skipped: CheckOutcome = { name: "list", maps: "live", frames: 0, failures: [], skipped: "no --dev" };

const test = (outcomes: readonly CheckOutcome[], words = "") => {
  const asked: TestOptions[] = [];
  const testChain = async (_: unknown, options: TestOptions): Promise<readonly CheckOutcome[]> => {
    asked.push(options);
    return outcomes;
  };
  return run(`test chain.yaml ${words}`, { library: { testChain } }).then((ended) => ({ ...ended, asked }));
};

it("a line for each check, what differs, and counts", async () => {
  const { status, out } = await test([passed, failed, skipped]);
  expect(status).toBe(1);
  expect(out).toBe(
    [
      "passed   dns passes, 2 frames",
      "failed   ping, 2 of 3 frames",
      "    check `ping`, frame 1: 60 bytes: ping",
      "      verdict  expected tx, got 31",
      "    check `ping`, frame 3: 60 bytes: pong",
      "      path     expected a > b, got no program",
      "      packet   0000  x",
      "                  y",
      "skipped  list: no --dev",
      "chain edge: 1 passed, 1 failed, 1 skipped",
      "",
    ].join("\n"),
  );
});

it("status 0 where none fails, and a word where there is none", async () => {
  expect(await test([passed])).toMatchObject({ status: 0, out: expect.stringContaining("1 passed, 0 failed\n") });
  expect(await test([])).toMatchObject({ status: 0, out: "chain edge: no checks: list them under `checks:`\n" });
});

it("the same for programs", async () => {
  const { status, out } = await test([passed, failed, skipped], "--json");
  expect(status).toBe(1);
  expect(JSON.parse(out)).toEqual({
    chain: "edge",
    passed: 1,
    failed: 1,
    skipped: 1,
    checks: [passed, failed, skipped],
  });
});

it("hands its options on", async () => {
  const { asked } = await test([passed], "--dev eth0 --only ping --linkage call");
  expect(asked).toMatchObject([{ device: "eth0", only: "ping", linkage: "call" }]);
});
