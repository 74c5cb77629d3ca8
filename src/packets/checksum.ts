/** The Internet checksum (RFC 1071) and the pseudo-headers it covers (RFC 768, RFC 8200 section 8.1). */

/** One's complement of the one's complement sum of big-endian words; an odd last byte is padded with zero. */
export function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** What TCP, UDP and ICMPv6 sum besides their own bytes. `src` and `dst` are 4 or 16 bytes. */
export function pseudoHeader(src: Uint8Array, dst: Uint8Array, protocol: number, length: number): Uint8Array {
  const addresses = [...src, ...dst];
  const high = [length >>> 24, (length >>> 16) & 0xff];
  const low = [(length >>> 8) & 0xff, length & 0xff];
  return Uint8Array.from(
    src.length === 4 ? [...addresses, 0, protocol, ...low] : [...addresses, ...high, ...low, 0, 0, 0, protocol],
  );
}
