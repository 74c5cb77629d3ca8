/** Frames of every shape, from a small world of addresses and ports, so that lists meet them; some cut short, some noise. */
import {
  arp,
  ethernet,
  fragment6,
  frame,
  icmp6Echo,
  icmpEcho,
  ipv4,
  ipv6,
  type Layer,
  options6,
  payload,
  tcp,
  udp,
  vlan,
} from "../../src/packets/index.ts";
import type { Random } from "./random.ts";

const IPV4 = ["192.0.2.1", "192.0.2.2", "198.51.100.7", "203.0.113.9"];
const IPV6 = ["2001:db8::1", "2001:db8::2", "2001:db8:1::7", "fe80::9"];
const PORTS = [53, 80, 443, 4000, 40_000];

/** At least an Ethernet header, which BPF_PROG_TEST_RUN asks for. */
export function randomFrame(from: Random): Uint8Array {
  if (from.int(10) === 0) return Uint8Array.from({ length: 14 + from.int(120) }, () => from.int(256));
  const tags = Array.from({ length: from.pick([0, 0, 0, 1, 1, 2, 3]) }, () => vlan({ id: 1 + from.int(5) }));
  const whole = frame(ethernet(), ...tags, ...network(from), payload(from.int(80)));
  return from.int(8) === 0 ? whole.slice(0, Math.max(14, from.int(whole.length))) : whole;
}

function network(from: Random): readonly Layer[] {
  switch (from.int(9)) {
    case 0:
      return [arp({ senderIp: from.pick(IPV4), targetIp: from.pick(IPV4) })];
    case 1:
      return [];
    case 2:
    case 3:
    case 4: {
      const options = from.int(4) === 0 ? { options: Uint8Array.of(148, 4, 0, 0) } : {};
      const offset = from.int(6) === 0 ? { fragmentOffset: 64 } : {};
      return [ipv4({ src: from.pick(IPV4), dst: from.pick(IPV4), ...options, ...offset }), transport(from, false)];
    }
    default: {
      const extension = from.pick<readonly Layer[]>([[], [], [options6()], [fragment6({ offset: 64 })]]);
      return [ipv6({ src: from.pick(IPV6), dst: from.pick(IPV6) }), ...extension, transport(from, true)];
    }
  }
}

function transport(from: Random, six: boolean): Layer {
  const ports = { src: from.pick(PORTS), dst: from.pick(PORTS) };
  switch (from.int(3)) {
    case 0:
      return udp(ports);
    case 1:
      return tcp(ports);
    default:
      return six ? icmp6Echo() : icmpEcho();
  }
}
