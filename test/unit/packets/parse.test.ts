/** Frames as text: what the words make, as tcpdump reads it; what is wrong, in its place; and how two frames differ. */
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Mistakes } from "../../../src/diagnostic.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { differenceOfPackets, parsePacket, readFrame } from "../../../src/packets/index.ts";
import { pcap } from "../../support/captures.ts";

/** Each text with what tcpdump must say of it. */
const FRAMES: readonly (readonly [string, RegExp])[] = [
  [
    'eth / ipv4 src=192.0.2.1 dst=198.51.100.7 / udp dport=53 / "payload"',
    /192\.0\.2\.1\.40000 > 198\.51\.100\.7\.53: \[udp sum ok\]/,
  ],
  [
    "eth src=02:00:00:00:00:0a / vlan id=5 priority=6 / ipv6 hop-limit=3 / tcp flags=syn+ack seq=7 ack=9",
    /02:00:00:00:00:0a > .* vlan 5, p 6, .*hlim 3, .*Flags \[S\.\], .*\(correct\), seq 7, ack 9/,
  ],
  [
    "eth / vlan service id=9 / ipv4 ttl=1 df / icmp reply id=4 seq=2 / bytes=9",
    /802\.1Q-QinQ.* vlan 9,.*ttl 1,.*flags \[DF\][^]*ICMP echo reply, id 4, seq 2/,
  ],
  ["eth / ipv6 src=fe80::1 / icmpv6 id=3 / 0x0102", /\[icmp6 sum ok\] ICMP6, echo request, id 3, seq 1/],
  ["eth dst=ff:ff:ff:ff:ff:ff / arp target=192.0.2.9", /Request who-has 192\.0\.2\.9 tell 192\.0\.2\.1/],
  ["eth / ipv4 checksum=0x1234 / udp", /bad cksum 1234/],
  ["eth / ipv4 / udp checksum=1", /bad udp cksum 0x0001/],
  ["eth nopad / ipv4 length=99 / udp", /length 99/],
  ["eth / ipv4 mf offset=8 / udp", /offset 8, flags \[\+\]/],
];

const tcpdump = (data: Uint8Array) =>
  spawnSync("tcpdump", ["-nne", "-vv", "-S", "-r", "-"], {
    input: pcap([{ data, wireLength: data.length, time: 0n }]),
    encoding: "utf8",
  });

const missing = tcpdump(new Uint8Array(14)).error !== undefined;
if (missing) console.log("skipped: tcpdump is not installed, frames were not shown to it");

describe("layers", () => {
  it.skipIf(missing).each(FRAMES)("%s, as tcpdump reads it", (text, words) => {
    const { stdout } = tcpdump(parsePacket(text));
    expect(stdout).toMatch(words);
  });

  it("are padded to 60 bytes unless told", () => {
    expect(parsePacket("eth / ipv4 / udp")).toHaveLength(60);
    expect(parsePacket("eth nopad / ipv4 / udp")).toHaveLength(42);
    expect(parsePacket("eth / bytes=60")).toHaveLength(74);
  });

  it("take a text with quotes and slashes as it is", () => {
    const { layers } = readFrame(parsePacket(String.raw`eth nopad / "a / \"b\" \\"`));
    expect(layers.at(-1)).toEqual({
      kind: "payload",
      bytes: new TextEncoder().encode('a / "b" \\'),
    });
  });
});

describe("hex", () => {
  it("is the bytes, however it is spaced", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 14, maxLength: 80 }),
        fc.constantFrom("", " ", ":", "\n"),
        (bytes, gap) => {
          const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
          expect(parsePacket(digits.join(gap))).toEqual(bytes);
        },
      ),
    );
  });
});

describe("mistakes", () => {
  it.each([
    [
      "eth / ipv5 / udp dprt=3 sport=70000",
      [
        "1:7 there is no layer `ipv5`",
        "1:18 `udp` has no field `dprt`",
        "1:25 `sport` of `udp` must be a number from 0 to 65535",
      ],
    ],
    ["ipv4 / udp", ["1:1 a frame begins with `eth`"]],
    ["eth / / eth", ["1:11 there is no layer behind a `/`", "1:9 `eth` is the outermost layer, and there once"]],
    ['eth / "open', ["1:7 the quote is not closed"]],
    ["eth / 0xabc", ["1:7 a payload in hex is 0x and two digits for each byte"]],
    ["eth / bytes=70000", ["1:7 `bytes` must be a count from 0 to 65535"]],
    [
      "eth / ipv4 src=300.1.1.1 ttl=1 ttl=2",
      ["1:12 `src` of `ipv4` must be an IPv4 address", "1:32 `ttl` is there twice"],
    ],
    [
      "eth / tcp flags=syn+fnord",
      ["1:11 `flags` of `tcp` must be flags joined with `+`, of fin, syn, rst, psh, ack, urg, or none"],
    ],
    [
      "eth / constructor / udp __proto__=1",
      ["1:7 there is no layer `constructor`", "1:25 `udp` has no field `__proto__`"],
    ],
    ["eth / bytes=65535 / bytes=65535", ["1:1 a frame of 131084 bytes is too long"]],
    ["0200", ["1:1 a frame has at least 14 bytes, not 2"]],
    ["020", ["1:1 3 hex digits are no whole number of bytes"]],
    ["dns.pcp", ["1:2 `ns.p` is no hex digit"]],
  ])("%s", (text, mistakes) => {
    expect(mistakesOf(text)?.toSorted()).toEqual(mistakes.toSorted());
  });

  it("are all that any text is, where it is no frame", () => {
    const words = ["eth", "ipv4", "udp", "/", " / ", "src=", "1", '"', "0x", "bytes=", "vlan", "id=", "\\", "\n", "é"];
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom(...words)).map((parts) => `eth ${parts.join(" ")}`),
    );
    fc.assert(
      fc.property(text, (one) => {
        const found = mistakesOf(one);
        expect(found === undefined || found.length > 0).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

/** `line:column message` of each; undefined for a frame. */
function mistakesOf(text: string): readonly string[] | undefined {
  try {
    parsePacket(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof XdpgenError && error.cause instanceof Mistakes)) throw error;
    expect(error.code).toBe("packet-invalid");
    return error.cause.diagnostics.map(({ line, column, message }) => `${line}:${column} ${message}`);
  }
}

describe("the difference of two frames", () => {
  const frame = parsePacket('eth / ipv4 / udp / "some more bytes than one row has"');

  it("is nothing for equal ones", () => {
    expect(differenceOfPackets(frame, frame.slice())).toEqual([]);
  });

  it("marks the bytes, and names their layers", () => {
    fc.assert(
      fc.property(fc.nat({ max: frame.length - 1 }), (at) => {
        const other = frame.slice();
        other[at]! ^= 1;
        const [expected, actual, marks, ...rest] = differenceOfPackets(frame, other);
        expect(rest).toEqual([]);
        const column = 16 + 3 * (at % 16);
        const hex = (byte: number): string => byte.toString(16).padStart(2, "0");
        expect(expected!.slice(0, 4)).toBe((at - (at % 16)).toString(16).padStart(4, "0"));
        expect(expected!.slice(column, column + 2)).toBe(hex(frame[at]!));
        expect(actual!.slice(column, column + 2)).toBe(hex(other[at]!));
        expect(marks!.indexOf("^^")).toBe(column);
        const layer = at < 14 ? "ethernet" : at < 34 ? "ipv4" : at < 42 ? "udp" : "payload";
        expect(marks!.endsWith(`  ${layer}`)).toBe(true);
      }),
    );
  });

  it("says how long they are", () => {
    const [lengths, ...rows] = differenceOfPackets(frame, frame.subarray(0, -1));
    expect(lengths).toBe(`${frame.length} bytes expected, ${frame.length - 1} bytes left`);
    expect(rows[1]).toContain("--");
    expect(differenceOfPackets(frame, Uint8Array.of(...frame, 1)).at(-1)).toContain("past the end");
  });
});
