/** The layers of a frame as plain values, and a builder for each that fills in defaults. */

export interface Ethernet {
  readonly kind: "ethernet";
  readonly src: string;
  readonly dst: string;
  /** EtherType; without it, that of the next layer, or 0x88b5 (IEEE: for local experiments). */
  readonly type?: number;
}

export interface Vlan {
  readonly kind: "vlan";
  /** 0 to 4095. */
  readonly id: number;
  /** PCP, 0 to 7. */
  readonly priority: number;
  /** An 802.1ad service tag (0x88a8) where true, else 802.1Q (0x8100). */
  readonly service: boolean;
  readonly type?: number;
}

export interface Arp {
  readonly kind: "arp";
  readonly operation: "request" | "reply";
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetMac: string;
  readonly targetIp: string;
}

export interface Ipv4 {
  readonly kind: "ipv4";
  readonly src: string;
  readonly dst: string;
  readonly ttl: number;
  readonly id: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** In bytes, a multiple of 8. */
  readonly fragmentOffset: number;
  /** A multiple of 4 bytes, at most 40. */
  readonly options: Uint8Array;
  /** Without it, that of the next layer, or 253 (RFC 3692: for experiments). */
  readonly protocol?: number;
  /** These two are written instead of the right ones. */
  readonly checksum?: number;
  /** Of the packet with its header, in bytes. */
  readonly length?: number;
}

export interface Ipv6 {
  readonly kind: "ipv6";
  readonly src: string;
  readonly dst: string;
  readonly hopLimit: number;
  readonly protocol?: number;
  /** Of what follows the header, in bytes; written instead of the right one. */
  readonly length?: number;
}

/** An IPv6 extension header of options: hop-by-hop (0), routing (43), destination options (60). */
export interface Options6 {
  readonly kind: "options6";
  readonly header: 0 | 43 | 60;
  /** Bytes of the whole header, a multiple of 8; filled with padding options. */
  readonly length: number;
  readonly protocol?: number;
}

export interface Fragment6 {
  readonly kind: "fragment6";
  readonly id: number;
  readonly offset: number;
  readonly more: boolean;
  readonly protocol?: number;
}

export interface Udp {
  readonly kind: "udp";
  readonly src: number;
  readonly dst: number;
  readonly checksum?: number;
  /** Of the header and what follows, in bytes. */
  readonly length?: number;
}

export const TCP_FLAGS = ["fin", "syn", "rst", "psh", "ack", "urg"] as const;

export interface Tcp {
  readonly kind: "tcp";
  readonly src: number;
  readonly dst: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  /** In the order of TCP_FLAGS. */
  readonly flags: readonly (typeof TCP_FLAGS)[number][];
  readonly window: number;
  readonly checksum?: number;
}

/** ICMP over IPv4, ICMPv6 over IPv6. */
export interface Echo {
  readonly kind: "icmp-echo" | "icmp6-echo";
  readonly reply: boolean;
  readonly id: number;
  readonly sequence: number;
  readonly checksum?: number;
}

export interface Payload {
  readonly kind: "payload";
  readonly bytes: Uint8Array;
}

export type Layer = Ethernet | Vlan | Arp | Ipv4 | Ipv6 | Options6 | Fragment6 | Udp | Tcp | Echo | Payload;

type Some<T> = Partial<Omit<T, "kind">>;

/** Locally administered MAC addresses, 02:00:00:00:00:01 to ...:02, unless given. */
export function ethernet(fields: Some<Ethernet> = {}): Ethernet {
  return { kind: "ethernet", src: "02:00:00:00:00:01", dst: "02:00:00:00:00:02", ...fields };
}

export function vlan(fields: Some<Vlan> & Pick<Vlan, "id">): Vlan {
  return { kind: "vlan", priority: 0, service: false, ...fields };
}

export function arp(fields: Some<Arp> & Pick<Arp, "senderIp" | "targetIp">): Arp {
  const macs = { senderMac: "02:00:00:00:00:01", targetMac: "00:00:00:00:00:00" };
  return { kind: "arp", operation: "request", ...macs, ...fields };
}

/** From 192.0.2.1 to 192.0.2.2 (RFC 5737: for documentation) unless given. */
export function ipv4(fields: Some<Ipv4> = {}): Ipv4 {
  const whole = { id: 0, dontFragment: false, moreFragments: false, fragmentOffset: 0, options: new Uint8Array() };
  return { kind: "ipv4", src: "192.0.2.1", dst: "192.0.2.2", ttl: 64, ...whole, ...fields };
}

/** From 2001:db8::1 to 2001:db8::2 (RFC 3849: for documentation) unless given. */
export function ipv6(fields: Some<Ipv6> = {}): Ipv6 {
  return { kind: "ipv6", src: "2001:db8::1", dst: "2001:db8::2", hopLimit: 64, ...fields };
}

export function options6(fields: Some<Options6> = {}): Options6 {
  return { kind: "options6", header: 60, length: 8, ...fields };
}

export function fragment6(fields: Some<Fragment6> = {}): Fragment6 {
  return { kind: "fragment6", id: 1, offset: 0, more: false, ...fields };
}

export function udp(fields: Some<Udp> = {}): Udp {
  return { kind: "udp", src: 40000, dst: 9, ...fields };
}

export function tcp(fields: Some<Tcp> = {}): Tcp {
  const state = { sequence: 1, acknowledgement: 0, flags: ["syn"] as const, window: 65535 };
  return { kind: "tcp", src: 40000, dst: 80, ...state, ...fields };
}

export function icmpEcho(fields: Some<Echo> = {}): Echo {
  return { kind: "icmp-echo", reply: false, id: 1, sequence: 1, ...fields };
}

export function icmp6Echo(fields: Some<Echo> = {}): Echo {
  return { kind: "icmp6-echo", reply: false, id: 1, sequence: 1, ...fields };
}

/** The bytes, the text in UTF-8, or as many bytes as the number says, counting up from 0 and around at 256. */
export function payload(content: Uint8Array | string | number): Payload {
  if (typeof content === "number") return { kind: "payload", bytes: Uint8Array.from({ length: content }, (_, i) => i) };
  return { kind: "payload", bytes: typeof content === "string" ? new TextEncoder().encode(content) : content };
}
