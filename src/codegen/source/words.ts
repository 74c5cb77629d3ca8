/** Names and strings as a text holds them. */

/** Temporary names are for the text only: they are not in the symbol table unless a relocation needs them. */
export const isTemporary = (name: string): boolean => name.startsWith(".L");

/** Between a numeric label and how often it has stood. */
const COUNTED = "\u0001";

/** The name under which the `count`th numeric label of its number is kept. */
export const localName = (label: string, count: number): string => `.L${label}${COUNTED}${count}`;

const LOCAL_NAME = new RegExp(`^\\.L(\\d+)${COUNTED}`);
export const isLocalName = (name: string): boolean => LOCAL_NAME.test(name);

/** What a message calls a name: its spelling in the text. */
export const called = (name: string): string => LOCAL_NAME.exec(name)?.[1] ?? word(name);

/** A name as it stands, or in quotes where it would be taken apart; with JSON's escapes, as instructions have them. */
export function word(name: string): string {
  return /^[A-Za-z_.$][\w.$]*$/.test(name) && name !== "." ? name : JSON.stringify(name);
}

/** Bytes as a string literal; what is not printable ASCII is in octal, which cannot swallow the character behind it. */
export function quote(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte === 0x0a) text += "\\n";
    else if (byte === 0x09) text += "\\t";
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return `"${text}"`;
}
