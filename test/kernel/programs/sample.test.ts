/** The sampling tap alone, by BPF_PROG_TEST_RUN. What is in a sample, test/kernel/templates.test.ts reads. */
import { describe, expect, test } from "vitest";
import { ethernet, frame, ipv4, payload, udp } from "../../../src/packets/index.ts";
import { kernelMissing, loadSample, type Sample, u32 } from "../../support/samples.ts";
import { PASS, ping } from "./frames.ts";

const taken = (sample: Sample): number => sample.count("samples_taken", u32(0));
const lost = (sample: Sample): number => sample.count("samples_taken", u32(1));

describe.skipIf(kernelMissing())("sample", () => {
  test("takes every packet, of any length, and changes none", async () => {
    using sample = loadSample("sample", { one_in: 1 });
    for (let length = 14; length < 200; length++) {
      const data = frame(ethernet(), payload(length - 14));
      expect(await sample.run(data)).toEqual({ verdict: PASS, frame: data });
    }
    expect([taken(sample), lost(sample)]).toEqual([186, 0]);
  });

  test("takes none", async () => {
    using sample = loadSample("sample", { one_in: 0 });
    for (let k = 0; k < 100; k++) expect((await sample.run(frame(...ping))).verdict).toBe(PASS);
    expect([taken(sample), lost(sample)]).toEqual([0, 0]);
  });

  test("takes one in four, by chance", async () => {
    using sample = loadSample("sample", { one_in: 4 });
    const data = frame(ethernet(), ipv4(), udp());
    for (let k = 0; k < 1000; k++) await sample.run(data);
    // 250 were even; a fair choice is further off than 100 once in 10^13 times.
    expect(Math.abs(taken(sample) - 250)).toBeLessThan(100);
  });

  test("counts what a full ring buffer had no room for", async () => {
    using sample = loadSample("sample", { one_in: 1 });
    const record = 8 + 88;
    const room = Math.floor((2 ** 20 - 1) / record);
    const { verdict } = await sample.run(frame(...ping), undefined, room + 5);
    expect(verdict).toBe(PASS);
    expect(taken(sample) + lost(sample)).toBe(room + 5);
    expect(lost(sample)).toBe(5);
  });
});
