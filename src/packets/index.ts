/**
 * Ethernet frames: from layers to bytes and back, and out of captured files. Pure: no clock, no randomness, no kernel.
 *
 *     const ping = frame(ethernet(), ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }), icmpEcho({ id: 1 }), payload(56));
 *     describeFrame(ping); // "02:00:00:00:00:01 > 02:00:00:00:00:02 / 10.0.0.1 > 10.0.0.2 ttl 64 / icmp echo ..."
 *
 * Lengths, types of what follows and checksums are filled in; a layer may state a wrong one to make a bad frame.
 */
export { CaptureReader, type Packet, readCapture } from "./capture.ts";
export { formatIpv6, ipv4Bytes, ipv6Bytes } from "./addresses.ts";
export { checksum } from "./checksum.ts";
export { differenceOfPackets } from "./difference.ts";
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
} from "./layers.ts";
export { parsePacket } from "./parse.ts";
export { describeFrame, describePacket, readFrame } from "./read.ts";
export { frame } from "./write.ts";
