/**
 * YAML nodes -> plain value, and where each part of it stands in the text.
 *
 * Aliases and merge keys (`<<`) are followed within bounds, so a file that expands without end, or into itself, is a
 * mistake and no hang. A key that is there twice is a mistake too; the first one counts.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair } from "yaml";
import type { Mistake, Path } from "./mistake.ts";

/** Offsets in the text, end exclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Place {
  readonly key?: Range;
  readonly value?: Range;
}

export interface PlainDocument {
  readonly value: unknown;
  /** By `JSON.stringify(path)`. */
  readonly places: ReadonlyMap<string, Place>;
  readonly mistakes: readonly Mistake[];
}

/** Nodes that aliases may add to a document. */
const MAX_EXPANDED = 10_000;
/** Lists and maps within each other; a chain needs five. */
const MAX_DEPTH = 64;

interface Walk {
  readonly document: Document;
  readonly places: Map<string, Place>;
  readonly mistakes: Mistake[];
  /** Alias targets that are being expanded. */
  readonly open: Set<Node>;
  expanded: number;
  exhausted: boolean;
}

export function plainDocument(document: Document): PlainDocument {
  const walk: Walk = { document, places: new Map(), mistakes: [], open: new Set(), expanded: 0, exhausted: false };
  const value = plain(walk, document.contents, [], undefined);
  return { value, places: walk.places, mistakes: walk.mistakes };
}

function plain(walk: Walk, node: Node | null, path: Path, key: Range | undefined): unknown {
  if (isAlias(node)) return followed(walk, node, path, (target) => plain(walk, target, path, key)) ?? null;
  const value = rangeOf(node);
  walk.places.set(JSON.stringify(path), { ...(key && { key }), ...(value && { value }) });
  if (path.length > MAX_DEPTH) {
    walk.mistakes.push({ code: "syntax", path, at: "value", message: `more than ${MAX_DEPTH} levels of nesting` });
    return null;
  }
  if (walk.open.size > 0 && ++walk.expanded > MAX_EXPANDED) return null;
  if (isMap(node)) {
    const map: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const pair of node.items as Pair<Node, Node | null>[]) addPair(walk, map, pair, path, "own");
    for (const pair of node.items as Pair<Node, Node | null>[]) addPair(walk, map, pair, path, "merged");
    return map;
  }
  if (isSeq(node)) return node.items.map((item, index) => plain(walk, item as Node, [...path, index], undefined));
  return isScalar(node) ? scalar(node.value) : null;
}

/** Own keys first, so that they win over merged ones wherever `<<` stands. */
function addPair(
  walk: Walk,
  map: Record<string, unknown>,
  pair: Pair<Node, Node | null>,
  path: Path,
  pass: "own" | "merged",
): void {
  const name = keyText(pair.key);
  if (name === "<<") {
    if (pass === "merged") mergeInto(walk, map, pair.value, path);
    return;
  }
  if (pass === "merged") return;
  const inner = [...path, name];
  const key = rangeOf(pair.key);
  if (!Object.hasOwn(map, name)) {
    map[name] = plain(walk, pair.value, inner, key);
    return;
  }
  const again = [...inner, "again"];
  walk.places.set(JSON.stringify(again), { ...(key && { key }) });
  walk.mistakes.push({
    code: "duplicate-key",
    path: again,
    at: "key",
    message: `key \`${name}\` is there twice`,
    hint: "keep one of them",
    other: { path: inner, at: "key", message: "the first one is here" },
  });
}

function mergeInto(walk: Walk, map: Record<string, unknown>, source: Node | null, path: Path): void {
  if (isAlias(source)) {
    followed(walk, source, path, (target) => mergeInto(walk, map, target, path));
  } else if (isSeq(source)) {
    for (const item of source.items) mergeInto(walk, map, item as Node, path);
  } else if (isMap(source)) {
    for (const pair of source.items as Pair<Node, Node | null>[]) {
      const name = keyText(pair.key);
      if (name === "<<" || !Object.hasOwn(map, name)) {
        addPair(walk, map, pair, path, name === "<<" ? "merged" : "own");
      }
    }
  } else {
    const start = rangeOf(source);
    walk.places.set(JSON.stringify([...path, "<<"]), { ...(start && { value: start }) });
    const message = "`<<` takes a map, or an alias of one";
    walk.mistakes.push({ code: "bad-alias", path: [...path, "<<"], at: "value", message });
  }
}

/** Calls `use` with what an alias stands for, unless that is nothing, itself or too much. */
function followed<T>(walk: Walk, alias: Node, path: Path, use: (target: Node) => T): T | undefined {
  const name = isAlias(alias) ? alias.source : "";
  const target = isAlias(alias) ? alias.resolve(walk.document) : undefined;
  const start = rangeOf(alias);
  const refuse = (at: Path, message: string, hint?: string): undefined => {
    const place = [...at, `*${name}`];
    walk.places.set(JSON.stringify(place), { ...(start && { value: start }) });
    walk.mistakes.push({ code: "bad-alias", path: place, at: "value", message, ...(hint && { hint }) });
    return undefined;
  };
  if (!target) return refuse(path, `alias \`*${name}\` has no anchor before it`, `mark the value with \`&${name}\``);
  if (walk.open.has(target)) return refuse(path, `alias \`*${name}\` contains itself`);
  if (walk.exhausted) return undefined;
  walk.open.add(target);
  const value = use(target);
  walk.open.delete(target);
  if (walk.expanded > MAX_EXPANDED && !walk.exhausted) {
    walk.exhausted = true;
    refuse([], `the aliases up to \`*${name}\` expand to more than ${MAX_EXPANDED} values`, "write the values out");
  }
  return value;
}

/** Integers come as bigint, so that none loses digits; those that a number holds become numbers. */
function scalar(value: unknown): unknown {
  return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** A list or a map as a key is no key of a chain; `?` is how YAML introduces one. */
function keyText(key: Node | null): string {
  if (key === null) return "";
  if (!isScalar(key)) return "?";
  if (typeof key.value === "symbol") return "<<";
  return key.value === null || key.value === undefined ? "" : String(key.value);
}

function rangeOf(node: unknown): Range | undefined {
  const range = (node as Node | null)?.range;
  return range ? { start: range[0], end: range[1] } : undefined;
}
