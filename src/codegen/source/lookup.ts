/**
 * What names mean: a label its place, a name of `.set` what it was set to, the name of a section its beginning. A name
 * that stands for nothing here is an address without a place.
 */
import type { Span } from "../../diagnostic.ts";
import type { Assembly } from "./assembly.ts";
import { type Expression, type Lookup, Problem, type Value, evaluate, locate } from "./expression.ts";
import { called } from "./words.ts";

export interface NameLookup {
  readonly lookup: Lookup;
  /** To be called when something has moved. */
  readonly forget: () => void;
}

/** Names may be set to names, each one level of recursion. */
const MAX_SETS = 500;

/** Looks names up where their places are now. */
export function nameLookup(assembly: Assembly): NameLookup {
  /** Values of `.set`, kept while nothing moves, since names set to sums of names would take for ever. */
  const known = new Map<string, Value>();
  const open = new Set<string>();
  const setValue = (name: string, expression: Expression, span: Span): Value => {
    if (open.has(name))
      throw new Problem("syntax", `${called(name)} is set to what depends on ${called(name)}`, { span });
    if (open.size >= MAX_SETS)
      throw new Problem("syntax", `${called(name)} is set through more than ${MAX_SETS} names`, { span });
    open.add(name);
    try {
      const value = evaluate(expression, lookup);
      const at = value.base?.at;
      if (!at) return value;
      const offset = at.offset + Number(value.constant);
      return { constant: 0n, base: { kind: "symbol", name, at: { section: at.section, offset }, span } };
    } finally {
      open.delete(name);
    }
  };
  const lookup: Lookup = (name, span): Value => {
    const symbol = assembly.symbols.get(name);
    if (symbol?.place) return { constant: 0n, base: { kind: "symbol", name, at: locate(symbol.place), span } };
    if (symbol?.value) {
      const value = known.get(name) ?? setValue(name, symbol.value, span);
      known.set(name, value);
      return value;
    }
    // A name that was declared is a symbol of its own, whatever the sections are called.
    const declared = symbol?.common !== undefined || symbol?.binding !== undefined;
    const section = declared ? undefined : assembly.sectionsByName.get(name);
    if (section) return { constant: 0n, base: { kind: "section", name, at: { section, offset: 0 }, span } };
    return { constant: 0n, base: { kind: "symbol", name, span } };
  };
  return { lookup, forget: () => known.clear() };
}
