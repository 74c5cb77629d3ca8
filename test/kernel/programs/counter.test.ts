/** The counter alone, on frames of every shape, by BPF_PROG_TEST_RUN. */
import { describe, expect, test } from "vitest";
import {
  arp,
  ethernet,
  fragment6,
  frame,
  icmpEcho,
  ipv4,
  ipv6,
  options6,
  tcp,
  udp,
  vlan,
  type Layer,
} from "../../../src/packets/index.ts";
import { kernelMissing, loadSample, u32 } from "../../support/samples.ts";
import { PASS, body, options, ping, ping6 } from "./frames.ts";

const behind = (extensions: number): Layer[] => Array.from({ length: extensions }, () => options6());

describe.skipIf(kernelMissing())("counter", () => {
  test("every frame under its protocol, and in the totals", async () => {
    using counter = loadSample("counter");
    const seen = new Map<string, { packets: number; bytes: number }>();
    const shapes: readonly (readonly [number, number, readonly Layer[]])[] = [
      [0x0800, 1, ping],
      [0x0800, 1, [ethernet(), vlan({ id: 3 }), ipv4({ options }), icmpEcho(), body]],
      [0x0800, 6, [ethernet(), ipv4(), tcp()]],
      [0x86dd, 58, ping6],
      [0x86dd, 17, [ethernet(), ipv6(), options6({ header: 0 }), options6({ header: 43 }), fragment6(), udp()]],
      [0x86dd, 17, [ethernet(), ipv6(), fragment6({ offset: 8, protocol: 17 }), body]],
      [0x86dd, 17, [ethernet(), ipv6(), ...behind(6), udp()]],
      [0x86dd, 0, [ethernet(), ipv6(), ...behind(7), udp()]],
      [0x0806, 0, [ethernet(), arp({ senderIp: "192.0.2.1", targetIp: "192.0.2.2" })]],
      [0x88b5, 0, [ethernet(), body]],
    ];
    let bytes = 0;
    for (const [ethertype, protocol, layers] of shapes) {
      const data = frame(...layers);
      expect((await counter.run(data)).verdict).toBe(PASS);
      const key = `${ethertype}/${protocol}`;
      const before = seen.get(key) ?? { packets: 0, bytes: 0 };
      seen.set(key, { packets: before.packets + 1, bytes: before.bytes + data.length });
      bytes += data.length;
    }
    const found = [...seen.keys()].map((name) => {
      const [ethertype = 0, protocol = 0] = name.split("/").map(Number);
      const key = u32(ethertype | (protocol << 16));
      const counts = { packets: counter.count("protocols", key), bytes: counter.count("protocols", key, 8) };
      return [name, counts] as const;
    });
    expect(new Map(found)).toEqual(seen);
    expect(counter.count("totals")).toBe(shapes.length);
    expect(counter.count("totals", u32(0), 8)).toBe(bytes);
  });
});
