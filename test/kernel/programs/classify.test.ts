/** The classifier alone, on frames of every shape, by BPF_PROG_TEST_RUN. */
import { describe, expect, test } from "vitest";
import { ethernet, frame, ipv4, ipv6, tcp, udp, vlan, type Layer } from "../../../src/packets/index.ts";
import { kernelMissing, loadSample, u32 } from "../../support/samples.ts";
import { DROP, PASS, ping, TX } from "./frames.ts";

const REDIRECT = 4;
const id = (number: number): Uint8Array => new Uint8Array(Uint16Array.of(number).buffer);

describe.skipIf(kernelMissing())("classify", () => {
  const VLANS = [
    [10, TX],
    [20, REDIRECT],
    [0, PASS],
    [4094, 31],
  ] as const;

  test.each<[string, readonly Layer[], number]>([
    ["a listed VLAN", [ethernet(), vlan({ id: 10 }), ipv4(), udp()], TX],
    ["another one, of any priority", [ethernet(), vlan({ id: 20, priority: 7 }), ipv6(), tcp()], REDIRECT],
    ["a priority tag", [ethernet(), vlan({ id: 0, priority: 3 }), ipv4(), udp()], PASS],
    ["a code that is no action", [ethernet(), vlan({ id: 4094 }), ipv4(), udp()], 31],
    ["the outer of two tags", [ethernet(), vlan({ id: 10, service: true }), vlan({ id: 20 }), ipv4(), udp()], TX],
    ["not the inner one", [ethernet(), vlan({ id: 11 }), vlan({ id: 20 }), ipv4(), udp()], DROP],
    ["a VLAN that is not listed", [ethernet(), vlan({ id: 11 }), ipv4(), udp()], DROP],
    ["an untagged frame", ping, DROP],
  ])("%s", async (_name, layers, verdict) => {
    using classify = loadSample("classify");
    for (const [number, action] of VLANS) classify.update("classify_tenants", id(number), u32(action));
    const data = frame(...layers);
    expect(await classify.run(data)).toEqual({ verdict, frame: data });
  });

  test("what is not listed, untagged or cut short is as unknown as it was told", async () => {
    using classify = loadSample("classify", { unknown: PASS });
    classify.update("classify_tenants", id(10), u32(TX));
    const tagged = frame(ethernet(), vlan({ id: 10 }), ipv4(), udp());
    expect((await classify.run(tagged)).verdict).toBe(TX);
    expect((await classify.run(tagged.subarray(0, 18))).verdict).toBe(TX);
    for (const data of [tagged.subarray(0, 17), tagged.subarray(0, 14), frame(...ping)])
      expect((await classify.run(data)).verdict).toBe(PASS);
  });
});
