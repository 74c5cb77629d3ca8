/** Names and strings as a text holds them. */

/** A name as it stands, or in quotes where it would be taken apart; with JSON's escapes, as instructions have them. */
export function word(name: string): string {
  return /^[A-Za-z_.$][\w.$]*$/.test(name) && name !== "." ? name : JSON.stringify(name);
}

/** What is between the quotes of a name. */
export function unquoteName(inside: string): string {
  try {
    return JSON.parse(`"${inside}"`) as string;
  } catch {
    return inside.replaceAll(/\\(.)/g, "$1");
  }
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
