/** Captures as tests need them: the bytes of pcap and pcapng files, in either byte order. */
import type { Packet } from "../../src/packets/index.ts";

type Frame = Pick<Packet, "data" | "wireLength"> & { readonly time: bigint };

interface Options {
  readonly little?: boolean;
  /** Of pcap: nanoseconds instead of microseconds. Of pcapng: units of 2^-20 seconds instead of microseconds. */
  readonly fine?: boolean;
  readonly linkType?: number;
}

export function pcap(
  frames: readonly Frame[],
  { little = true, fine = false, linkType = 1 }: Options = {},
): Uint8Array {
  const { u16, u32, join } = writer(little);
  const header = join(u32(fine ? 0xa1b23c4d : 0xa1b2c3d4), u16(2), u16(4), u32(0), u32(0), u32(0x40000), u32(linkType));
  const records = frames.map(({ data, wireLength, time }) => {
    const fraction = time % 1_000_000_000n;
    const times = [u32(Number(time / 1_000_000_000n)), u32(Number(fine ? fraction : fraction / 1000n))];
    return join(...times, u32(data.length), u32(wireLength), data);
  });
  return join(header, ...records);
}

/** With a section, an interface, a block of names that nobody needs. */
export function pcapng(
  frames: readonly Frame[],
  { little = true, fine = false, linkType = 1 }: Options = {},
): Uint8Array {
  const { u16, u32, join } = writer(little);
  const block = (type: number, ...parts: readonly Uint8Array[]): Uint8Array => {
    const contents = join(...parts);
    const padded = join(contents, new Uint8Array((4 - (contents.length % 4)) % 4));
    return join(u32(type), u32(padded.length + 12), padded, u32(padded.length + 12));
  };
  const resolution = fine ? join(u16(9), u16(1), Uint8Array.of(0x80 | 20, 0, 0, 0), u16(0), u16(0)) : new Uint8Array();
  const packets = frames.map(({ data, wireLength, time }) => {
    const units = fine ? (time << 20n) / 1_000_000_000n : time / 1000n;
    const times = [u32(Number(units >> 32n)), u32(Number(units & 0xffff_ffffn))];
    return block(6, u32(0), ...times, u32(data.length), u32(wireLength), data);
  });
  return join(
    block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(1), u16(0), u32(0xffff_ffff), u32(0xffff_ffff)),
    block(1, u16(linkType), u16(0), u32(0x40000), resolution),
    block(4, u16(0), u16(0)),
    ...packets,
  );
}

function writer(little: boolean): {
  readonly u16: (value: number) => Uint8Array;
  readonly u32: (value: number) => Uint8Array;
  readonly join: (...parts: readonly Uint8Array[]) => Uint8Array;
} {
  const number =
    (set: "setUint16" | "setUint32", size: number) =>
    (value: number): Uint8Array => {
      const bytes = new Uint8Array(size);
      new DataView(bytes.buffer)[set](0, value, little);
      return bytes;
    };
  return {
    u16: number("setUint16", 2),
    u32: number("setUint32", 4),
    join: (...parts) => new Uint8Array(Buffer.concat(parts)),
  };
}
