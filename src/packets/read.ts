/** Bytes back to layers, enough for tests to say what came out; and one line that says it to a person. */
import { formatIpv4, formatIpv6, formatMac } from "./addresses.ts";
import { checksum, pseudoHeader } from "./checksum.ts";
import { TCP_FLAGS, type Ipv4, type Ipv6, type Layer, type Udp } from "./layers.ts";

export interface ReadFrame {
  /** What `frame` would be given. Bytes of an unknown or cut-short layer are a payload. */
  readonly layers: readonly Layer[];
  /** Wrong checksums and lengths, in words; empty for a sound frame. */
  readonly faults: readonly string[];
  /** Bytes behind the end of the IP packet, as Ethernet pads short ones to 60. */
  readonly padding: number;
}

/** One step: the layer at the start of `bytes`, what announces the next one, and the bytes of the next one. */
interface Step {
  readonly layer: Layer;
  readonly next: Next;
  readonly rest: Uint8Array;
}

type Next = { readonly space: "ethertype" | "ip"; readonly value: number } | undefined;

interface Surroundings {
  readonly faults: string[];
  ends: { src: Uint8Array; dst: Uint8Array } | undefined;
  /** Checksums of layer 4 cover the whole packet: in a fragment nobody can check them. */
  isFragment: boolean;
  padding: number;
}

export function readFrame(bytes: Uint8Array): ReadFrame {
  const around: Surroundings = { faults: [], ends: undefined, isFragment: false, padding: 0 };
  const layers: Layer[] = [];
  let step = bytes.length < 14 ? undefined : readEthernet(bytes);
  let rest = bytes;
  while (step) {
    layers.push(step.layer);
    rest = step.rest;
    step = step.next && readNext(step.next, rest, around);
  }
  if (rest.length > 0) layers.push({ kind: "payload", bytes: rest });
  return { layers, faults: around.faults, padding: around.padding };
}

function readNext(next: NonNullable<Next>, bytes: Uint8Array, around: Surroundings): Step | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = bytes.length;
  if (next.space === "ethertype") {
    if (next.value === 0x8100 || next.value === 0x88a8)
      return length < 4 ? undefined : readVlan(view, bytes, next.value);
    if (next.value === 0x0806) return length < 28 ? undefined : readArp(view, bytes);
    if (next.value === 0x0800) return length < 20 ? undefined : readIpv4(view, bytes, around);
    if (next.value === 0x86dd) return length < 40 ? undefined : readIpv6(view, bytes, around);
    return undefined;
  }
  if (next.value === 0 || next.value === 43 || next.value === 60) return readOptions6(next.value, bytes);
  if (next.value === 44) return length < 8 ? undefined : readFragment6(view, bytes, around);
  if (next.value === 17) return length < 8 ? undefined : readUdp(view, bytes, around);
  if (next.value === 6) return length < 20 || bytes[12]! >> 4 !== 5 ? undefined : readTcp(view, bytes, around);
  if (next.value === 1 || next.value === 58) return length < 8 ? undefined : readEcho(next.value, view, bytes, around);
  return undefined;
}

function readEthernet(bytes: Uint8Array): Step {
  const type = (bytes[12]! << 8) | bytes[13]!;
  const layer: Layer = {
    kind: "ethernet",
    dst: formatMac(bytes.subarray(0, 6)),
    src: formatMac(bytes.subarray(6, 12)),
    type,
  };
  return { layer, next: { space: "ethertype", value: type }, rest: bytes.subarray(14) };
}

function readVlan(view: DataView, bytes: Uint8Array, tpid: number): Step {
  const tci = view.getUint16(0);
  const type = view.getUint16(2);
  const layer: Layer = { kind: "vlan", id: tci & 0xfff, priority: tci >> 13, service: tpid === 0x88a8, type };
  return { layer, next: { space: "ethertype", value: type }, rest: bytes.subarray(4) };
}

function readArp(view: DataView, bytes: Uint8Array): Step {
  const layer: Layer = {
    kind: "arp",
    operation: view.getUint16(6) === 1 ? "request" : "reply",
    senderMac: formatMac(bytes.subarray(8, 14)),
    senderIp: formatIpv4(bytes.subarray(14, 18)),
    targetMac: formatMac(bytes.subarray(18, 24)),
    targetIp: formatIpv4(bytes.subarray(24, 28)),
  };
  return { layer, next: undefined, rest: bytes.subarray(28) };
}

function readIpv4(view: DataView, bytes: Uint8Array, around: Surroundings): Step | undefined {
  const headerLength = (bytes[0]! & 15) * 4;
  if (bytes[0]! >> 4 !== 4 || headerLength < 20 || headerLength > bytes.length) return undefined;
  const flags = view.getUint16(6);
  const layer: Ipv4 = {
    kind: "ipv4",
    src: formatIpv4(bytes.subarray(12, 16)),
    dst: formatIpv4(bytes.subarray(16, 20)),
    ttl: bytes[8]!,
    id: view.getUint16(4),
    dontFragment: (flags & 0x4000) !== 0,
    moreFragments: (flags & 0x2000) !== 0,
    fragmentOffset: (flags & 0x1fff) * 8,
    options: bytes.slice(20, headerLength),
    protocol: bytes[9]!,
  };
  expectSum("ipv4 header", checksum(bytes.subarray(0, headerLength)), around);
  around.ends = { src: bytes.subarray(12, 16), dst: bytes.subarray(16, 20) };
  around.isFragment ||= layer.moreFragments || layer.fragmentOffset > 0;
  const rest = bounded("ipv4", bytes, view.getUint16(2), around).subarray(headerLength);
  return { layer, next: layer.fragmentOffset > 0 ? undefined : { space: "ip", value: bytes[9]! }, rest };
}

function readIpv6(view: DataView, bytes: Uint8Array, around: Surroundings): Step | undefined {
  if (bytes[0]! >> 4 !== 6) return undefined;
  around.ends = { src: bytes.subarray(8, 24), dst: bytes.subarray(24, 40) };
  const { src, dst } = around.ends;
  const addresses = { src: formatIpv6(src), dst: formatIpv6(dst) };
  const layer: Ipv6 = { kind: "ipv6", ...addresses, hopLimit: bytes[7]!, protocol: bytes[6]! };
  const rest = bounded("ipv6", bytes, 40 + view.getUint16(4), around).subarray(40);
  return { layer, next: { space: "ip", value: bytes[6]! }, rest };
}

function readOptions6(header: 0 | 43 | 60, bytes: Uint8Array): Step | undefined {
  const length = bytes.length < 8 ? 0 : (bytes[1]! + 1) * 8;
  if (length === 0 || length > bytes.length) return undefined;
  const layer: Layer = { kind: "options6", header, length, protocol: bytes[0]! };
  return { layer, next: { space: "ip", value: bytes[0]! }, rest: bytes.subarray(length) };
}

function readFragment6(view: DataView, bytes: Uint8Array, around: Surroundings): Step {
  const field = view.getUint16(2);
  const offset = field & 0xfff8;
  const layer: Layer = {
    kind: "fragment6",
    id: view.getUint32(4),
    offset,
    more: (field & 1) === 1,
    protocol: bytes[0]!,
  };
  around.isFragment ||= offset > 0 || layer.more;
  return { layer, next: offset > 0 ? undefined : { space: "ip", value: bytes[0]! }, rest: bytes.subarray(8) };
}

function readUdp(view: DataView, bytes: Uint8Array, around: Surroundings): Step {
  const none = view.getUint16(6) === 0;
  if (!around.isFragment && view.getUint16(4) !== bytes.length) {
    around.faults.push(`udp length is ${view.getUint16(4)}, there are ${bytes.length} bytes`);
  }
  if (!none) expectLayer4Sum("udp", 17, bytes, around);
  const ports = { src: view.getUint16(0), dst: view.getUint16(2) };
  const layer: Udp = none ? { kind: "udp", ...ports, checksum: 0 } : { kind: "udp", ...ports };
  return { layer, next: undefined, rest: bytes.subarray(8) };
}

function readTcp(view: DataView, bytes: Uint8Array, around: Surroundings): Step {
  expectLayer4Sum("tcp", 6, bytes, around);
  const layer: Layer = {
    kind: "tcp",
    src: view.getUint16(0),
    dst: view.getUint16(2),
    sequence: view.getUint32(4),
    acknowledgement: view.getUint32(8),
    flags: TCP_FLAGS.filter((_, bit) => bytes[13]! & (1 << bit)),
    window: view.getUint16(14),
  };
  return { layer, next: undefined, rest: bytes.subarray(20) };
}

function readEcho(protocol: 1 | 58, view: DataView, bytes: Uint8Array, around: Surroundings): Step | undefined {
  const [request, reply] = protocol === 1 ? [8, 0] : [128, 129];
  if (bytes[1] !== 0 || (bytes[0] !== request && bytes[0] !== reply)) return undefined;
  if (protocol === 58) expectLayer4Sum("icmp6", 58, bytes, around);
  else if (!around.isFragment) expectSum("icmp", checksum(bytes), around);
  const kind = protocol === 1 ? "icmp-echo" : "icmp6-echo";
  const layer: Layer = { kind, reply: bytes[0] === reply, id: view.getUint16(4), sequence: view.getUint16(6) };
  return { layer, next: undefined, rest: bytes.subarray(8) };
}

/** The packet without the padding behind it, as its own length says. */
function bounded(name: string, bytes: Uint8Array, length: number, around: Surroundings): Uint8Array {
  if (length > bytes.length) around.faults.push(`${name} length is ${length}, there are ${bytes.length} bytes`);
  around.padding = Math.max(0, bytes.length - length);
  return bytes.subarray(0, length);
}

function expectLayer4Sum(name: string, protocol: number, bytes: Uint8Array, around: Surroundings): void {
  if (!around.ends || around.isFragment) return;
  expectSum(name, checksum(pseudoHeader(around.ends.src, around.ends.dst, protocol, bytes.length), bytes), around);
}

/** Summed with its own checksum, sound data gives 0. */
function expectSum(name: string, sum: number, around: Surroundings): void {
  if (sum !== 0) around.faults.push(`${name} checksum is wrong`);
}

/** Layers from the outside in, then what is wrong: `... / udp 40000 > 9 / 5 bytes / 4 padding, udp checksum is wrong`. */
export function describeFrame(bytes: Uint8Array): string {
  const { layers, faults, padding } = readFrame(bytes);
  const parts = layers.map(describe);
  if (padding > 0) parts.push(`${padding} padding`);
  return [parts.join(" / "), ...faults].join(", ");
}

/** As `describeFrame`, without the Ethernet addresses where there is more to say: `192.0.2.1 > 192.0.2.2 ttl 64 / …`. */
export function describePacket(bytes: Uint8Array): string {
  const whole = describeFrame(bytes);
  const { layers } = readFrame(bytes);
  return layers[0]?.kind === "ethernet" && layers.length > 1 ? whole.slice(whole.indexOf(" / ") + 3) : whole;
}

function describe(layer: Layer): string {
  switch (layer.kind) {
    case "ethernet":
      return `${layer.src} > ${layer.dst}`;
    case "vlan":
      return `${layer.service ? "service vlan" : "vlan"} ${layer.id}`;
    case "arp":
      return layer.operation === "request"
        ? `arp who has ${layer.targetIp}, tell ${layer.senderIp}`
        : `arp ${layer.senderIp} is at ${layer.senderMac}`;
    case "ipv4":
      return `${layer.src} > ${layer.dst} ttl ${layer.ttl}${fragmentText(layer.fragmentOffset, layer.moreFragments)}`;
    case "ipv6":
      return `${layer.src} > ${layer.dst} hop limit ${layer.hopLimit}`;
    case "options6":
      return `options ${layer.header}`;
    case "fragment6":
      return `fragment header${fragmentText(layer.offset, layer.more)}`;
    case "udp":
      return `udp ${layer.src} > ${layer.dst}`;
    case "tcp":
      return `tcp ${layer.src} > ${layer.dst} ${layer.flags.join(",")}`;
    case "icmp-echo":
    case "icmp6-echo": {
      const name = layer.kind === "icmp-echo" ? "icmp" : "icmp6";
      return `${name} echo ${layer.reply ? "reply" : "request"} id ${layer.id} seq ${layer.sequence}`;
    }
    case "payload":
      return `${layer.bytes.length} bytes`;
  }
}

function fragmentText(offset: number, more: boolean): string {
  return offset > 0 || more ? ` fragment at ${offset}${more ? " of more" : ""}` : "";
}
