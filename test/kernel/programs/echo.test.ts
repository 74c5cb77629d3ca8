/** The echo responder alone, on frames of every shape, by BPF_PROG_TEST_RUN. */
import { describe, expect, test } from "vitest";
import {
  describeFrame,
  ethernet,
  frame,
  icmp6Echo,
  icmpEcho,
  ipv4,
  ipv6,
  ipv6Bytes,
  options6,
  payload,
  udp,
  vlan,
  type Layer,
} from "../../../src/packets/index.ts";
import { kernelMissing, loadSample, u32 } from "../../support/samples.ts";
import { PASS, TX, body, options, ping, ping6 } from "./frames.ts";

describe.skipIf(kernelMissing())("echo", () => {
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
    using echo = loadSample("echo");
    const answer = await echo.run(frame(...layers));
    expect(answer.verdict).toBe(TX);
    expect(describeFrame(answer.frame)).toBe(`02:00:00:00:00:02 > 02:00:00:00:00:01 / ${reply}`);
  });

  test("every TTL and payload gives right checksums", async () => {
    using echo = loadSample("echo");
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
    using echo = loadSample("echo");
    const data = frame(...layers);
    expect(await echo.run(data)).toEqual({ verdict: PASS, frame: data });
  });

  test("leaves a request that is cut short alone", async () => {
    using echo = loadSample("echo");
    for (const layers of [ping, ping6]) {
      const headers = frame(...layers).length - 56;
      for (let length = 14; length < headers; length++) {
        const data = frame(...layers).subarray(0, length);
        expect(await echo.run(data)).toEqual({ verdict: PASS, frame: data });
      }
    }
  });

  test("answers for its own addresses only, when it has some", async () => {
    using echo = loadSample("echo", { address_v4: [192, 0, 2, 2], address_v6: [...ipv6Bytes("2001:db8::2")] });
    expect((await echo.run(frame(...ping))).verdict).toBe(TX);
    expect((await echo.run(frame(...ping6))).verdict).toBe(TX);
    expect((await echo.run(frame(ethernet(), ipv4({ dst: "192.0.2.3" }), icmpEcho()))).verdict).toBe(PASS);
    expect((await echo.run(frame(ethernet(), ipv6({ dst: "2001:db8:0:1::2" }), icmp6Echo()))).verdict).toBe(PASS);
  });
});
