/**
 * The linker: units in, one relocatable object out, which libbpf loads like any other.
 *
 * The main function goes to section `xdp`, beside it those that tail calls enter, and every other to `.text`, because
 * libbpf takes subprograms from there only. Within `.text` a call is resolved here; from `xdp` it stays a relocation.
 * Maps keep their own place in `.maps`, data sections stay sections of their own, BTF is merged, and the records of
 * `.BTF.ext` follow their functions.
 */
import { encodeBtf } from "../btf/index.ts";
import type { TypeId } from "../btf/types.ts";
import { R_BPF_64_ABS64, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_PROGBITS, writeElf } from "../elf/index.ts";
import type { ElfSection, ElfSymbol } from "../elf/object.ts";
import {
  codeOf,
  MAPS,
  mapsSize,
  place,
  type Placed,
  type PlacedExtern,
  type PlacedMap,
  TEXT,
  uniqueExterns,
  uniqueMaps,
} from "./place.ts";
import { mergeTypes } from "./types.ts";
import type { Unit } from "./unit.ts";

export interface LinkInput {
  /** The first function of the first unit is the object's program. */
  readonly units: readonly Unit[];
  readonly section: "xdp" | "xdp.frags";
  readonly license: string;
}

export interface LinkedObject {
  readonly elf: Uint8Array;
  /** FUNC type id of each function in the object's BTF, by symbol. */
  readonly types: ReadonlyMap<string, TypeId>;
}

export function link({ units, section, license }: LinkInput): LinkedObject {
  const placed = place(units, section);
  const maps = uniqueMaps(units);
  const externs = uniqueExterns(units);
  const data = units.flatMap((u) => u.data);
  refuseDuplicates([
    ...placed.map((p) => p.function.symbol),
    ...maps.map((m) => m.map.symbol),
    ...externs.map((e) => e.extern.symbol),
    ...data.map((d) => d.section),
  ]);
  const hasText = placed.some((p) => p.section === TEXT);
  const names = [
    section,
    ...(hasText ? [TEXT] : []),
    ...(maps.length > 0 ? [MAPS] : []),
    ...data.map((d) => d.section),
  ];
  const symbols = makeSymbols(placed, maps, externs, names);
  const symbolIndex = new Map(symbols.map((s, i) => [s.type === "section" ? names[s.section as number]! : s.name, i]));
  const { btf, ext, types } = mergeTypes(units, placed, maps, externs);
  const encoded = encodeBtf({ btf: { types: btf }, ext });
  const code = (name: string): ElfSection => {
    const { bytes, relocations } = codeOf(name, placed, symbolIndex);
    return { ...plain(name, SHF_ALLOC | SHF_EXECINSTR, bytes, 8), relocations };
  };
  const sections = [
    code(section),
    ...(hasText ? [code(TEXT)] : []),
    ...(maps.length > 0 ? [mapsSection(maps, symbolIndex)] : []),
    ...data.map((d) => plain(d.section, SHF_ALLOC | (d.kind === "rodata" ? 0 : SHF_WRITE), d.bytes, d.align)),
    plain("license", SHF_ALLOC | SHF_WRITE, new TextEncoder().encode(`${license}\0`), 1),
    plain(".BTF", 0, encoded.btf, 4),
    plain(".BTF.ext", 0, encoded.ext!, 4),
  ];
  return { elf: writeElf({ sections, symbols }), types };
}

/** The units' names are final: two of one name are a mistake of the caller's, and would be silent in the object. */
function refuseDuplicates(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new Error(`linker: two units bring the name ${name}`);
    seen.add(name);
  }
}

function plain(name: string, flags: number, data: Uint8Array, align: number): ElfSection {
  return { name, type: SHT_PROGBITS, flags, data, size: data.length, align, entrySize: 0, relocations: [] };
}

/** Definitions are all zero; a map of maps or of programs that holds something from the start has relocations. */
function mapsSection(maps: readonly PlacedMap[], symbolIndex: ReadonlyMap<string, number>): ElfSection {
  const relocations = maps.flatMap(({ map, offset }) =>
    map.values.map((value) => ({
      offset: offset + value.offset,
      type: R_BPF_64_ABS64,
      symbol: symbolIndex.get(value.symbol)!,
    })),
  );
  return { ...plain(MAPS, SHF_ALLOC | SHF_WRITE, new Uint8Array(mapsSize(maps)), 8), relocations };
}

/** A section symbol for each of the sections, then functions, maps, and what the kernel has. */
function makeSymbols(
  placed: readonly Placed[],
  maps: readonly PlacedMap[],
  externs: readonly PlacedExtern[],
  sections: readonly string[],
): readonly ElfSymbol[] {
  return [
    ...sections.map((_, section): ElfSymbol => ({
      name: "",
      value: 0,
      size: 0,
      type: "section",
      binding: "local",
      visibility: "default",
      section,
    })),
    ...placed.map((p): ElfSymbol => ({
      name: p.function.symbol,
      value: p.offset,
      size: p.size,
      type: "func",
      // libbpf knows the main function by its section; a local one there would be no program.
      binding: p.function.linkage === "global" || p.section !== TEXT ? "global" : "local",
      visibility: "default",
      section: sections.indexOf(p.section),
    })),
    ...maps.map((m): ElfSymbol => ({
      name: m.map.symbol,
      value: m.offset,
      size: m.map.size,
      type: "object",
      binding: "global",
      visibility: "default",
      section: sections.indexOf(MAPS),
    })),
    ...externs.map(({ extern }): ElfSymbol => ({
      name: extern.symbol,
      value: 0,
      size: 0,
      type: "notype",
      binding: extern.weak ? "weak" : "global",
      visibility: "default",
      section: "undefined",
    })),
  ];
}
