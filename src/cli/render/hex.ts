/** Bytes that were written down in hexadecimal. In: text. Out: the bytes, or nothing where it is something else. */

/** Digits with blanks, commas and `0x` between them, or a dump whose lines begin with addresses. */
export function hexBytes(text: string): Uint8Array | undefined {
  return dumped(text) ?? digits(text);
}

/** A line of xxd, or one of `hexdump -C` or `od -Ax -tx1`: an address, bytes, and perhaps the bytes as characters. */
const DUMPED = /^([\da-f]{6,16})(?:: (.*?)(?: {2}.*)?|\s+([^|>]*?)(?:[|>].*)?)?$/i;

/** Every line says how many bytes were before it, so that no digits are taken for an address by mistake. */
function dumped(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (const line of text.trim().split(/\s*\n\s*/)) {
    const [, address, ofXxd, ofOthers] = DUMPED.exec(line) ?? [];
    if (address === undefined || Number.parseInt(address, 16) !== bytes.length) return undefined;
    bytes.push(...(digits(ofXxd ?? ofOthers ?? "") ?? []));
  }
  return bytes.length > 0 ? Uint8Array.from(bytes) : undefined;
}

function digits(text: string): Uint8Array | undefined {
  const found = text.replaceAll(/0x|[\s,;:]/gi, "");
  if (!/^(?:[\da-f]{2})+$/i.test(found)) return undefined;
  return Uint8Array.from(found.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}
