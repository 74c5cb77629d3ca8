/** Words for mistakes in a chain: what a path leads to, and what stands there. */
import { plainAction } from "./chain.ts";
import type { Path } from "./mistake.ts";

/** What a path leads to, as the subject of a sentence: "item 2 of `proceed-on` of program `ids`". */
export function label(path: Path, root: unknown): string {
  if (path.length === 0) return "the file";
  const inItem = Object.hasOwn(KINDS, path[0]!) && path.length > 1;
  if (inItem && path.length === 2) return owner(path, root);
  const parts = path
    .slice(inItem ? 2 : 0)
    .map((part) => (typeof part === "number" ? `item ${part + 1}` : `\`${part}\``));
  if (inItem) parts.unshift(owner(path, root));
  return parts.toReversed().join(" of ");
}

/** The lists of the chain whose items have a name. */
const KINDS: Readonly<Record<string, string>> = { programs: "program", checks: "check" };

/** The map that a key is in: the chain, one of its programs or one of its checks. */
export function owner(path: Path, root: unknown): string {
  const kind = KINDS[path[0]!];
  if (path[0] === "health") return "`health`";
  if (kind === undefined || path.length < 2) return "the file";
  const name = valueAt(root, [path[0]!, path[1]!, "name"]);
  return typeof name === "string" && name !== "" ? `${kind} \`${clip(name)}\`` : `${kind} ${Number(path[1]) + 1}`;
}

/** What a path leads to; undefined where it leads nowhere. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const [depth, key] of path.entries()) {
    if (typeof value !== "object" || value === null) return undefined;
    // Actions have one spelling in paths, and several in the text.
    const spelt = path[depth - 1] === "on" && depth > 0 ? Object.keys(value).find((k) => plainAction(k) === key) : key;
    if (spelt === undefined || !Object.hasOwn(value, spelt)) return undefined;
    value = (value as Record<string | number, unknown>)[spelt];
  }
  return value;
}

/** A value in a sentence. */
function show(value: unknown): string {
  if (value === null || value === undefined || value === "") return "empty";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "a map";
  // Quotes make a string of a number; in the message they must be seen.
  if (typeof value === "string" && /^(?:[-+]?[\d.]+|true|false|null)$/.test(value))
    return `the string \`"${clip(value)}"\``;
  return `\`${clip(String(value))}\``;
}

/** Of a map in place of another map, what it has. */
export function shown(value: unknown, { message }: { readonly message: string }): string {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isMap || !message.startsWith("a map")) return show(value);
  const keys = Object.keys(value);
  if (keys.length === 0) return "an empty map";
  return `a map with ${clip(keys.map((key) => `\`${key}\``).join(", "))}`;
}

function clip(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 40 ? `${line.slice(0, 39)}…` : line;
}
