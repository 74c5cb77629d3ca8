/** The VLAN tag remover alone, on frames of every shape, by BPF_PROG_TEST_RUN. */
import { describe, expect, test } from "vitest";
import { ethernet, frame, ipv4, ipv6, udp, vlan, type Layer } from "../../../src/packets/index.ts";
import { kernelMissing, loadSample } from "../../support/samples.ts";
import { PASS, ping } from "./frames.ts";

describe.skipIf(kernelMissing())("vlan-pop", () => {
  test.each<[string, readonly Layer[], readonly Layer[]]>([
    [
      "its VLAN goes on untagged",
      [ethernet(), vlan({ id: 7, priority: 5 }), ipv4(), udp()],
      [ethernet(), ipv4(), udp()],
    ],
    [
      "the inner tag stays",
      [ethernet(), vlan({ id: 7 }), vlan({ id: 8 }), ipv6(), udp()],
      [ethernet(), vlan({ id: 8 }), ipv6(), udp()],
    ],
  ])("%s", async (_name, before, after) => {
    using pop = loadSample("vlan-pop", { vlan_id: 7 });
    expect(await pop.run(frame(...before))).toEqual({ verdict: PASS, frame: frame(...after) });
    expect(pop.count("vlan_popped")).toBe(1);
  });

  test.each<[string, readonly Layer[]]>([
    ["another VLAN", [ethernet(), vlan({ id: 8 }), ipv4(), udp()]],
    ["an untagged frame", ping],
    ["a service tag of that id", [ethernet(), vlan({ id: 7, service: true }), ipv4(), udp()]],
  ])("%s stays", async (_name, layers) => {
    using pop = loadSample("vlan-pop", { vlan_id: 7 });
    const data = frame(...layers);
    expect(await pop.run(data)).toEqual({ verdict: PASS, frame: data });
  });

  test("a tag that is cut short stays", async () => {
    using pop = loadSample("vlan-pop", { vlan_id: 7 });
    const data = frame(ethernet(), vlan({ id: 7 }), ipv4()).subarray(0, 17);
    expect(await pop.run(data)).toEqual({ verdict: PASS, frame: data });
  });

  test("no VLAN unless one is set", async () => {
    using pop = loadSample("vlan-pop");
    const data = frame(ethernet(), vlan({ id: 4094 }), ipv4());
    expect((await pop.run(data)).frame).toEqual(data);
  });
});
