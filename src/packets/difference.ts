/** Two frames that should be equal -> the rows of a hex dump that differ, with the layer of each. Empty where they are equal. */
import type { Layer } from "./layers.ts";
import { readFrame } from "./read.ts";

const ROW = 16;

/**
 * Each row that differs, twice, and a row of marks with the layers of the expected frame:
 *
 *     0010  expected  00 1c 00 00 00 00 40 11
 *           actual    00 1c 00 00 00 00 3f 11
 *                                       ^^     ipv4
 */
export function differenceOfPackets(expected: Uint8Array, actual: Uint8Array): readonly string[] {
  const lines: string[] = [];
  if (expected.length !== actual.length) lines.push(`${expected.length} bytes expected, ${actual.length} bytes left`);
  const layers = layerEnds(expected);
  for (let row = 0; row < Math.max(expected.length, actual.length); row += ROW) {
    const places = Array.from({ length: ROW }, (_, i) => row + i);
    const differing = places.filter((at) => expected[at] !== actual[at]);
    if (differing.length === 0) continue;
    const names = new Set(differing.map((at) => layers.find(({ end }) => at < end)?.name ?? "past the end"));
    const marks = places.map((at) => (expected[at] === actual[at] ? "  " : "^^")).join(" ");
    lines.push(
      `${row.toString(16).padStart(4, "0")}  expected  ${hexRow(expected, places)}`.trimEnd(),
      `      actual    ${hexRow(actual, places)}`.trimEnd(),
      `                ${marks}  ${[...names].join(", ")}`,
    );
  }
  return lines;
}

function hexRow(bytes: Uint8Array, places: readonly number[]): string {
  return places.map((at) => bytes[at]?.toString(16).padStart(2, "0") ?? "--").join(" ");
}

/** Where each layer ends, from the outside in. */
function layerEnds(bytes: Uint8Array): readonly { readonly name: string; readonly end: number }[] {
  let end = 0;
  const ends = readFrame(bytes).layers.map((layer) => ({ name: layer.kind, end: (end += sizeOf(layer)) }));
  return end < bytes.length ? [...ends, { name: "padding", end: bytes.length }] : ends;
}

/** Bytes of a layer that was read, without what it holds. */
function sizeOf(layer: Layer): number {
  switch (layer.kind) {
    case "ethernet":
      return 14;
    case "vlan":
      return 4;
    case "arp":
      return 28;
    case "ipv4":
      return 20 + layer.options.length;
    case "ipv6":
      return 40;
    case "options6":
      return layer.length;
    case "tcp":
      return 20;
    case "fragment6":
    case "udp":
    case "icmp-echo":
    case "icmp6-echo":
      return 8;
    case "payload":
      return layer.bytes.length;
  }
}
