/**
 * Captured frames: the bytes of a pcap or pcapng file, as they come, to frames. Only Ethernet, and nothing of a file is kept
 * longer than its block (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng).
 *
 *     pcap     header of 24 bytes | for each frame: seconds, fraction, bytes here, bytes on the wire | the frame
 *     pcapng   blocks: type, length | contents | length again
 */
import { XdpgenError } from "../errors.ts";

export interface Packet {
  /** From 1, in the order of the file. */
  readonly index: number;
  /** From the Ethernet header on. */
  readonly data: Uint8Array;
  /** Bytes that the frame had on the wire; more than `data` has where the capture cut it. */
  readonly wireLength: number;
  /** Nanoseconds since 1970. A pcapng file may have frames without. */
  readonly time?: bigint;
}

/** More in one block is damage, and would be memory for nothing. Frames have 64 KiB at most. */
const LONGEST_BLOCK = 1 << 24;

const PCAP_MICROSECONDS = 0xa1b2c3d4;
const PCAP_NANOSECONDS = 0xa1b23c4d;
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;
const LINKTYPE_ETHERNET = 1;

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

/** An interface of a pcapng section. */
interface Interface {
  readonly linkType: number;
  /** Nanoseconds of a unit of its times, as a fraction: 2^-n seconds are no whole number of them. */
  readonly unit: readonly [numerator: bigint, denominator: bigint];
  /** Seconds to add to its times. */
  readonly offset: bigint;
  /** Bytes that a frame was cut to; 0 for no limit. */
  readonly snapLength: number;
}

type Format =
  | { readonly kind: "pcap"; readonly little: boolean; readonly nanoseconds: boolean }
  | { readonly kind: "pcapng"; readonly little: boolean; readonly interfaces: readonly Interface[] };

/** Reads a capture piece by piece: give it the bytes in order, and tell it where they end. */
export class CaptureReader {
  readonly #file: string;
  #format: Format | undefined;
  /** Bytes that are not a whole block yet. */
  #pending: Uint8Array = new Uint8Array();
  /** Where they begin in the file. */
  #offset = 0;
  #count = 0;

  /** @param file its name in messages */
  constructor(file: string) {
    this.#file = file;
  }

  /**
   * The frames that are whole with these bytes, each read when it is asked for: take all before the next bytes.
   * @throws XdpgenError `packet-invalid` with the byte at which the file is wrong
   */
  *push(bytes: Uint8Array): Generator<Packet, void, undefined> {
    this.#pending = this.#pending.length === 0 ? bytes : joined(this.#pending, bytes);
    for (;;) {
      const size = this.#blockSize();
      if (size === undefined || size > this.#pending.length) return;
      const packet = this.#readBlock(this.#pending.subarray(0, size));
      this.#pending = this.#pending.subarray(size);
      this.#offset += size;
      if (packet) yield packet;
    }
  }

  /** @throws XdpgenError `packet-invalid` where the file ends within a frame, or before it began */
  end(): void {
    const left = this.#pending.length;
    if (!this.#format) throw this.#wrong(`it has ${left} bytes, less than the header of a capture`);
    if (left > 0) throw this.#wrong(`it ends within a frame: ${left} bytes are left`);
  }

  /** Bytes of the block that `#pending` begins with; undefined while too little of it is there to say. */
  #blockSize(): number | undefined {
    const pending = this.#pending;
    if (pending.length < 4) return undefined;
    const format = this.#format;
    const view = viewOf(pending);
    if (this.#offset === 0 && view.getUint32(0, true) !== SECTION_HEADER) {
      this.#format = this.#pcapFormat(view);
      return PCAP_HEADER;
    }
    if (format?.kind === "pcap") {
      if (pending.length < PCAP_RECORD) return undefined;
      const length = view.getUint32(8, format.little);
      return PCAP_RECORD + this.#sane(length);
    }
    if (pending.length < 12) return undefined;
    const isHeader = view.getUint32(0, true) === SECTION_HEADER;
    const length = view.getUint32(4, isHeader ? this.#sectionOrder(view) : format!.little);
    if (length < 12 || length % 4 !== 0) throw this.#wrong(`a block cannot have ${length} bytes`);
    return this.#sane(length);
  }

  #sane(length: number): number {
    if (length > LONGEST_BLOCK) throw this.#wrong(`a block of ${length} bytes is longer than any frame`);
    return length;
  }

  #pcapFormat(view: DataView): Format {
    for (const little of [true, false]) {
      const magic = view.getUint32(0, little);
      if (magic === PCAP_MICROSECONDS || magic === PCAP_NANOSECONDS)
        return { kind: "pcap", little, nanoseconds: magic === PCAP_NANOSECONDS };
    }
    throw this.#wrong(`it begins with 0x${view.getUint32(0).toString(16)}, as no pcap or pcapng file does`);
  }

  #sectionOrder(view: DataView): boolean {
    const magic = view.getUint32(8, true);
    if (magic !== BYTE_ORDER_MAGIC && view.getUint32(8) !== BYTE_ORDER_MAGIC)
      throw this.#wrong(`a section's byte-order magic is 0x${magic.toString(16)}`);
    return magic === BYTE_ORDER_MAGIC;
  }

  #readBlock(block: Uint8Array): Packet | undefined {
    const view = viewOf(block);
    const format = this.#format;
    if (format?.kind === "pcap") return this.#readPcap(view, block, format);
    const isHeader = view.getUint32(0, true) === SECTION_HEADER;
    const section: Format = isHeader ? { kind: "pcapng", little: this.#sectionOrder(view), interfaces: [] } : format!;
    const { little, interfaces } = section as Format & { kind: "pcapng" };
    const again = view.getUint32(block.length - 4, little);
    if (again !== block.length)
      throw this.#wrong(`a block says ${block.length} bytes at its start, ${again} at its end`);
    switch (view.getUint32(0, little)) {
      case SECTION_HEADER:
        this.#format = section;
        return undefined;
      case INTERFACE_DESCRIPTION:
        this.#format = { kind: "pcapng", little, interfaces: [...interfaces, this.#readInterface(view, little)] };
        return undefined;
      case ENHANCED_PACKET: {
        this.#require(block.length >= 32, "a packet block is cut short");
        const from = this.#interface(interfaces, view.getUint32(8, little));
        const units = (BigInt(view.getUint32(12, little)) << 32n) | BigInt(view.getUint32(16, little));
        const time = from.offset * NANOSECONDS + (units * from.unit[0]) / from.unit[1];
        const data = this.#frame(block, 28, view.getUint32(20, little));
        return this.#packet(data, view.getUint32(24, little), time);
      }
      case SIMPLE_PACKET: {
        this.#require(block.length >= 16, "a packet block is cut short");
        const { snapLength } = this.#interface(interfaces, 0);
        const wireLength = view.getUint32(8, little);
        const length = snapLength === 0 ? wireLength : Math.min(wireLength, snapLength);
        return this.#packet(this.#frame(block, 12, length), wireLength);
      }
      default:
        // Names, statistics, decryption secrets, somebody's own.
        return undefined;
    }
  }

  #readPcap(view: DataView, block: Uint8Array, { little, nanoseconds }: Format & { kind: "pcap" }): Packet | undefined {
    if (this.#offset === 0) {
      // The upper bits say whether frames end with their checksum.
      this.#requireEthernet(view.getUint32(20, little) & 0xffff);
      return undefined;
    }
    const seconds = BigInt(view.getUint32(0, little));
    const fraction = BigInt(view.getUint32(4, little));
    const time = seconds * NANOSECONDS + (nanoseconds ? fraction : fraction * 1000n);
    return this.#packet(block.slice(PCAP_RECORD), view.getUint32(12, little), time);
  }

  #readInterface(view: DataView, little: boolean): Interface {
    this.#require(view.byteLength >= 20, "an interface block is cut short");
    let unit: Interface["unit"] = [1000n, 1n];
    let offset = 0n;
    for (let at = 16; at + 4 <= view.byteLength - 4;) {
      const code = view.getUint16(at, little);
      const length = view.getUint16(at + 2, little);
      this.#require(at + 4 + length <= view.byteLength - 4, "an option of an interface is cut short");
      if (code === IF_TSRESOL && length === 1) unit = unitOf(view.getUint8(at + 4));
      if (code === IF_TSOFFSET && length === 8) offset = view.getBigInt64(at + 4, little);
      at += 4 + Math.ceil(length / 4) * 4;
    }
    return { linkType: view.getUint16(8, little), snapLength: view.getUint32(12, little), unit, offset };
  }

  #interface(interfaces: readonly Interface[], index: number): Interface {
    const from = interfaces[index];
    if (!from) throw this.#wrong(`a frame is of interface ${index}, and the file describes ${interfaces.length}`);
    this.#requireEthernet(from.linkType);
    return from;
  }

  #requireEthernet(linkType: number): void {
    if (linkType === LINKTYPE_ETHERNET) return;
    throw new XdpgenError(
      "packet-invalid",
      `${this.#file}: its frames are of link type ${linkType}, and XDP sees Ethernet (1): capture on an Ethernet interface`,
    );
  }

  #frame(block: Uint8Array, at: number, length: number): Uint8Array {
    this.#require(at + length <= block.length - 4, `a frame of ${length} bytes does not fit its block`);
    return block.slice(at, at + length);
  }

  #packet(data: Uint8Array, wireLength: number, time?: bigint): Packet {
    return { index: ++this.#count, data, wireLength, ...(time !== undefined && { time }) };
  }

  #require(holds: boolean, message: string): void {
    if (!holds) throw this.#wrong(message);
  }

  #wrong(message: string): XdpgenError {
    return new XdpgenError("packet-invalid", `${this.#file}: at byte ${this.#offset}: ${message}`);
  }
}

const NANOSECONDS = 1_000_000_000n;

/** `if_tsresol`: units of 10^-n seconds, or 2^-n where the highest bit is set. */
function unitOf(resolution: number): Interface["unit"] {
  const power = BigInt(resolution & 0x7f);
  return [NANOSECONDS, (resolution & 0x80) === 0 ? 10n ** power : 2n ** power];
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * All frames of a file that is there whole.
 * @throws XdpgenError `packet-invalid`
 */
export function readCapture(bytes: Uint8Array, file: string): readonly Packet[] {
  const reader = new CaptureReader(file);
  const packets = [...reader.push(bytes)];
  reader.end();
  return packets;
}
