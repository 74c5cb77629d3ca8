/**
 * A frame as text -> its bytes, or every mistake in the text. Two forms:
 *
 *     eth / ipv4 src=192.0.2.1 dst=198.51.100.7 / udp dport=53 / "payload"      layers from the outside in
 *     02 00 00 00 00 02 02:00:00:00:00:01 0800 45...                            hex, spaces and colons as one likes
 *
 * Layers are those of `layers.ts`, with its defaults; docs/checks.md has the table. Lengths, checksums and the types of
 * what follows are filled in unless given.
 */
import { type Diagnostic, Mistakes, spanOf } from "../diagnostic.ts";
import { XdpgenError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { type Field, LAYERS } from "./fields.ts";
import { type Layer, payload } from "./layers.ts";
import { frame } from "./write.ts";

/** The shortest Ethernet frame without its checksum (ETH_ZLEN in include/uapi/linux/if_ether.h). */
const SHORTEST = 60;
/** The longest that an IP packet can be, and its Ethernet header with two tags. */
const LONGEST = 65535 + 22;

/** Whether a text is in layers; else it is hex. */
export function isLayered(text: string): boolean {
  return /^\s*eth\b|\s\/\s/.test(text);
}

/**
 * The bytes of a frame.
 *
 * @throws XdpgenError `packet-invalid` with every mistake; the cause is `Mistakes`
 */
export function parsePacket(text: string, name = "<packet>"): Uint8Array {
  const found: Diagnostic[] = [];
  const bytes = isLayered(text) ? parseLayers(text, found) : parseHex(text, found);
  if (found.length === 0) return bytes;
  const cause = new Mistakes(found, text, name);
  throw new XdpgenError("packet-invalid", cause.message, { cause });
}

function parseHex(text: string, found: Diagnostic[]): Uint8Array {
  const digits = text.replaceAll(/[\s:]/g, "");
  const odd = /[^0-9a-fA-F\s:]+/.exec(text);
  if (odd) {
    const hint = "begin with `eth` for layers, or end with `.pcap` for a capture";
    found.push(wrong(text, odd.index, odd[0].length, `\`${odd[0]}\` is no hex digit`, hint));
  } else if (digits.length % 2 !== 0) {
    found.push(wrong(text, 0, text.length, `${digits.length} hex digits are no whole number of bytes`));
  } else if (digits.length < 28) {
    found.push(wrong(text, 0, text.length, `a frame has at least 14 bytes, not ${digits.length / 2}`));
  }
  return found.length > 0 ? new Uint8Array() : bytesOf(digits);
}

interface Token {
  readonly text: string;
  readonly at: number;
}

function parseLayers(text: string, found: Diagnostic[]): Uint8Array {
  const groups: Token[][] = [[]];
  for (const { 0: part, index } of text.matchAll(/"(?:[^"\\]|\\.)*"?|\/|[^\s/"]+/g)) {
    if (part === "/") groups.push([]);
    else groups.at(-1)!.push({ text: part, at: index });
  }
  let padded = true;
  const layers = groups.flatMap((tokens, place): Layer[] => {
    const [head, ...rest] = tokens;
    if (!head) {
      found.push(
        wrong(text, text.length, 1, `there is no layer ${place === 0 ? "before the first" : "behind a"} \`/\``),
      );
      return [];
    }
    if (head.text === "eth") {
      if (place > 0) found.push(wrong(text, head.at, 3, "`eth` is the outermost layer, and there once"));
      padded &&= !rest.some((token) => token.text === "nopad");
    } else if (place === 0) {
      found.push(wrong(text, head.at, head.text.length, "a frame begins with `eth`", "write `eth / …`"));
    }
    return layerOf(text, head, rest, found);
  });
  if (found.length > 0) return new Uint8Array();
  const bytes = frame(...layers);
  if (bytes.length > LONGEST) found.push(wrong(text, 0, text.length, `a frame of ${bytes.length} bytes is too long`));
  if (!padded || bytes.length >= SHORTEST) return bytes;
  const whole = new Uint8Array(SHORTEST);
  whole.set(bytes);
  return whole;
}

function layerOf(text: string, head: Token, rest: readonly Token[], found: Diagnostic[]): Layer[] {
  if (head.text.startsWith('"') || /^(0x|bytes=)/.test(head.text)) {
    for (const token of rest)
      found.push(wrong(text, token.at, token.text.length, "a payload is one word", "put a `/` before it"));
    return payloadOf(text, head, found);
  }
  const kind = LAYERS[head.text];
  if (!kind || !Object.hasOwn(LAYERS, head.text)) {
    const known = Object.keys(LAYERS);
    const near = nearest(head.text, known);
    const hint = near ? `did you mean \`${near}\`?` : `layers: ${known.join(", ")}, a "text", 0xHEX, bytes=COUNT`;
    found.push(wrong(text, head.at, head.text.length, `there is no layer \`${head.text}\``, hint));
    return [];
  }
  const values: Record<string, unknown> = {};
  for (const token of rest) {
    const [key, value] = split(token.text);
    const field = Object.hasOwn(kind.fields, key) ? kind.fields[key] : undefined;
    if (!field) {
      const known = Object.keys(kind.fields);
      const near = nearest(key, known);
      const hint = near ? `did you mean \`${near}\`?` : `its fields: ${known.join(", ")}`;
      found.push(wrong(text, token.at, key.length, `\`${head.text}\` has no field \`${key}\``, hint));
      continue;
    }
    if (Object.hasOwn(values, field.property))
      found.push(wrong(text, token.at, key.length, `\`${key}\` is there twice`));
    const read = readField(field, value);
    if (read === undefined) {
      found.push(wrong(text, token.at, token.text.length, `\`${key}\` of \`${head.text}\` must be ${field.expects}`));
    } else values[field.property] = read;
  }
  return [kind.make(values)];
}

function readField(field: Field, value: string | undefined): unknown {
  try {
    return field.read(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function payloadOf(text: string, { text: word, at }: Token, found: Diagnostic[]): Layer[] {
  const refuse = (message: string): Layer[] => {
    found.push(wrong(text, at, word.length, message));
    return [];
  };
  if (word.startsWith('"')) {
    if (word.length < 2 || !word.endsWith('"')) return refuse("the quote is not closed");
    return [payload(word.slice(1, -1).replaceAll(/\\(.)/g, "$1"))];
  }
  if (word.startsWith("0x")) {
    if (!/^0x(?:[0-9a-fA-F]{2})+$/.test(word)) return refuse("a payload in hex is 0x and two digits for each byte");
    return [payload(bytesOf(word.slice(2)))];
  }
  const count = Number(word.slice("bytes=".length));
  if (!/^bytes=\d+$/.test(word) || count > 65535) return refuse("`bytes` must be a count from 0 to 65535");
  return [payload(count)];
}

function split(word: string): [key: string, value: string | undefined] {
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function bytesOf(digits: string): Uint8Array {
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

function wrong(text: string, at: number, length: number, message: string, hint?: string): Diagnostic {
  const span = spanOf(text, at, at + length);
  return { code: "packet", severity: "error", message, ...span, ...(hint !== undefined && { hint }) };
}
