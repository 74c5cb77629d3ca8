/** The balancer alone, on frames of every shape, by BPF_PROG_TEST_RUN. */
import { describe, expect, test } from "vitest";
import {
  arp,
  describeFrame,
  ethernet,
  fragment6,
  frame,
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
import { kernelMissing, loadSample, type Sample, u32 } from "../../support/samples.ts";
import { skipInShort } from "../cli/world.ts";
import { body, options, PASS, TX } from "./frames.ts";

const [TCP, UDP] = [6, 17];

/** struct service; IPv4 as ::ffff:a.b.c.d, in IPv6's hexadecimal. */
const service = (address: string, port: number, protocol: number): Uint8Array =>
  Uint8Array.from([...ipv6Bytes(address), port >> 8, port & 0xff, protocol, 0]);
const pool = (first: number, count: number): Uint8Array => Uint8Array.from([...u32(first), ...u32(count)]);
const backend = (index: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0xb, index, 0, 0);
const mac = (index: number): string => `02:00:00:00:0b:0${index}`;

/** Services 192.0.2.2 and 2001:db8::2, TCP port 443 and UDP port 53, and backends from 3 on. */
function balancer(count: number): Sample {
  const sample = loadSample("balancer");
  for (let index = 3; index < 3 + count; index++) sample.update("balancer_backends", u32(index), backend(index));
  for (const address of ["::ffff:c000:202", "2001:db8::2"]) {
    sample.update("balancer_services", service(address, 443, TCP), pool(3, count));
    sample.update("balancer_services", service(address, 53, UDP), pool(3, count));
  }
  return sample;
}

const https = tcp({ dst: 443 });
const dns = udp({ dst: 53 });
const sentTo = (sample: Sample): number[] =>
  Array.from({ length: 8 }, (_, index) => sample.count("balancer_packets", u32(index)));

describe.skipIf(kernelMissing())("balancer", () => {
  const groupAddress = ethernet({ dst: "ff:ff:ff:ff:ff:ff" });

  test.each<[string, readonly Layer[]]>([
    ["TCP over IPv4", [ipv4(), https]],
    ["UDP over IPv4", [ipv4(), dns]],
    ["TCP over IPv6", [ipv6(), https]],
    ["UDP behind extension headers", [ipv6(), options6({ header: 0 }), options6(), dns]],
    ["IPv4 options", [ipv4({ options }), https]],
    ["an unfragmented packet with a fragment header", [ipv6(), fragment6(), https]],
    ["two VLAN tags, which stay", [vlan({ id: 5, service: true }), vlan({ id: 6 }), ipv4(), https]],
  ])("sends %s to the backend's address from its own", async (_name, layers) => {
    using sample = balancer(1);
    const { verdict, frame: sent } = await sample.run(frame(ethernet(), ...layers, body));
    expect(verdict).toBe(TX);
    expect(sent).toEqual(frame(ethernet({ src: "02:00:00:00:00:02", dst: mac(3) }), ...layers, body));
    expect(sentTo(sample)).toEqual([0, 0, 0, 1, 0, 0, 0, 0]);
  });

  test.each<[string, readonly Layer[]]>([
    ["another port", [ethernet(), ipv4(), tcp({ dst: 444 })]],
    ["another protocol of that port", [ethernet(), ipv4(), udp({ dst: 443 })]],
    ["another address", [ethernet(), ipv4({ dst: "192.0.2.3" }), https]],
    ["the service as source", [ethernet(), ipv4({ src: "192.0.2.2", dst: "192.0.2.1" }), tcp({ src: 443 })]],
    ["a first fragment", [ethernet(), ipv4({ moreFragments: true }), https]],
    ["a later fragment", [ethernet(), ipv4({ fragmentOffset: 8, protocol: TCP }), body]],
    ["a first IPv6 fragment", [ethernet(), ipv6(), fragment6({ more: true }), https]],
    ["a later IPv6 fragment", [ethernet(), ipv6(), fragment6({ offset: 8, protocol: UDP }), body]],
    ["ICMP", [ethernet(), ipv4(), icmpEcho()]],
    ["a frame to a group address", [groupAddress, ipv4(), https]],
    ["three VLAN tags", [ethernet(), vlan({ id: 1 }), vlan({ id: 2 }), vlan({ id: 3 }), ipv4(), https]],
    ["ARP", [ethernet(), arp({ senderIp: "192.0.2.1", targetIp: "192.0.2.2" })]],
  ])("leaves %s alone", async (_name, layers) => {
    using sample = balancer(1);
    const data = frame(...layers);
    expect(await sample.run(data)).toEqual({ verdict: PASS, frame: data });
    expect(sentTo(sample)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("leaves headers that are cut short alone", async () => {
    using sample = balancer(1);
    for (const layers of [
      [ipv4(), https],
      [ipv6(), options6(), dns],
    ]) {
      const whole = frame(ethernet(), ...layers);
      for (let length = 14; length < whole.length; length++) {
        const data = whole.subarray(0, length);
        expect(await sample.run(data)).toEqual({ verdict: PASS, frame: data });
      }
      expect((await sample.run(whole)).verdict).toBe(TX);
    }
  });

  test.for<[string, (k: number) => readonly Layer[]]>([
    ["ports of one client", (k) => [ipv4(), tcp({ src: 1024 + k * 7, dst: 443 })]],
    ["ports of one client, over UDP", (k) => [ipv6(), udp({ src: 1024 + k * 7, dst: 53 })]],
    ["clients", (k) => [ipv4({ src: `198.51.${k % 4}.${k % 250}` }), https]],
    ["IPv6 clients", (k) => [ipv6({ src: `2001:db8::${k.toString(16)}:1` }), https]],
  ])("a connection stays with its backend, and many %s spread over all", async ([name, layersOf], context) => {
    if (name !== "clients")
      skipInShort(context, "the program makes one number of all of them; one sort is enough here");
    using sample = balancer(4);
    const to = async (k: number, more: Layer): Promise<string> =>
      describeFrame((await sample.run(frame(ethernet(), ...layersOf(k), more))).frame).split(" / ")[0]!;
    for (let k = 0; k < 400; k++) expect(await to(k, payload(k % 7))).toBe(await to(k, body));
    const sent = sentTo(sample);
    expect([...sent.slice(0, 3), ...sent.slice(7)]).toEqual([0, 0, 0, 0]);
    // 200 each were even; a fair choice strays from that by some 25.
    for (const packets of sent.slice(3, 7)) expect(Math.abs(packets - 200)).toBeLessThan(100);
  });

  test("a pool of none, and one past the last backend, take no packet", async () => {
    using sample = balancer(1);
    const data = frame(ethernet(), ipv4(), https);
    for (const empty of [pool(3, 0), pool(256, 1), pool(0xffffffff, 1)]) {
      sample.update("balancer_services", service("::ffff:c000:202", 443, TCP), empty);
      expect(await sample.run(data)).toEqual({ verdict: PASS, frame: data });
    }
  });
});
