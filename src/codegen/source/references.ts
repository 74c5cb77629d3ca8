/**
 * How a text speaks of the places of an object, so that assembling it makes the same relocations again. Where no name
 * would, the relocation is spelled with `.reloc`. In: an object. Out: the words for its symbols, places and relocations.
 */
import {
  type ElfObject,
  type ElfRelocation,
  type ElfSymbol,
  R_BPF_64_ABS32,
  R_BPF_64_NODYLD32,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_MERGE,
  SHF_WRITE,
} from "../elf/index.ts";
import { isTemporary, word } from "./words.ts";

/** A name, and what is added to it. */
export interface Reference {
  readonly name: string;
  readonly constant: bigint;
}

export class References {
  private readonly object: ElfObject;
  /** Offsets of each section at which a label can stand. */
  private readonly starts: readonly ReadonlySet<number>[];
  /** What each symbol is called: its name, or another where a name stands twice. Sections' own symbols have none. */
  private readonly names: readonly (string | undefined)[];
  /** Symbols of each place that only this object can define, by section and offset. */
  private readonly locals = new Map<string, string[]>();
  private readonly sectionNames: readonly (string | undefined)[];
  /** Places that need a temporary label, and its name once all are known. */
  private readonly temporary = new Map<string, string>();

  constructor(object: ElfObject, starts: readonly ReadonlySet<number>[]) {
    this.object = object;
    this.starts = starts;
    this.names = uniqueNames(object);
    const taken = new Set(this.names);
    const seen = new Set<string>();
    const twice = new Set(
      object.sections.filter(({ name }) => seen.size === seen.add(name).size).map(({ name }) => name),
    );
    this.sectionNames = object.sections.map(({ name }) =>
      name === "" || twice.has(name) || taken.has(name) ? undefined : name,
    );
    for (const [index, { section, value, binding }] of object.symbols.entries()) {
      const name = this.names[index];
      if (name === undefined || typeof section !== "number" || binding !== "local") continue;
      append(this.locals, key(section, value), name);
    }
  }

  nameOf(symbol: number): string | undefined {
    return this.names[symbol];
  }

  isStart(section: number, offset: number): boolean {
    return this.starts[section]!.has(offset);
  }

  /** A label for jumps and calls within a section. */
  label(section: number, offset: number): string {
    return this.locals.get(key(section, offset))?.[0] ?? this.temporaryLabel(section, offset);
  }

  /** The temporary label at a place, if anything has asked for one. */
  temporaryAt(section: number, offset: number): string | undefined {
    return this.temporary.get(key(section, offset));
  }

  /** Numbers the temporary labels in order of place: until then their names are not final. */
  number(): void {
    const taken = new Set(this.names);
    let prefix = ".L";
    while ([...taken].some((name) => name?.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length))))
      prefix += "_";
    const places = [...this.temporary.keys()].map((at) => at.split(":").map(Number) as [number, number]);
    places.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [index, [section, offset]] of places.entries()) {
      this.temporary.set(key(section, offset), `${prefix}${index}`);
    }
  }

  /**
   * What must be written for an address so that it becomes this relocation with this addend, or undefined if no name does.
   *
   * @param from index of the section that is patched
   * @param isCall `from` calls it: then a local name of the same section would be resolved, not relocated
   */
  toRelocation(from: number, relocation: ElfRelocation, addend: bigint, isCall: boolean): Reference | undefined {
    const symbol = this.object.symbols[relocation.symbol]!;
    if (isWholeSection(symbol)) return this.toSection(from, symbol, relocation.type, addend, isCall);
    const name = this.names[relocation.symbol];
    if (name === undefined || !this.typeFits(symbol, relocation.type)) return undefined;
    // As an operand it would be a label that is missing.
    if (isTemporary(name) && typeof symbol.section !== "number") return undefined;
    if (symbol.binding !== "local") return { name, constant: addend };
    const section = typeof symbol.section === "number" ? this.object.sections[symbol.section] : undefined;
    return section && section.flags & SHF_MERGE && addend !== 0n ? { name, constant: addend } : undefined;
  }

  /** The words for a relocation's symbol in `.reloc`: quotes where the name would mean the section. */
  spelled({ symbol }: ElfRelocation): string {
    const to = this.object.symbols[symbol]!;
    if (isWholeSection(to)) return word(this.sectionNames[to.section] ?? this.temporaryLabel(to.section, 0));
    const name = this.names[symbol]!;
    return isTemporary(name) ? JSON.stringify(name) : word(name);
  }

  private toSection(
    from: number,
    { section }: SectionSymbol,
    type: number,
    addend: bigint,
    isCall: boolean,
  ): Reference | undefined {
    const target = this.object.sections[section]!;
    if (isCall && section === from) return undefined;
    const offset = Number(addend);
    const inside = this.isStart(section, offset);
    const locals = this.locals.get(key(section, offset)) ?? [];
    const code = (target.flags & SHF_EXECINSTR) !== 0;
    // In 32 bits, code is meant by temporary labels and data by lasting names: see typeIn32Bits in resolve.ts.
    if (type === R_BPF_64_NODYLD32 && code) {
      return inside && target.flags & SHF_ALLOC ? whole(this.temporaryLabel(section, offset)) : undefined;
    }
    const in32Bits = type === R_BPF_64_NODYLD32 || type === R_BPF_64_ABS32;
    if (in32Bits && (type === R_BPF_64_NODYLD32) !== writable(target.flags)) return undefined;
    const lasting = locals.find((name) => !isTemporary(name));
    if (lasting !== undefined) return whole(lasting);
    if (code && inside && !in32Bits) return whole(this.temporaryLabel(section, offset));
    const name = this.sectionNames[section];
    return name === undefined || isCall ? undefined : { name, constant: addend };
  }

  /** Whether a name of this symbol in 32 bits of data gives this type of relocation; elsewhere there is one type only. */
  private typeFits({ name, section }: ElfSymbol, type: number): boolean {
    if (type !== R_BPF_64_ABS32 && type !== R_BPF_64_NODYLD32) return true;
    const flags = typeof section === "number" ? this.object.sections[section]!.flags : 0;
    const noDynamic = isTemporary(name) ? (flags & SHF_EXECINSTR) !== 0 && (flags & SHF_ALLOC) !== 0 : writable(flags);
    return noDynamic === (type === R_BPF_64_NODYLD32);
  }

  private temporaryLabel(section: number, offset: number): string {
    const at = key(section, offset);
    const name = this.temporary.get(at) ?? `.L${section}_${offset}`;
    this.temporary.set(at, name);
    return name;
  }
}

const whole = (name: string): Reference => ({ name, constant: 0n });

/** Adds to the list that a map holds. */
export function append<K, V>(map: Map<K, V[]>, to: K, value: V): void {
  const list = map.get(to);
  if (list) list.push(value);
  else map.set(to, [value]);
}

/** The symbol that stands for a section as a whole. */
type SectionSymbol = ElfSymbol & { readonly section: number };

function isWholeSection(symbol: ElfSymbol): symbol is SectionSymbol {
  return symbol.type === "section" && typeof symbol.section === "number" && symbol.value === 0;
}

const key = (section: number, offset: number): string => `${section}:${offset}`;
const writable = (flags: number): boolean => (flags & SHF_ALLOC) !== 0 && (flags & SHF_WRITE) !== 0;

/** `name+4`, `name-4`, `name`. */
export function formatReference({ name, constant }: Reference): string {
  if (constant === 0n) return word(name);
  return `${word(name)}${constant < 0n ? "-" : "+"}${constant < 0n ? -constant : constant}`;
}

/**
 * Local names may stand twice, where a linker has joined objects: a text has to tell them apart. What has no name and is
 * not a section gets one where a relocation needs it.
 */
function uniqueNames({ sections, symbols }: ElfObject): (string | undefined)[] {
  const needed = new Set(sections.flatMap(({ relocations }) => relocations.map(({ symbol }) => symbol)));
  const taken = new Set(symbols.map(({ name }) => name));
  /** How often each name has stood so far, and been told apart. */
  const counts = new Map<string, number>();
  return symbols.map((symbol, index) => {
    if (isWholeSection(symbol)) return undefined;
    const nameless = symbol.type === "section" || symbol.type === "file" || symbol.name === "";
    if (nameless && !needed.has(index)) return undefined;
    const name = nameless ? "unnamed" : symbol.name;
    let count = (counts.get(name) ?? 0) + 1;
    let unique = name;
    if (count > 1) while (taken.has((unique = `${name}.${count}`))) count++;
    counts.set(name, count);
    return unique;
  });
}
