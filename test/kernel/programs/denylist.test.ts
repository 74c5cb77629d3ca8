/** The denylist alone, on frames of every shape, by BPF_PROG_TEST_RUN. */
import { describe, expect, test } from "vitest";
import {
  arp,
  ethernet,
  frame,
  ipv4,
  ipv4Bytes,
  ipv6,
  ipv6Bytes,
  tcp,
  udp,
  vlan,
  type Layer,
} from "../../../src/packets/index.ts";
import { kernelMissing, loadSample, u32, u64 } from "../../support/samples.ts";
import { DROP, PASS, body, options, ping } from "./frames.ts";

const key4 = (length: number, address: string): Uint8Array => Uint8Array.from([...u32(length), ...ipv4Bytes(address)]);
const key6 = (length: number, address: string): Uint8Array => Uint8Array.from([...u32(length), ...ipv6Bytes(address)]);

describe.skipIf(kernelMissing())("denylist", () => {
  const listed: readonly (readonly [string, readonly Layer[], number])[] = [
    ["a listed IPv4 source", [ethernet(), ipv4(), udp()], DROP],
    ["its neighbour", [ethernet(), ipv4({ src: "192.0.3.1" }), udp()], PASS],
    ["a listed destination", [ethernet(), ipv4({ src: "198.51.100.1", dst: "192.0.2.1" }), udp()], PASS],
    ["behind two tags", [ethernet(), vlan({ id: 1, service: true }), vlan({ id: 2 }), ipv4(), udp()], DROP],
    ["behind three tags", [ethernet(), vlan({ id: 1 }), vlan({ id: 2 }), vlan({ id: 3 }), ipv4(), udp()], PASS],
    ["with IPv4 options", [ethernet(), ipv4({ options }), udp()], DROP],
    ["a later fragment", [ethernet(), ipv4({ fragmentOffset: 64 }), body], DROP],
    ["a listed IPv6 source", [ethernet(), ipv6(), tcp()], DROP],
    ["an unlisted one", [ethernet(), ipv6({ src: "2001:db9::1" }), tcp()], PASS],
    ["ARP from a listed source", [ethernet(), arp({ senderIp: "192.0.2.1", targetIp: "192.0.2.2" })], PASS],
    ["a bare Ethernet header", [ethernet()], PASS],
  ];

  test.each(listed)("%s", async (_name, layers, verdict) => {
    using denylist = loadSample("denylist");
    denylist.update("denylist_v4", key4(24, "192.0.2.0"), u64(0n));
    denylist.update("denylist_v6", key6(32, "2001:db8::"), u64(0n));
    expect((await denylist.run(frame(...layers))).verdict).toBe(verdict);
    const hits =
      denylist.count("denylist_v4", key4(24, "192.0.2.0")) + denylist.count("denylist_v6", key6(32, "2001:db8::"));
    expect(hits).toBe(verdict === DROP ? 1 : 0);
  });

  test("the longest prefix counts", async () => {
    using denylist = loadSample("denylist");
    denylist.update("denylist_v4", key4(8, "192.0.0.0"), u64(0n));
    denylist.update("denylist_v4", key4(32, "192.0.2.1"), u64(40n));
    await denylist.run(frame(...ping));
    expect(denylist.count("denylist_v4", key4(8, "192.0.0.0"))).toBe(0);
    expect(denylist.count("denylist_v4", key4(32, "192.0.2.1"))).toBe(41);
  });
});
