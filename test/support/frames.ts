/**
 * Ethernet frames for tests and the demo, from layers to bytes and back. Pure: no clock, no randomness, no kernel.
 *
 *     const ping = frame(ethernet(), ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }), icmpEcho({ id: 1 }), payload(56));
 *     describeFrame(ping); // "02:00:00:00:00:01 > 02:00:00:00:00:02 / 10.0.0.1 > 10.0.0.2 ttl 64 / icmp echo ..."
 *
 * Lengths, types of what follows and checksums are filled in; a layer may state a wrong one to make a bad frame.
 */
export { formatIpv6, ipv4Bytes, ipv6Bytes } from "./frames/addresses.ts";
export { checksum } from "./frames/checksum.ts";
export {
  arp,
  ethernet,
  fragment6,
  icmp6Echo,
  icmpEcho,
  ipv4,
  ipv6,
  options6,
  payload,
  tcp,
  udp,
  vlan,
  type Layer,
} from "./frames/layers.ts";
export { describeFrame, readFrame } from "./frames/read.ts";
export { frame } from "./frames/write.ts";
