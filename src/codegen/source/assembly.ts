/**
 * An object while its text is read: sections as lists of fragments whose sizes and places may not be known yet, and what
 * has been said of each symbol. `directives.ts` fills it, `place.ts` gives every fragment its offset, `emit.ts` makes the
 * object.
 */
import type { Span } from "../../diagnostic.ts";
import type { Instruction } from "../asm/index.ts";
import type { ElfSymbol } from "../elf/index.ts";
import { type Expression, type Place, Problem } from "./expression.ts";
import { usualAttributes } from "./section-words.ts";
import { called } from "./words.ts";

export type Fragment =
  | {
      readonly kind: "instruction";
      readonly instruction: Instruction;
      readonly span: Span;
      /** Where the label of a jump stands, or the instruction. */
      readonly targetSpan: Span;
    }
  | { readonly kind: "data"; readonly bytes: Uint8Array; readonly span: Span }
  /** `.byte`, `.short`, `.long`, `.quad`: may become a relocation. */
  | { readonly kind: "value"; readonly width: 1 | 2 | 4 | 8; readonly value: Expression; readonly span: Span }
  | { readonly kind: "leb128"; readonly signed: boolean; readonly value: Expression; readonly span: Span }
  /** As many bytes as an expression says. */
  | { readonly kind: "fill"; readonly count: Expression; readonly pattern: Uint8Array; readonly span: Span }
  | {
      readonly kind: "align";
      readonly align: number;
      readonly max: number;
      readonly fill?: number;
      readonly span: Span;
    };

export interface Section {
  /** In the object. */
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly entrySize: number;
  /** Of `unique,N`: sections of one name that are told apart. */
  readonly unique?: number;
  align: number;
  readonly fragments: Fragment[];
  /** Byte offset of each fragment, and the section's size behind the last one. */
  offsets: number[];
}

/** What a text has said of a symbol so far. */
export interface Symbol {
  readonly name: string;
  /** Of the first mention. */
  readonly span: Span;
  place?: Place;
  /** Of `.set`. */
  value?: Expression;
  common?: { readonly size: number; readonly align: number };
  binding?: ElfSymbol["binding"];
  type?: ElfSymbol["type"];
  visibility?: ElfSymbol["visibility"];
  size?: { readonly value: Expression; readonly span: Span };
  definedAt?: Span;
}

/** A relocation that the text spells out, since no instruction or data directive would make it. */
export interface SpelledRelocation {
  readonly section: Section;
  readonly offset: Expression;
  readonly type: number;
  readonly symbol: string;
  /** A temporary label stands for itself, and not for the section where it is. */
  readonly itself: boolean;
  readonly span: Span;
}

export interface Assembly {
  readonly sections: Section[];
  /** Sections by name; of several with one name, the first. */
  readonly sectionsByName: Map<string, Section>;
  readonly symbols: Map<string, Symbol>;
  readonly files: string[];
  readonly relocations: SpelledRelocation[];
  current: Section | undefined;
  previous: Section | undefined;
  readonly stack: (Section | undefined)[];
  /** How often each numeric label has stood so far. */
  readonly locals: Map<string, number>;
}

export const newAssembly = (): Assembly => ({
  sections: [],
  sectionsByName: new Map(),
  symbols: new Map(),
  files: [],
  relocations: [],
  current: undefined,
  previous: undefined,
  stack: [],
  locals: new Map(),
});

export interface SectionAttributes {
  readonly flags?: number;
  readonly type?: number;
  readonly entrySize?: number;
  readonly unique?: number;
}

/**
 * Goes on in a section, which begins where it is first named.
 * @throws Problem when it was begun with other attributes
 */
export function enterSection(assembly: Assembly, name: string, attributes: SectionAttributes = {}): void {
  const { sections, sectionsByName } = assembly;
  let section = sectionsByName.get(name);
  if (section && section.unique !== attributes.unique) {
    section = sections.find((known) => known.name === name && known.unique === attributes.unique);
  }
  if (!section) {
    requireHeld(name);
    const { type, flags } = usualAttributes(name);
    section = {
      index: sections.length,
      name,
      type: attributes.type ?? type,
      flags: attributes.flags ?? flags,
      entrySize: attributes.entrySize ?? 0,
      ...(attributes.unique !== undefined && { unique: attributes.unique }),
      // As LLVM begins it; the others begin unaligned.
      align: name === ".text" ? 4 : 1,
      fragments: [],
      offsets: [],
    };
    sections.push(section);
    if (!sectionsByName.has(name)) sectionsByName.set(name, section);
  }
  for (const key of ["flags", "type", "entrySize"] as const) {
    const wanted = attributes[key];
    if (wanted !== undefined && wanted !== section[key]) {
      throw new Problem("section-changed", `section ${name} began with ${key} 0x${section[key].toString(16)}`, {
        hint: "say the same again, or only the name",
      });
    }
  }
  assembly.previous = assembly.current;
  assembly.current = section;
}

/** Notes the use of a name: `.text` is there as soon as it is spoken of, since LLVM begins every object with it. */
export function mention(assembly: Assembly, name: string): void {
  requireName(name);
  if (name !== ".text" || assembly.sectionsByName.has(name)) return;
  const { current, previous } = assembly;
  enterSection(assembly, name);
  Object.assign(assembly, { current, previous });
}

/** The section that the next fragment goes to: `.text` unless the text has said another. */
export function currentSection(assembly: Assembly): Section {
  if (!assembly.current) enterSection(assembly, ".text");
  return assembly.current!;
}

export function add(assembly: Assembly, fragment: Fragment): void {
  currentSection(assembly).fragments.push(fragment);
}

export function here(assembly: Assembly): Place {
  const section = currentSection(assembly);
  return { section, fragment: section.fragments.length };
}

/** What is known of a symbol, begun at its first mention. */
export function symbolOf(assembly: Assembly, name: string, span: Span): Symbol {
  const known = assembly.symbols.get(name);
  if (known) return known;
  requireName(name, span);
  const symbol: Symbol = { name, span };
  assembly.symbols.set(name, symbol);
  return symbol;
}

/** @throws Problem for what cannot be the name of a symbol */
function requireName(name: string, span?: Span): void {
  requireHeld(name, span);
  if (name === "") throw new Problem("no-name", "a symbol has no name", { ...(span && { span }) });
}

/** @throws Problem for what a table of strings cannot hold */
export function requireHeld(name: string, span?: Span): void {
  if (!name.includes("\0")) return;
  const hint = "NUL ends a name in an object";
  throw new Problem("no-name", `${JSON.stringify(name)} is no name`, { hint, ...(span && { span }) });
}

/** @throws Problem when the name is defined already */
export function define(symbol: Symbol, span: Span, definition: Pick<Symbol, "place" | "value" | "common">): void {
  if (symbol.definedAt) throw new Redefinition(symbol, span);
  Object.assign(symbol, definition, { definedAt: span });
}

export class Redefinition extends Problem {
  readonly first: Span;

  constructor(symbol: Symbol, span: Span) {
    super("duplicate-label", `${called(symbol.name)} is defined twice`, {
      span,
      hint: "give one of them another name",
    });
    this.first = symbol.definedAt!;
  }
}
