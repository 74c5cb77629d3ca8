/** Each sample program alone, on frames of every shape, by BPF_PROG_TEST_RUN. */
import { describe, expect, test } from "vitest";

import { openKernel } from "../../../src/loader/ffi/index.ts";
import {
  arp,
  describeFrame,
  ethernet,
  fragment6,
  frame,
  icmp6Echo,
  icmpEcho,
  ipv4,
  ipv4Bytes,
  ipv6,
  ipv6Bytes,
  options6,
  payload,
  tcp,
  udp,
  vlan,
  type Layer,
} from "../../../src/packets/index.ts";
import { kernelMissing, Sample, u32, u64, type Globals } from "../../support/samples.ts";

const [DROP, PASS, TX] = [1, 2, 3];
const body = payload(56);
const options = Uint8Array.of(148, 4, 0, 0);

const ping = [ethernet(), ipv4(), icmpEcho(), body];
const ping6 = [ethernet(), ipv6(), icmp6Echo(), body];
const behind = (extensions: number): Layer[] => Array.from({ length: extensions }, () => options6());

const key4 = (length: number, address: string): Uint8Array => Uint8Array.from([...u32(length), ...ipv4Bytes(address)]);
const key6 = (length: number, address: string): Uint8Array => Uint8Array.from([...u32(length), ...ipv6Bytes(address)]);

describe.skipIf(kernelMissing())("sample programs", () => {
  const kernel = openKernel();
  const load = (name: string, globals?: Globals): Sample => new Sample(kernel, name, globals);

  describe("denylist", () => {
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
      using denylist = load("denylist");
      denylist.update("denylist_v4", key4(24, "192.0.2.0"), u64(0n));
      denylist.update("denylist_v6", key6(32, "2001:db8::"), u64(0n));
      expect((await denylist.run(frame(...layers))).verdict).toBe(verdict);
      const hits =
        denylist.count("denylist_v4", key4(24, "192.0.2.0")) + denylist.count("denylist_v6", key6(32, "2001:db8::"));
      expect(hits).toBe(verdict === DROP ? 1 : 0);
    });

    test("the longest prefix counts", async () => {
      using denylist = load("denylist");
      denylist.update("denylist_v4", key4(8, "192.0.0.0"), u64(0n));
      denylist.update("denylist_v4", key4(32, "192.0.2.1"), u64(40n));
      await denylist.run(frame(...ping));
      expect(denylist.count("denylist_v4", key4(8, "192.0.0.0"))).toBe(0);
      expect(denylist.count("denylist_v4", key4(32, "192.0.2.1"))).toBe(41);
    });
  });

  describe("ratelimit", () => {
    const passed = async (sample: Sample, layers: readonly Layer[], count: number): Promise<number> => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += (await sample.run(frame(...layers))).verdict === PASS ? 1 : 0;
      return sum;
    };

    test("a burst and no more, for each source of its own", async () => {
      using limit = load("ratelimit", { rate_pps: 0, burst: 3 });
      expect(await passed(limit, ping, 10)).toBe(3);
      expect(await passed(limit, ping6, 10)).toBe(3);
      expect(await passed(limit, [ethernet(), ipv4({ src: "192.0.2.77" }), udp()], 10)).toBe(3);
      expect(limit.count("ratelimit_drops")).toBe(21);
    });

    test("what has no IP source is not limited", async () => {
      using limit = load("ratelimit", { rate_pps: 0, burst: 0 });
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
      using limit = load("ratelimit", globals);
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
      using limit = load("ratelimit", { rate_pps: 0, burst: 10 });
      limit.update("buckets", source, Uint8Array.from([...u64(999_999_999n), ...u64(process.hrtime.bigint())]));
      expect(await passed(limit, ping, 3)).toBe(0);
      expect(limit.count("buckets", source)).toBe(999_999_999);
    });
  });

  test("counter: every frame under its protocol, and in the totals", async () => {
    using counter = load("counter");
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

  describe("echo", () => {
    test.each([
      ["IPv4", ping, "192.0.2.2 > 192.0.2.1 ttl 64 / icmp echo reply id 1 seq 1 / 56 bytes"],
      [
        "an old packet",
        [ethernet(), ipv4({ ttl: 1 }), icmpEcho(), payload(1)],
        "192.0.2.2 > 192.0.2.1 ttl 64 / icmp echo reply id 1 seq 1 / 1 bytes",
      ],
      ["IPv6", ping6, "2001:db8::2 > 2001:db8::1 hop limit 64 / icmp6 echo reply id 1 seq 1 / 56 bytes"],
      [
        "in a VLAN",
        [ethernet(), vlan({ id: 9 }), ipv6(), icmp6Echo({ id: 77 })],
        "vlan 9 / 2001:db8::2 > 2001:db8::1 hop limit 64 / icmp6 echo reply id 77 seq 1",
      ],
    ] as const)("answers %s", async (_name, layers, reply) => {
      using echo = load("echo");
      const answer = await echo.run(frame(...layers));
      expect(answer.verdict).toBe(TX);
      expect(describeFrame(answer.frame)).toBe(`02:00:00:00:00:02 > 02:00:00:00:00:01 / ${reply}`);
    });

    test("every TTL and payload gives right checksums", async () => {
      using echo = load("echo");
      for (let i = 0; i < 256; i++) {
        const sums = await echo.run(
          frame(ethernet(), ipv4({ ttl: i, id: i * 257 }), icmpEcho({ id: i * 199 }), payload(i)),
        );
        expect(describeFrame(sums.frame)).not.toContain("wrong");
        const sums6 = await echo.run(frame(ethernet(), ipv6({ hopLimit: i }), icmp6Echo({ id: i * 199 }), payload(i)));
        expect(describeFrame(sums6.frame)).not.toContain("wrong");
      }
      expect([echo.count("echo_replies", u32(0)), echo.count("echo_replies", u32(1))]).toEqual([256, 256]);
    });

    const broadcast = ethernet({ dst: "ff:ff:ff:ff:ff:ff" });
    test.each<[string, readonly Layer[]]>([
      ["a reply", [ethernet(), ipv4(), icmpEcho({ reply: true })]],
      ["an IPv6 reply", [ethernet(), ipv6(), icmp6Echo({ reply: true })]],
      ["UDP", [ethernet(), ipv4(), udp()]],
      ["a first fragment", [ethernet(), ipv4({ moreFragments: true }), icmpEcho(), body]],
      ["a later fragment", [ethernet(), ipv4({ fragmentOffset: 8 }), icmpEcho(), body]],
      ["IPv4 options", [ethernet(), ipv4({ options }), icmpEcho()]],
      ["IPv6 extension headers", [ethernet(), ipv6(), options6(), icmp6Echo()]],
      ["an Ethernet broadcast", [broadcast, ipv4(), icmpEcho()]],
      ["a multicast group", [ethernet(), ipv4({ dst: "224.0.0.1" }), icmpEcho()]],
      ["the limited broadcast", [ethernet(), ipv4({ dst: "255.255.255.255" }), icmpEcho()]],
      ["no source", [ethernet(), ipv4({ src: "0.0.0.0" }), icmpEcho()]],
      ["a loopback source", [ethernet(), ipv4({ src: "127.0.0.1" }), icmpEcho()]],
      ["an IPv6 multicast group", [ethernet(), ipv6({ dst: "ff02::1" }), icmp6Echo()]],
      ["no IPv6 source", [ethernet(), ipv6({ src: "::" }), icmp6Echo()]],
      ["an IPv6 loopback source", [ethernet(), ipv6({ src: "::1" }), icmp6Echo()]],
    ])("leaves %s alone", async (_name, layers) => {
      using echo = load("echo");
      const data = frame(...layers);
      expect(await echo.run(data)).toEqual({ verdict: PASS, frame: data });
    });

    test("leaves a request that is cut short alone", async () => {
      using echo = load("echo");
      for (const layers of [ping, ping6]) {
        const headers = frame(...layers).length - 56;
        for (let length = 14; length < headers; length++) {
          const data = frame(...layers).subarray(0, length);
          expect(await echo.run(data)).toEqual({ verdict: PASS, frame: data });
        }
      }
    });

    test("answers for its own addresses only, when it has some", async () => {
      using echo = load("echo", { address_v4: [192, 0, 2, 2], address_v6: [...ipv6Bytes("2001:db8::2")] });
      expect((await echo.run(frame(...ping))).verdict).toBe(TX);
      expect((await echo.run(frame(...ping6))).verdict).toBe(TX);
      expect((await echo.run(frame(ethernet(), ipv4({ dst: "192.0.2.3" }), icmpEcho()))).verdict).toBe(PASS);
      expect((await echo.run(frame(ethernet(), ipv6({ dst: "2001:db8:0:1::2" }), icmp6Echo()))).verdict).toBe(PASS);
    });
  });

  describe("vlan-pop", () => {
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
      using pop = load("vlan-pop", { vlan_id: 7 });
      expect(await pop.run(frame(...before))).toEqual({ verdict: PASS, frame: frame(...after) });
      expect(pop.count("vlan_popped")).toBe(1);
    });

    test.each<[string, readonly Layer[]]>([
      ["another VLAN", [ethernet(), vlan({ id: 8 }), ipv4(), udp()]],
      ["an untagged frame", ping],
      ["a service tag of that id", [ethernet(), vlan({ id: 7, service: true }), ipv4(), udp()]],
    ])("%s stays", async (_name, layers) => {
      using pop = load("vlan-pop", { vlan_id: 7 });
      const data = frame(...layers);
      expect(await pop.run(data)).toEqual({ verdict: PASS, frame: data });
    });

    test("a tag that is cut short stays", async () => {
      using pop = load("vlan-pop", { vlan_id: 7 });
      const data = frame(ethernet(), vlan({ id: 7 }), ipv4()).subarray(0, 17);
      expect(await pop.run(data)).toEqual({ verdict: PASS, frame: data });
    });

    test("no VLAN unless one is set", async () => {
      using pop = load("vlan-pop");
      const data = frame(ethernet(), vlan({ id: 4094 }), ipv4());
      expect((await pop.run(data)).frame).toEqual(data);
    });
  });
});
