/** Frames against RFC examples, against tcpdump, and against their own reader. */
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  arp,
  checksum,
  describeFrame,
  ethernet,
  formatIpv6,
  fragment6,
  frame,
  icmp6Echo,
  icmpEcho,
  ipv4,
  ipv6,
  ipv6Bytes,
  options6,
  payload,
  readFrame,
  tcp,
  udp,
  vlan,
  type Layer,
} from "../../../src/packets/index.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

/** One frame of each shape; tcpdump judges the same ones. */
const SAMPLES: Readonly<Record<string, readonly Layer[]>> = {
  arp: [ethernet({ dst: "ff:ff:ff:ff:ff:ff" }), arp({ senderIp: "192.0.2.1", targetIp: "192.0.2.2" })],
  ping: [ethernet(), ipv4({ dontFragment: true, id: 7 }), icmpEcho({ id: 9, sequence: 3 }), payload(57)],
  "ping reply": [ethernet(), ipv4(), icmpEcho({ reply: true }), payload("pong")],
  ping6: [ethernet(), ipv6(), icmp6Echo({ sequence: 2 }), payload(31)],
  udp: [ethernet(), ipv4({ ttl: 3 }), udp({ dst: 4242 }), payload("odd")],
  "udp in two tags": [ethernet(), vlan({ id: 100, service: true }), vlan({ id: 5, priority: 6 }), ipv4(), udp()],
  "udp with options": [ethernet(), ipv4({ options: Uint8Array.of(148, 4, 0, 0) }), udp(), payload(8)],
  "udp6 behind options": [ethernet(), ipv6(), options6({ header: 0 }), options6({ length: 16 }), udp(), payload(5)],
  "tcp syn": [ethernet(), ipv4(), tcp()],
  "tcp6 data": [ethernet(), ipv6(), tcp({ flags: ["psh", "ack"], acknowledgement: 4294967295 }), payload("GET /")],
};

describe("checksum", () => {
  test("the example of RFC 1071 section 3", () => {
    expect(checksum(unhex("0001 f203 f4f5 f6f7"))).toBe(~0xddf2 & 0xffff);
  });

  test("an odd last byte is the high byte of a word", () => {
    expect(checksum(unhex("01 02 03"))).toBe(checksum(unhex("01 02 03 00")));
  });
});

describe("addresses", () => {
  test.each([
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["fe80::ff:fe00:1", "fe80000000000000000000fffe000001"],
    ["1:0:2:3:4:5:6:7", "00010000000200030004000500060007"],
  ])("%s", (text, bytes) => {
    expect(hex(ipv6Bytes(text))).toBe(bytes);
    expect(formatIpv6(unhex(bytes))).toBe(text);
  });

  test.each(["1::2::3", "1:2:3", "12345::", "g::", "1:2:3:4:5:6:7:8::", ""])("%j is refused", (text) => {
    expect(() => ipv6Bytes(text)).toThrow(RangeError);
  });

  test("IPv6 text and bytes are inverse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(ipv6Bytes(formatIpv6(bytes))).toEqual(bytes);
      }),
    );
  });
});

describe("frame", () => {
  test("a whole ping, byte for byte", () => {
    const bytes = frame(ethernet(), ipv4({ id: 0x1234 }), icmpEcho({ id: 2, sequence: 1 }), payload("abc"));
    // By hand: the IPv4 words sum to 0x21b57, folded 0x1b59; the ICMP words to 0xcc65.
    const ip = "4500001f12340000 4001e4a6 c0000201 c0000202";
    expect(hex(bytes)).toBe(hex(unhex(`020000000002 020000000001 0800 ${ip} 0800339a00020001 616263`)));
  });

  test.each(Object.entries(SAMPLES))("%s: reading gives the layers back, and finds no fault", (_name, layers) => {
    const read = readFrame(frame(...layers));
    expect(read).toMatchObject({ layers, faults: [], padding: 0 });
  });

  test("any payload and any ports: reading gives them back, and finds no fault", () => {
    const port = fc.nat({ max: 65535 });
    fc.assert(
      fc.property(port, port, fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.boolean(), (src, dst, bytes, six) => {
        const layers = [ethernet(), six ? ipv6() : ipv4(), udp({ src, dst }), payload(bytes)];
        expect(readFrame(frame(...layers))).toMatchObject({ layers, faults: [] });
      }),
    );
  });

  test("any byte that changes in an IPv4 packet without options is a fault or another layer", () => {
    const layers = SAMPLES["ping"]!;
    const good = frame(...layers);
    for (let at = 14; at < good.length; at++) {
      const bad = good.slice();
      bad[at]! ^= 0x10;
      const { faults } = readFrame(bad);
      expect(faults.length > 0 || describeFrame(bad) !== describeFrame(good), `byte ${at}`).toBe(true);
    }
  });

  test("fragments are not judged by the checksum of the whole", () => {
    const first = frame(ethernet(), ipv4({ moreFragments: true }), udp({ checksum: 1 }), payload(8));
    expect(describeFrame(first)).toBe(
      "02:00:00:00:00:01 > 02:00:00:00:00:02 / 192.0.2.1 > 192.0.2.2 ttl 64 fragment at 0 of more / udp 40000 > 9 / 8 bytes",
    );
    const later = frame(ethernet(), ipv6(), fragment6({ offset: 8, protocol: 17 }), payload(8));
    expect(readFrame(later)).toMatchObject({ faults: [], layers: [{}, {}, { offset: 8 }, { kind: "payload" }] });
  });
});

describe("describeFrame", () => {
  test("faults and padding are named", () => {
    const bad = frame(ethernet(), ipv4({ checksum: 1 }), udp({ checksum: 2 }), payload(3));
    const padded = Uint8Array.from([...bad, 0, 0]);
    expect(describeFrame(padded)).toBe(
      "02:00:00:00:00:01 > 02:00:00:00:00:02 / 192.0.2.1 > 192.0.2.2 ttl 64 / udp 40000 > 9 / 3 bytes / 2 padding, " +
        "ipv4 header checksum is wrong, udp checksum is wrong",
    );
  });

  test("any bytes are read without an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(describeFrame(bytes)).toBeTypeOf("string");
      }),
    );
  });

  test("any cut of a sound frame is read without an error, and never as sound and whole", () => {
    for (const layers of Object.values(SAMPLES)) {
      const whole = frame(...layers);
      for (let length = 0; length < whole.length; length++) {
        expect(describeFrame(whole.subarray(0, length))).not.toBe(describeFrame(whole));
      }
    }
  });
});

/** pcap file format, little-endian, link type 1 (Ethernet); tcpdump reads it from standard input. */
function pcap(frames: readonly Uint8Array[]): Buffer {
  const words = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
  const header = Buffer.concat([words(0xa1b2c3d4), Buffer.from([2, 0, 4, 0]), words(0, 0, 65535, 1)]);
  return Buffer.concat([header, ...frames.map((one) => Buffer.concat([words(0, 0, one.length, one.length), one]))]);
}

const tcpdump = (frames: readonly Uint8Array[]): { error?: Error; stdout: string } =>
  spawnSync("tcpdump", ["-nn", "-vv", "-r", "-"], { input: pcap(frames), encoding: "utf8" });

describe("tcpdump agrees", () => {
  const missing = tcpdump([]).error !== undefined;
  if (missing) console.log("skipped: tcpdump is not installed, frames were not shown to it");

  test.skipIf(missing)("every checksum is right", () => {
    const { stdout } = tcpdump(Object.values(SAMPLES).map((layers) => frame(...layers)));
    expect(stdout).not.toMatch(/wrong|bad|incorrect|truncated|invalid/i);
    expect(stdout.match(/\[udp sum ok\]/g)).toHaveLength(4);
    expect(stdout.match(/cksum 0x[0-9a-f]{4} \(correct\)/g)).toHaveLength(2);
    expect(stdout).toContain("ICMP echo request, id 9, seq 3, length 65");
    expect(stdout).toContain("[icmp6 sum ok] ICMP6, echo request, id 1, seq 2");
    expect(stdout).toContain("Request who-has 192.0.2.2 tell 192.0.2.1");
  });

  test.skipIf(missing)("and it does see a wrong one", () => {
    const bad = [ipv4({ checksum: 1 }), ipv4()].map((ip) => frame(ethernet(), ip, udp({ checksum: 1 }), payload(2)));
    expect(tcpdump(bad).stdout).toMatch(/bad cksum 1.*bad udp cksum/s);
  });
});
