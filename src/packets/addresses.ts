/** MAC, IPv4 and IPv6 addresses between text and bytes in network order. Text that is no address throws a RangeError. */

export function macBytes(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw new RangeError(`not a MAC address: ${text}`);
  return Uint8Array.from(text.split(":"), (byte) => Number.parseInt(byte, 16));
}

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

export function ipv4Bytes(text: string): Uint8Array {
  const parts = text.split(".").map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  if (parts.length !== 4 || parts.some((part) => part > 255)) throw new RangeError(`not an IPv4 address: ${text}`);
  return Uint8Array.from(parts);
}

export function formatIpv4(bytes: Uint8Array): string {
  return Array.from(bytes).join(".");
}

export function ipv6Bytes(text: string): Uint8Array {
  const wrong = new RangeError(`not an IPv6 address: ${text}`);
  const halves = text.split("::");
  if (halves.length > 2) throw wrong;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) throw wrong;
  const words = [...head, ...Array.from({ length: missing }, () => "0"), ...tail];
  if (words.some((word) => !/^[0-9a-f]{1,4}$/i.test(word))) throw wrong;
  return Uint8Array.from(words.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 0xff]));
}

/** The shortest text: lower case, the first of the longest runs of zeroes as `::` (RFC 5952). */
export function formatIpv6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (words[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
  }
  if (best.length < 2) return words.join(":");
  return `${words.slice(0, best.start).join(":")}::${words.slice(best.start + best.length).join(":")}`;
}
