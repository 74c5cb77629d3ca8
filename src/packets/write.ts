/** Layers to bytes: each layer is written in front of the bytes of those behind it. */
import { ipv4Bytes, ipv6Bytes, macBytes } from "./addresses.ts";
import { checksum, pseudoHeader } from "./checksum.ts";
import { TCP_FLAGS, type Echo, type Ipv4, type Layer, type Tcp, type Udp } from "./layers.ts";

const LOCAL_EXPERIMENT = 0x88b5;
const EXPERIMENT_PROTOCOL = 253;

/** The frame without FCS and without padding to 60 bytes. Throws RangeError for an address that is none. */
export function frame(...layers: readonly Layer[]): Uint8Array {
  let body: Uint8Array = new Uint8Array();
  for (let i = layers.length - 1; i >= 0; i--) body = write(layers[i]!, body, layers[i + 1], layers.slice(0, i));
  return body;
}

/** The EtherType by which the layer in front announces this one. */
function etherType(layer: Layer | undefined): number {
  switch (layer?.kind) {
    case "vlan":
      return layer.service ? 0x88a8 : 0x8100;
    case "arp":
      return 0x0806;
    case "ipv4":
      return 0x0800;
    case "ipv6":
      return 0x86dd;
    default:
      return LOCAL_EXPERIMENT;
  }
}

/** The IP protocol number by which the layer in front announces this one. */
function ipProtocol(layer: Layer | undefined): number {
  switch (layer?.kind) {
    case "options6":
      return layer.header;
    case "fragment6":
      return 44;
    case "icmp-echo":
      return 1;
    case "tcp":
      return 6;
    case "udp":
      return 17;
    case "icmp6-echo":
      return 58;
    default:
      return EXPERIMENT_PROTOCOL;
  }
}

function write(layer: Layer, body: Uint8Array, next: Layer | undefined, outer: readonly Layer[]): Uint8Array {
  switch (layer.kind) {
    case "ethernet":
      return join(macBytes(layer.dst), macBytes(layer.src), u16(layer.type ?? etherType(next)), body);
    case "vlan":
      return join(u16((layer.priority << 13) | layer.id), u16(layer.type ?? etherType(next)), body);
    case "arp": {
      const sender = join(macBytes(layer.senderMac), ipv4Bytes(layer.senderIp));
      const target = join(macBytes(layer.targetMac), ipv4Bytes(layer.targetIp));
      const operation = layer.operation === "request" ? 1 : 2;
      return join(u16(1), u16(0x0800), [6, 4], u16(operation), sender, target, body);
    }
    case "ipv4":
      return join(writeIpv4(layer, body.length, layer.protocol ?? ipProtocol(next)), body);
    case "ipv6": {
      const lengths = join(u16(layer.length ?? body.length), [layer.protocol ?? ipProtocol(next), layer.hopLimit]);
      return join([0x60, 0, 0, 0], lengths, ipv6Bytes(layer.src), ipv6Bytes(layer.dst), body);
    }
    case "options6": {
      const padding = layer.length - 4;
      const start = [layer.protocol ?? ipProtocol(next), layer.length / 8 - 1];
      // A routing header has a type and segments left here; 253 (RFC 3692) with none left is passed over by everyone.
      return join(start, layer.header === 43 ? [253, 0] : [1, padding], new Uint8Array(padding), body);
    }
    case "fragment6":
      return join([layer.protocol ?? ipProtocol(next), 0], u16(layer.offset | Number(layer.more)), u32(layer.id), body);
    case "udp":
    case "tcp":
    case "icmp-echo":
    case "icmp6-echo":
      return sealed(layer, body, outer);
    case "payload":
      return join(layer.bytes, body);
  }
}

function writeIpv4(layer: Ipv4, bodyLength: number, protocol: number): Uint8Array {
  const headerLength = 20 + layer.options.length;
  const flags = (Number(layer.dontFragment) << 14) | (Number(layer.moreFragments) << 13);
  const header = join(
    [0x40 | (headerLength / 4), 0],
    u16(layer.length ?? headerLength + bodyLength),
    u16(layer.id),
    u16(flags | (layer.fragmentOffset / 8)),
    [layer.ttl, protocol, 0, 0],
    ipv4Bytes(layer.src),
    ipv4Bytes(layer.dst),
    layer.options,
  );
  header.set(u16(layer.checksum ?? checksum(header)), 10);
  return header;
}

/** Layer 4 with its checksum, which covers the addresses of the IP layer in front, but for ICMP's. */
function sealed(layer: Udp | Tcp | Echo, body: Uint8Array, outer: readonly Layer[]): Uint8Array {
  const header = headerOf(layer, body.length);
  const bytes = join(header, body);
  const ip = outer.findLast((one) => one.kind === "ipv4" || one.kind === "ipv6");
  const ends =
    ip?.kind === "ipv6" ? [ipv6Bytes(ip.src), ipv6Bytes(ip.dst)] : ip ? [ipv4Bytes(ip.src), ipv4Bytes(ip.dst)] : [];
  const pseudo =
    layer.kind === "icmp-echo" || ends.length === 0
      ? new Uint8Array()
      : pseudoHeader(ends[0]!, ends[1]!, ipProtocol(layer), bytes.length);
  const sum = layer.checksum ?? checksum(pseudo, bytes);
  // In UDP 0 means "no checksum", so a sum of 0 is written as its other form (RFC 768).
  const written = layer.kind === "udp" && layer.checksum === undefined && sum === 0 ? 0xffff : sum;
  bytes.set(u16(written), layer.kind === "udp" ? 6 : layer.kind === "tcp" ? 16 : 2);
  return bytes;
}

function headerOf(layer: Udp | Tcp | Echo, bodyLength: number): Uint8Array {
  switch (layer.kind) {
    case "udp":
      return join(u16(layer.src), u16(layer.dst), u16(layer.length ?? 8 + bodyLength), u16(0));
    case "tcp": {
      const flags = layer.flags.reduce((bits, flag) => bits | (1 << TCP_FLAGS.indexOf(flag)), 0);
      const state = join(u32(layer.sequence), u32(layer.acknowledgement), [5 << 4, flags], u16(layer.window));
      return join(u16(layer.src), u16(layer.dst), state, u16(0), u16(0));
    }
    case "icmp-echo":
      return join([layer.reply ? 0 : 8, 0], u16(0), u16(layer.id), u16(layer.sequence));
    case "icmp6-echo":
      return join([layer.reply ? 129 : 128, 0], u16(0), u16(layer.id), u16(layer.sequence));
  }
}

function u16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value)];
}

function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
