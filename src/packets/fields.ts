/**
 * The words of the packet notation: each layer, its fields, and what of `layers.ts` they set. A reader gives the value of
 * a field, or undefined (or a RangeError) for what is none; a field without `=` has the value undefined.
 */
import { ipv4Bytes, ipv6Bytes, macBytes } from "./addresses.ts";
import { arp, ethernet, icmp6Echo, icmpEcho, ipv4, ipv6, type Layer, tcp, TCP_FLAGS, udp, vlan } from "./layers.ts";

export interface Field {
  /** Of the layer's value. */
  readonly property: string;
  /** What the value must be, for messages. */
  readonly expects: string;
  readonly read: (value: string | undefined) => unknown;
}

export interface LayerKind {
  readonly make: (values: Readonly<Record<string, unknown>>) => Layer;
  readonly fields: Readonly<Record<string, Field>>;
}

function number(property: string, most: number, step = 1): Field {
  const expects = `a number from 0 to ${most}${step > 1 ? `, a multiple of ${step}` : ""}`;
  const read = (value = ""): number | undefined => {
    const parsed = /^(\d+|0x[0-9a-fA-F]+)$/.test(value) ? Number(value) : -1;
    return parsed >= 0 && parsed <= most && parsed % step === 0 ? parsed : undefined;
  };
  return { property, expects, read };
}

function flag(property: string, set: unknown = true): Field {
  return { property, expects: "alone, without `=`", read: (value) => (value === undefined ? set : undefined) };
}

function address(property: string, expects: string, check: (text: string) => Uint8Array): Field {
  return { property, expects, read: (value = "") => check(value) && value };
}

const mac = (property: string): Field => address(property, "a MAC address", macBytes);
const ip4 = (property: string): Field => address(property, "an IPv4 address", ipv4Bytes);
const ip6 = (property: string): Field => address(property, "an IPv6 address", ipv6Bytes);

const tcpFlags: Field = {
  property: "flags",
  expects: `flags joined with \`+\`, of ${TCP_FLAGS.join(", ")}, or none`,
  read(value = "") {
    const given = value === "none" ? [] : value.split("+");
    const known = TCP_FLAGS.filter((one) => given.includes(one));
    return known.length === given.length ? known : undefined;
  },
};

const U16 = 0xffff;
const U32 = 0xffffffff;

const ports = { sport: number("src", U16), dport: number("dst", U16), checksum: number("checksum", U16) };
const echo = {
  reply: flag("reply"),
  id: number("id", U16),
  seq: number("sequence", U16),
  checksum: number("checksum", U16),
};

/** By name, in the order in which they go around each other. */
export const LAYERS: Readonly<Record<string, LayerKind>> = {
  eth: {
    // Padding is no part of the header: `parse.ts` looks for it.
    make: (values) => {
      const { nopad: _, ...header } = values;
      return ethernet(header);
    },
    fields: { src: mac("src"), dst: mac("dst"), type: number("type", U16), nopad: flag("nopad") },
  },
  vlan: {
    make: (values) => vlan({ id: 1, ...values }),
    fields: {
      id: number("id", 4095),
      priority: number("priority", 7),
      service: flag("service"),
      type: number("type", U16),
    },
  },
  arp: {
    make: (values) => arp({ senderIp: "192.0.2.1", targetIp: "192.0.2.2", ...values }),
    fields: {
      reply: flag("operation", "reply"),
      sender: ip4("senderIp"),
      target: ip4("targetIp"),
      "sender-mac": mac("senderMac"),
      "target-mac": mac("targetMac"),
    },
  },
  ipv4: {
    make: (values) => ipv4(values),
    fields: {
      src: ip4("src"),
      dst: ip4("dst"),
      ttl: number("ttl", 255),
      id: number("id", U16),
      protocol: number("protocol", 255),
      df: flag("dontFragment"),
      mf: flag("moreFragments"),
      offset: number("fragmentOffset", 65528, 8),
      length: number("length", U16),
      checksum: number("checksum", U16),
    },
  },
  ipv6: {
    make: (values) => ipv6(values),
    fields: {
      src: ip6("src"),
      dst: ip6("dst"),
      "hop-limit": number("hopLimit", 255),
      protocol: number("protocol", 255),
      length: number("length", U16),
    },
  },
  tcp: {
    make: (values) => tcp(values),
    fields: {
      ...ports,
      flags: tcpFlags,
      seq: number("sequence", U32),
      ack: number("acknowledgement", U32),
      window: number("window", U16),
    },
  },
  udp: { make: (values) => udp(values), fields: { ...ports, length: number("length", U16) } },
  icmp: { make: (values) => icmpEcho(values), fields: echo },
  icmpv6: { make: (values) => icmp6Echo(values), fields: echo },
};
