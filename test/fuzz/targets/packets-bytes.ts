import { XdpgenError } from "../../../src/errors.ts";
import {
  CaptureReader,
  describeFrame,
  ethernet,
  frame,
  ipv4,
  ipv6,
  payload,
  tcp,
  udp,
} from "../../../src/packets/index.ts";
import { pcap, pcapng } from "../../support/captures.ts";
import { guided } from "../guided.ts";
import type { FuzzTarget } from "../target.ts";

const target: FuzzTarget = {
  name: "packets-bytes",
  claim: "any bytes are frames no larger than they are, the same ones read in pieces, or are refused with a place",
  cases: 20_000,
  run: (seed, cases) => guided({ name: target.name, seeds: parents(), check, cases, seed, files: /src\/packets\// }),
};
export default target;

function parents(): Uint8Array[] {
  const frames = [
    frame(ethernet(), ipv4(), udp(), payload(3)),
    frame(ethernet(), ipv6(), tcp(), payload("x")),
    new Uint8Array(5),
  ].map((data, index) => ({ data, wireLength: data.length, time: BigInt(index) * 1_000_000n }));
  return [true, false].flatMap((little) => [pcap(frames, { little }), pcapng(frames, { little, fine: little })]);
}

function check(bytes: Uint8Array): void {
  const whole = framesOf([bytes]);
  const half = bytes.length >> 1;
  const pieces = framesOf([bytes.subarray(0, half), bytes.subarray(half, half + 1), bytes.subarray(half + 1)]);
  if (whole.join("\n") !== pieces.join("\n"))
    throw new Error(`whole: ${whole.join("; ")}\nin pieces: ${pieces.join("; ")}`);
}

/** What is read, then what it is refused with. */
function framesOf(pieces: readonly Uint8Array[]): readonly string[] {
  const reader = new CaptureReader("fuzz");
  const found: string[] = [];
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  let read = 0;
  try {
    for (const piece of pieces) {
      for (const { index, data, wireLength, time } of reader.push(piece)) {
        read += data.length;
        found.push(`${index} ${wireLength} ${time} ${describeFrame(data)}`);
      }
    }
    reader.end();
  } catch (error) {
    if (!(error instanceof XdpgenError) || error.code !== "packet-invalid") throw error;
    if (!/ at byte \d+: | link type \d/.test(error.message))
      throw new Error(`no place: ${error.message}`, { cause: error });
    found.push(error.message);
  }
  if (read > size) throw new Error(`${size} bytes are read as frames of ${read}`);
  return found;
}
