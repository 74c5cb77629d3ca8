/**
 * The symbols of an object: those that the text defines or speaks of, and the sections' own where a relocation needs them.
 * Temporary names are left out unless a relocation is to them.
 */
import type { Span } from "../../diagnostic.ts";
import { nearest } from "../../nearest.ts";
import type { ElfSymbol } from "../elf/index.ts";
import type { Assembly, Section, Symbol } from "./assembly.ts";
import { type Base, type Lookup, Problem, type Value, absolute, evaluate } from "./expression.ts";
import { called, isLocalName, isTemporary } from "./words.ts";

/** So many undefined names are compared with so many labels, or the work would grow with their product. */
const MOST_COMPARED = 1000;

type Report = (problem: Problem, span: Span) => void;

export class SymbolTable {
  private readonly assembly: Assembly;
  private readonly lookup: Lookup;
  private readonly report: Report;
  /** Names and sections in the order in which relocations first asked for them. */
  private readonly indexes = new Map<string | Section, number>();

  private compared = 0;

  constructor(assembly: Assembly, lookup: Lookup, report: Report) {
    this.assembly = assembly;
    this.lookup = lookup;
    this.report = report;
  }

  /** Index of the symbol of this name in `symbols()`. */
  symbol(name: string): number {
    return this.index(name);
  }

  /** Index of a section's own symbol. */
  section(section: Section): number {
    return this.index(section);
  }

  private index(key: string | Section): number {
    const index = this.indexes.get(key) ?? this.indexes.size;
    this.indexes.set(key, index);
    return index;
  }

  /** Whether no other object can have a say in where it is. */
  isLocal({ kind, name }: Base): boolean {
    const binding = kind === "symbol" ? this.assembly.symbols.get(name)?.binding : undefined;
    return binding === undefined || binding === "local";
  }

  undefinedLabel(name: string, span: Span): Problem {
    const near = ++this.compared > MOST_COMPARED ? undefined : nearest(name, this.labels());
    return new Problem("undefined-label", `there is no label ${called(name)}`, {
      hint: near && `did you mean ${near}?`,
      span,
    });
  }

  private labels(): string[] {
    const named = [...this.assembly.symbols.values()].filter(({ name, place }) => place && !isLocalName(name));
    return named.slice(0, MOST_COMPARED).map(({ name }) => name);
  }

  /** All symbols; those of relocations first, in the order of their indexes. */
  symbols(): ElfSymbol[] {
    const { symbols, files } = this.assembly;
    const rest = [...symbols.values()].filter((symbol) => !this.indexes.has(symbol.name) && isListed(symbol));
    return [
      ...[...this.indexes.keys()].map((key) => (typeof key === "string" ? this.describe(key) : this.ofSection(key))),
      ...files.map((name): ElfSymbol => ({ ...PLAIN, name, type: "file", section: "absolute" })),
      ...rest.flatMap(({ name, value }) => {
        const described = this.describe(name);
        // Another name for what another object defines is for this text only.
        return value && described.section === "undefined" ? [] : [described];
      }),
    ];
  }

  private ofSection(section: Section): ElfSymbol {
    return { ...PLAIN, name: "", type: "section", section: section.index };
  }

  private describe(name: string): ElfSymbol {
    const symbol = this.assembly.symbols.get(name);
    if (!symbol) return { ...PLAIN, name, binding: "global", section: "undefined" };
    try {
      return this.elfSymbol(symbol);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.report(error, symbol.size?.span ?? symbol.definedAt ?? symbol.span);
      return { ...PLAIN, name, section: "undefined" };
    }
  }

  private elfSymbol(symbol: Symbol): ElfSymbol {
    const { name, common, span } = symbol;
    const like = symbol.value && this.aliased(symbol);
    const size = symbol.size ?? like?.size;
    const listed = {
      name,
      size: size ? Number(absolute(evaluate(size.value, this.lookup))) : 0,
      type: symbol.type ?? like?.type ?? "notype",
      binding: symbol.binding ?? "local",
      visibility: symbol.visibility ?? "default",
    } as const;
    if (common) return { ...listed, value: common.align, section: "common" };
    const { base, constant } = this.lookup(name, span);
    if (!base) return { ...listed, value: absoluteValue(name, constant), section: "absolute" };
    if (base.at && base.kind === "symbol") {
      return { ...listed, value: base.at.offset, section: base.at.section.index };
    }
    if (symbol.binding === "local")
      throw new Problem("undefined-label", `${called(name)} is local and is not defined`, { span });
    return { ...listed, binding: symbol.binding ?? "global", value: 0, section: "undefined" };
  }

  /** What `.set` made it another name of. */
  private aliased({ value }: Symbol): Symbol | undefined {
    const inner = value?.kind === "binary" ? value.left : value;
    return inner?.kind === "symbol" ? this.assembly.symbols.get(inner.name) : undefined;
  }
}

const PLAIN = { value: 0, size: 0, binding: "local", visibility: "default", type: "notype" } as const;

/** A name that is only measured by `.size`, or only used where no relocation came of it, is no symbol of the object. */
function isListed({ name, place, value, common, binding, type, visibility }: Symbol): boolean {
  if (place || common || value) return !isTemporary(name);
  return binding !== undefined || type !== undefined || visibility !== undefined;
}

function absoluteValue(name: string, value: Value["constant"]): number {
  const number = Number(BigInt.asUintN(64, value));
  if (Number.isSafeInteger(number)) return number;
  throw new Problem("out-of-range", `${called(name)} is ${value}; the value of a symbol is 0 to 2^53 - 1`);
}
