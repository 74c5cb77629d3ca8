/** What stands behind an instruction, and behind the name of a directive, up to the end of the statement. */
import { lineEnd } from "./mistakes.ts";
import { type Scanner, code } from "./scanner.ts";

const LINE_FEED = code("\n");
const SEMICOLON = code(";");
const HASH = code("#");
const SLASH = code("/");
const STAR = code("*");
const QUOTE = code('"');
const GREATER = code(">");

/** `<name+0x8>`, as printers put it behind a jump or a call: passed over. */
export function takeAnnotation(s: Scanner): void {
  const { text } = s;
  let end = s.at;
  while (end < text.length && text.charCodeAt(end) !== LINE_FEED && text.charCodeAt(end) !== GREATER) end++;
  if (text.charCodeAt(end) !== GREATER) s.fail("an annotation `<…>` ends in this line", "unterminated");
  s.at = end + 1;
}

/** The comment that begins here, without its sign; "" if none does. */
export function takeComment(s: Scanner): string {
  const { text } = s;
  const signLength = text.charCodeAt(s.at) === HASH ? 1 : text.charCodeAt(s.at) === SLASH ? 2 : 0;
  if (signLength === 0) return "";
  const start = s.at + signLength;
  s.at = lineEnd(text, start);
  const lines = text.slice(start, s.at).trim().split(/\r+/);
  return lines.map((line) => line.trim()).join(" ");
}

/** The rest of a directive, without comments and blanks at its ends. */
export function takeArguments(s: Scanner): string {
  const { text } = s;
  let args = "";
  s.peek();
  let piece = s.at;
  while (s.at < text.length) {
    const character = text.charCodeAt(s.at);
    const next = text.charCodeAt(s.at + 1);
    if (character === LINE_FEED || character === SEMICOLON || character === HASH) break;
    if (character === SLASH && next === SLASH) break;
    if (character === QUOTE) {
      s.at = s.closedQuote(s.at);
    } else if (character === SLASH && next === STAR) {
      args += `${text.slice(piece, s.at)} `;
      s.peek();
      piece = s.at;
    } else s.at++;
  }
  return (args + text.slice(piece, s.at)).trim();
}
