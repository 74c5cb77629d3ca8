/**
 * Texts of chain.yaml, right and wrong: values by the grammar of the schema with mistakes of every kind in them, written in
 * one of YAML's styles, and then damaged as a slip of the hand would.
 */
import { Document, isMap, isScalar, visit } from "yaml";
import { ACTIONS, WARNINGS } from "../../src/chain/index.ts";
import type { Random } from "./random.ts";

/** Names that are likely to meet each other. */
const NAMES = ["a", "b", "c", "d", "ids", "red", "blue", "return", "next"];
const ODD = [null, true, "", " ", -1, 50, 1.5, 2 ** 60, [], {}, [["a"]], { to: "a" }, "A b", "é", "none", "__proto__"];

const SIGNS = [
  "[",
  "]",
  "{",
  "}",
  ":",
  ",",
  "- ",
  "*",
  "&",
  "!",
  "|",
  ">",
  "'",
  '"',
  "#",
  "%",
  "@",
  "`",
  "?",
  "\t",
  "\r",
];

export function chainText(from: Random): string {
  // One text in three has no mistake of its grammar, so that what lies behind the grammar is met too.
  const slips = from.pick([0, 0.01, 0.05]);
  const document = new Document(chainValue(from, slips), { aliasDuplicateObjects: from.chance(0.5) });
  const flow = from.pick([0, 0.3, 1]);
  visit(document, {
    Collection: (_, node) => {
      node.flow = from.chance(flow);
    },
  });
  if (from.chance(0.2)) {
    visit(document, {
      Pair: (_, { key, value }) => void (from.chance(0.3) && isScalar(key) && isMap(value) && (value.comment = " ?")),
    });
  }
  const text = document.toString({ lineWidth: from.pick([0, 20, 80]), singleQuote: from.chance(0.5) });
  return from.chance(0.3) ? damaged(from, text) : text;
}

function chainValue(from: Random, slips: number): unknown {
  const odd = (good: () => unknown): unknown => (from.chance(slips) ? from.pick(ODD) : good());
  const size = 1 + from.int(5);
  const groups = from.chance(0.4) ? some(from, 2, () => from.pick(["red", "blue"])) : [];
  const known = [...NAMES.slice(0, size), ...groups];
  const name = (): unknown => odd(() => from.pick(from.chance(0.97) ? known : NAMES));
  const action = (): string => spelt(from, from.pick(ACTIONS));
  const edge = (): unknown =>
    odd(() => {
      const to = from.chance(0.5) ? "next" : name();
      const kind = from.int(8);
      if (kind < 3) return to;
      if (kind < 5) return from.chance(0.8) ? { to, keep: "verdict" } : { to };
      if (kind === 5) return spelt(from, "return");
      return `return ${kind === 6 ? "kept" : action()}`;
    });
  const map = (keys: readonly (readonly [string, number, () => unknown])[]): unknown =>
    odd(() => {
      const chosen = keys.filter(([, chance]) => from.chance(chance * (1 - slips)));
      const typed = chosen.map(([key, , make]) => [from.chance(slips) ? `${key}x` : key, odd(make)] as const);
      return new Map<unknown, unknown>(typed);
    });
  const names = (): unknown => (from.chance(0.5) ? name() : some(from, 2, name));
  const allow = (): unknown => map([[from.pick(WARNINGS), 1, () => "meant"]]);
  const program = (nth: number): unknown =>
    map([
      ["name", 1, () => NAMES[nth]],
      ["object", 1, () => `${NAMES[nth]}.bpf.o`],
      ["function", 0.1, () => "f"],
      ["priority", 0.3, () => (nth > 0 && from.chance(0.4) ? "none" : from.int(60))],
      ["before", 0.04, names],
      ["after", 0.04, names],
      ["group", groups.length > 0 && nth > 0 ? 0.5 : 0, () => from.pick(groups)],
      ["proceed-on", 0.05, () => some(from, 2, action)],
      ["on", 0.6, () => new Map(some(from, 4, () => [from.chance(0.2) ? "default" : action(), edge()] as const))],
      ["allow", 0.05, allow],
      ["linkage", 0.1, () => from.pick(["auto", "call"])],
      ["globals", 0.1, () => ({ a: from.pick([1, true, "x", [1, [2]]]) })],
      [
        "maps",
        0.1,
        () => map([["flows", 1, () => map([from.chance(0.7) ? ["from", 1, name] : ["pin", 1, () => "/a/b"]])]]),
      ],
    ]);
  return map([
    ["chain", 1, () => "fuzzed"],
    ["interfaces", 0.2, () => some(from, 2, (nth) => `eth${nth}`)],
    ["end", 0.2, () => from.pick(["verdict", action()])],
    ["counters", 0.1, () => from.chance(0.5)],
    ["history", 0.1, () => from.int(16)],
    ["health", 0.05, () => map([["command", 1, () => from.pick(["true", ["true", "x"]])]])],
    ["groups", groups.length > 0 ? 1 : 0, () => new Map(groups.map((group) => [group, map([["end", 0.5, edge]])]))],
    ["allow", 0.05, allow],
    ["programs", 1, () => Array.from({ length: size }, (_, nth) => program(nth))],
  ]);
}

function some<T>(from: Random, most: number, make: (nth: number) => T): T[] {
  return Array.from({ length: 1 + from.int(most) }, (_, nth) => make(nth));
}

/** In one of the spellings that a word of ours has. */
function spelt(from: Random, word: string): string {
  if (from.chance(0.8)) return word;
  return from.pick([word.toUpperCase(), `XDP_${word.toUpperCase()}`, `${word[0]!.toUpperCase()}${word.slice(1)}`]);
}

/** One line moved, doubled, lost, or of another indentation; or one character more or less. */
function damaged(from: Random, text: string): string {
  const lines = text.split("\n");
  const at = from.int(lines.length);
  const line = lines[at]!;
  const column = from.int(line.length + 1);
  const changed = from.pick<readonly string[]>([
    [],
    [line, line],
    [` ${line}`],
    [line.slice(1)],
    [`\t${line}`],
    [line.slice(0, column) + from.pick(SIGNS) + line.slice(column)],
    [line.slice(0, column) + line.slice(column + 1)],
    [line, "<<: *a"],
  ]);
  return lines.toSpliced(at, 1, ...changed).join("\n");
}
