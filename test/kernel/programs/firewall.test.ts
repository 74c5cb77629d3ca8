/** The firewall alone, for each IP version, on frames of every shape, by BPF_PROG_TEST_RUN. */
import { describe, expect, test } from "vitest";
import {
  arp,
  ethernet,
  fragment6,
  frame,
  icmp6Echo,
  icmpEcho,
  ipv4,
  ipv6,
  ipv6Bytes,
  options6,
  payload,
  tcp,
  udp,
  vlan,
  type Layer,
} from "../../../src/packets/index.ts";
import { kernelMissing, loadSample, type Sample, u32, u64 } from "../../support/samples.ts";
import { body, DROP, NO_VERDICT, options, PASS, ping, ping6 } from "./frames.ts";

const [TCP, UDP] = [6, 17];
const service = (protocol: number, port: number): Uint8Array => Uint8Array.of(protocol, 0, port >> 8, port & 0xff);
const source = (length: number, address: string): Uint8Array =>
  Uint8Array.from([...u32(length), ...ipv6Bytes(address)]);

/** Of each version one listed source: 198.51.100.0/24 and 2001:db8:5::/48. */
const SOURCES = { 4: source(96 + 24, "::ffff:c633:6400"), 6: source(48, "2001:db8:5::") };

/** Services: TCP port 443, UDP port 53. */
function firewall(family: 4 | 6): Sample {
  const sample = loadSample("firewall", { family });
  for (const [protocol, port] of [
    [TCP, 443],
    [UDP, 53],
  ] as const)
    sample.update("firewall_services", service(protocol, port), u64(0n));
  sample.update("firewall_sources", SOURCES[family], u64(0n));
  return sample;
}

const https = tcp({ dst: 443 });
const ssh = tcp({ dst: 22 });

type Shape = readonly [string, readonly Layer[], number];
const ofVersion: Readonly<
  Record<4 | 6, { readonly ip: Layer; readonly trusted: Layer; readonly more: readonly Shape[] }>
> = {
  4: {
    ip: ipv4(),
    trusted: ipv4({ src: "198.51.100.9" }),
    more: [
      ["ping", [ethernet(), ipv4(), icmpEcho()], PASS],
      ["a service behind options", [ethernet(), ipv4({ options }), https], PASS],
      ["a port that is closed, behind options", [ethernet(), ipv4({ options }), ssh], DROP],
      ["a first fragment to a service", [ethernet(), ipv4({ moreFragments: true }), https], PASS],
      ["a first fragment to a closed port", [ethernet(), ipv4({ moreFragments: true }), ssh], DROP],
      ["a first fragment without ports", [ethernet(), ipv4({ moreFragments: true, protocol: TCP }), payload(8)], DROP],
      ["a later fragment", [ethernet(), ipv4({ fragmentOffset: 8, protocol: UDP }), body], PASS],
      ["a neighbour of the listed source", [ethernet(), ipv4({ src: "198.51.101.9" }), ssh], DROP],
      ["ICMPv6 over IPv4", [ethernet(), ipv4({ protocol: 58 }), body], DROP],
      ["IPv6", [ethernet(), ipv6(), ssh], NO_VERDICT],
    ],
  },
  6: {
    ip: ipv6(),
    trusted: ipv6({ src: "2001:db8:5::9" }),
    more: [
      ["ping", [ethernet(), ipv6(), icmp6Echo()], PASS],
      ["ping behind hop-by-hop options", [ethernet(), ipv6(), options6({ header: 0 }), icmp6Echo()], PASS],
      ["a service behind extension headers", [ethernet(), ipv6(), options6({ header: 43 }), options6(), https], PASS],
      ["a port that is closed, behind them", [ethernet(), ipv6(), options6({ header: 43 }), options6(), ssh], DROP],
      [
        "more extension headers than it reads",
        [ethernet(), ipv6(), ...Array.from({ length: 7 }, () => options6()), https],
        DROP,
      ],
      ["a first fragment to a service", [ethernet(), ipv6(), fragment6({ more: true }), https], PASS],
      ["a first fragment to a closed port", [ethernet(), ipv6(), fragment6({ more: true }), ssh], DROP],
      ["a later fragment", [ethernet(), ipv6(), fragment6({ offset: 8, protocol: UDP }), body], PASS],
      ["a neighbour of the listed source", [ethernet(), ipv6({ src: "2001:db8:6::9" }), ssh], DROP],
      ["ICMP over IPv6", [ethernet(), ipv6({ protocol: 1 }), body], DROP],
      ["IPv4", [ethernet(), ipv4(), ssh], NO_VERDICT],
    ],
  },
};

describe.skipIf(kernelMissing()).each([4, 6] as const)("firewall of IPv%i", (family) => {
  const { ip, trusted, more } = ofVersion[family];

  test.each<Shape>([
    ["a TCP service", [ethernet(), ip, https], PASS],
    ["a UDP service", [ethernet(), ip, udp({ dst: 53 })], PASS],
    ["a service, behind two tags", [ethernet(), vlan({ id: 1, service: true }), vlan({ id: 2 }), ip, https], PASS],
    ["a port that is closed", [ethernet(), ip, ssh], DROP],
    ["a port that is open for the other protocol", [ethernet(), ip, udp({ dst: 443 })], DROP],
    ["a service as source port", [ethernet(), ip, tcp({ src: 443, dst: 22 })], DROP],
    ["an answer", [ethernet(), ip, tcp({ dst: 22, flags: ["syn", "ack"] })], PASS],
    ["a reset", [ethernet(), ip, tcp({ dst: 22, flags: ["rst"] })], PASS],
    ["a segment with no flags", [ethernet(), ip, tcp({ dst: 22, flags: [] })], DROP],
    ["a FIN alone", [ethernet(), ip, tcp({ dst: 22, flags: ["fin"] })], DROP],
    ["UDP that is shorter than its header", [ethernet(), ip, udp({ dst: 53, length: 7 })], DROP],
    ["another protocol", [ethernet(), ip, payload(40)], DROP],
    ["a listed source", [ethernet(), trusted, ssh], PASS],
    ["three tags, behind which it cannot look", [ethernet(), ...[1, 2, 3].map((id) => vlan({ id })), ip, https], DROP],
    ["ARP", [ethernet(), arp({ senderIp: "192.0.2.1", targetIp: "192.0.2.2" })], NO_VERDICT],
    ["what is not IP", [ethernet(), body], NO_VERDICT],
    ...more,
  ])("%s", async (name, layers, verdict) => {
    using sample = firewall(family);
    const data = frame(...layers);
    expect(await sample.run(data)).toEqual({ verdict, frame: data });
    expect(sample.count("firewall_drops")).toBe(verdict === DROP ? 1 : 0);
    expect(sample.count("firewall_sources", SOURCES[family])).toBe(name === "a listed source" ? 1 : 0);
  });

  test("a service counts what it lets pass", async () => {
    using sample = firewall(family);
    for (let k = 0; k < 3; k++) await sample.run(frame(ethernet(), ip, tcp({ src: 40_000 + k, dst: 443 })));
    expect(sample.count("firewall_services", service(TCP, 443))).toBe(3);
    expect(sample.count("firewall_services", service(UDP, 53))).toBe(0);
  });

  test("drops what is cut short, whatever it might have been", async () => {
    using sample = firewall(family);
    const whole = frame(ethernet(), vlan({ id: 1 }), ip, https);
    // Before 18 bytes the tag is cut short, behind which nobody knows of any IP.
    for (let length = 14; length < whole.length; length++)
      expect([length, (await sample.run(whole.subarray(0, length))).verdict]).toEqual([length, DROP]);
    expect((await sample.run(whole)).verdict).toBe(PASS);
  });
});

test.skipIf(kernelMissing())("a firewall of no IP version has no verdict", async () => {
  using sample = loadSample("firewall");
  for (const layers of [ping, ping6, [ethernet(), ...[1, 2, 3].map((id) => vlan({ id })), ipv4(), ssh]])
    expect((await sample.run(frame(...layers))).verdict).toBe(NO_VERDICT);
});
