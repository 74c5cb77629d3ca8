/** The rate limit alone, on frames of every shape, by BPF_PROG_TEST_RUN. */
import { describe, expect, test } from "vitest";
import { arp, ethernet, frame, ipv4, ipv6Bytes, udp, type Layer } from "../../../src/packets/index.ts";
import { kernelMissing, loadSample, type Sample, u64 } from "../../support/samples.ts";
import { PASS, ping, ping6 } from "./frames.ts";

describe.skipIf(kernelMissing())("ratelimit", () => {
  const passed = async (sample: Sample, layers: readonly Layer[], count: number): Promise<number> => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += (await sample.run(frame(...layers))).verdict === PASS ? 1 : 0;
    return sum;
  };

  test("a burst and no more, for each source of its own", async () => {
    using limit = loadSample("ratelimit", { rate_pps: 0, burst: 3 });
    expect(await passed(limit, ping, 10)).toBe(3);
    expect(await passed(limit, ping6, 10)).toBe(3);
    expect(await passed(limit, [ethernet(), ipv4({ src: "192.0.2.77" }), udp()], 10)).toBe(3);
    expect(limit.count("ratelimit_drops")).toBe(21);
  });

  test("what has no IP source is not limited", async () => {
    using limit = loadSample("ratelimit", { rate_pps: 0, burst: 0 });
    expect(await passed(limit, [ethernet(), arp({ senderIp: "192.0.2.1", targetIp: "192.0.2.2" })], 5)).toBe(5);
    expect(await passed(limit, ping, 5)).toBe(0);
  });

  /** The source of `ping` as the buckets know it: ::ffff:192.0.2.1. */
  const source = ipv6Bytes("::ffff:c000:201");
  const EMPTY = 0n;
  /** Seconds that the machine may take between setting a bucket and the packet that looks at it. */
  const PATIENCE = 1;

  // Tokens that one packet leaves in a bucket that was empty so many seconds ago. With a full bucket this is exact.
  test.each([
    ["two seconds at 5 per second", { rate_pps: 5, burst: 100 }, 2, 9],
    ["a fraction of a token is kept", { rate_pps: 3, burst: 100 }, 0.5, 0.5],
    ["ten seconds, past 32 bits of nanoseconds", { rate_pps: 2, burst: 100 }, 10, 19],
    ["two seconds, full and not more", { rate_pps: 1000, burst: 7 }, 2, 6],
    ["an hour (or since boot), full and not more", { rate_pps: 1000, burst: 7 }, 3600, 6],
    ["a product past 64 bits", { rate_pps: 2 ** 31, burst: 4_000_000_000 }, 2 ** 33 / 1e9, 3_999_999_999],
  ])("refill: %s", async (_name, globals, seconds, left) => {
    using limit = loadSample("ratelimit", globals);
    const ago = process.hrtime.bigint() - BigInt(Math.round(seconds * 1e9));
    const then = ago > 0n ? ago : 1n;
    limit.update("buckets", source, Uint8Array.from([...u64(EMPTY), ...u64(then)]));
    expect(await passed(limit, ping, 1)).toBe(1);
    expect(limit.count("buckets", source, 8)).toBeGreaterThan(Number(then));
    const tokens = limit.count("buckets", source) / 1e9;
    expect(tokens).toBeGreaterThanOrEqual(left);
    expect(tokens).toBeLessThanOrEqual(Math.min(left + globals.rate_pps * PATIENCE, globals.burst - 1));
  });

  test("a packet that finds less than one token is dropped, and what there is stays", async () => {
    using limit = loadSample("ratelimit", { rate_pps: 0, burst: 10 });
    limit.update("buckets", source, Uint8Array.from([...u64(999_999_999n), ...u64(process.hrtime.bigint())]));
    expect(await passed(limit, ping, 3)).toBe(0);
    expect(limit.count("buckets", source)).toBe(999_999_999);
  });
});
