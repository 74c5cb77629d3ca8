/** Captures against tcpdump, which reads both formats and writes one. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  CaptureReader,
  ethernet,
  frame,
  ipv4,
  type Packet,
  payload,
  readCapture,
  udp,
} from "../../../src/packets/index.ts";
import { pcap, pcapng } from "../../support/captures.ts";
import { withFile } from "../../support/llvm.ts";

const SECOND = 1_000_000_000n;

/** Times are whole in microseconds and in 2^-20 seconds. */
const FRAMES = [9, 42, 0, 1400].map((size, index) => {
  const data = frame(ethernet(), ipv4({ id: index }), udp(), payload(size));
  return {
    data,
    wireLength: data.length + (index === 3 ? 100 : 0),
    time: 1_700_000_000n * SECOND + BigInt(index) * (SECOND / 64n),
  };
});
const EXPECTED = FRAMES.map((one, index): Packet => ({ index: index + 1, ...one }));

const FILES: readonly [string, Uint8Array][] = [true, false].flatMap((little) =>
  [false, true].flatMap((fine): [string, Uint8Array][] => {
    const words = `${little ? "little" : "big"} endian${fine ? ", fine times" : ""}`;
    return [
      [`pcap, ${words}`, pcap(FRAMES, { little, fine })],
      [`pcapng, ${words}`, pcapng(FRAMES, { little, fine })],
    ];
  }),
);

describe.each(FILES)("%s", (_, bytes) => {
  it("is read", () => {
    expect(readCapture(bytes, "file")).toEqual(EXPECTED);
  });

  it("is the same for tcpdump, which writes it as pcap", () => {
    withFile(bytes, (path) => {
      const written = execFileSync("tcpdump", ["-r", path, "-w", "-"], { stdio: "pipe" });
      expect(readCapture(new Uint8Array(written), "tcpdump's")).toEqual(EXPECTED);
    });
  });

  it("is read byte by byte as well", () => {
    const reader = new CaptureReader("file");
    const found = [...bytes].flatMap((byte) => [...reader.push(Uint8Array.of(byte))]);
    reader.end();
    expect(found).toEqual(EXPECTED);
  });

  it("ends in an error where it is cut", () => {
    for (const length of [0, 3, 20, 40, bytes.length - 1]) {
      expect(() => readCapture(bytes.subarray(0, length), "cut.pcap"), `${length}`).toThrow(
        /^cut\.pcap: at byte \d+: it (?:has \d+ bytes, less|ends within)/,
      );
    }
  });
});

const little = pcapng(FRAMES);
const patched = (at: number, ...values: readonly number[]): Uint8Array => {
  const bytes = Uint8Array.from(little);
  bytes.set(values, at);
  return bytes;
};

it.each([
  ["other link types", pcap(FRAMES, { linkType: 113 }), /link type 113, and XDP sees Ethernet/],
  ["other link types of pcapng", pcapng(FRAMES, { linkType: 276 }), /link type 276/],
  ["text", new TextEncoder().encode("src,dst\n1,2\n"), /begins with 0x7372632c, as no pcap or pcapng/],
  ["blocks without end", patched(4, 0xfc, 0xff, 0xff, 0x7c), /a block of 2097151996 bytes is longer than any frame/],
  ["lengths that differ", patched(24, 99), /28 bytes at its start, 99 at its end/],
  ["a byte order that is none", patched(8, 9), /byte-order magic is 0x1a2b3c09/],
] satisfies [string, Uint8Array, RegExp][])("refuses %s", (_, bytes, message) => {
  expect(() => readCapture(bytes, "file")).toThrow(message);
});
