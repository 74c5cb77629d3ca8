/** Where functions and maps lie in a linked object, and the bytes of its code sections. */
import { CALL, type Instruction, slots } from "../asm/index.ts";
import { R_BPF_64_32, R_BPF_64_64 } from "../elf/index.ts";
import type { ElfRelocation } from "../elf/object.ts";
import { once } from "../once.ts";
import { codeBytes } from "./code-bytes.ts";
import type { Unit, UnitExtern, UnitFunction, UnitMap } from "./unit.ts";

/** libbpf takes subprograms from this section only. */
export const TEXT = ".text";
export const MAPS = ".maps";

export interface Placed {
  readonly unit: number;
  readonly function: UnitFunction;
  readonly section: string;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
}

/** The first function of the first unit goes to `mainSection`, and so do those that tail calls enter; the rest to `.text`. */
export function place(units: readonly Unit[], mainSection: string): readonly Placed[] {
  const ends = new Map<string, number>();
  const sizeOf = once((code: readonly Instruction[]) => 8 * code.reduce((sum, i) => sum + slots(i), 0));
  return units.flatMap((unit, u) =>
    unit.functions.map((f, i): Placed => {
      const section = (u === 0 && i === 0) || f.tailCalled ? mainSection : TEXT;
      const offset = ends.get(section) ?? 0;
      const size = sizeOf(f.code);
      ends.set(section, offset + size);
      return { unit: u, function: f, section, offset, size };
    }),
  );
}

export interface PlacedMap {
  readonly unit: number;
  readonly map: UnitMap;
  readonly offset: number;
}

/** Maps in order; a shared one where its first unit brings it. */
export function uniqueMaps(units: readonly Unit[]): readonly PlacedMap[] {
  const seen = new Set<string>();
  let offset = 0;
  return units.flatMap((unit, u) =>
    unit.maps.flatMap((map) => {
      if (seen.has(map.symbol)) return [];
      seen.add(map.symbol);
      const placed = { unit: u, map, offset };
      offset += map.size;
      return [placed];
    }),
  );
}

/** Bytes of section `.maps`. */
export function mapsSize(maps: readonly PlacedMap[]): number {
  return maps.reduce((sum, m) => sum + m.map.size, 0);
}

export interface PlacedExtern {
  readonly unit: number;
  readonly extern: UnitExtern;
}

/** Externs in order, each where its first unit has it; it must be there if any unit says so. */
export function uniqueExterns(units: readonly Unit[]): readonly PlacedExtern[] {
  const placed = new Map<string, PlacedExtern>();
  for (const [unit, { externs }] of units.entries()) {
    for (const extern of externs) {
      const first = placed.get(extern.symbol) ?? { unit, extern };
      const weak = first.extern.weak && extern.weak;
      placed.set(extern.symbol, { unit: first.unit, extern: { ...first.extern, weak } });
    }
  }
  return [...placed.values()];
}

export interface Code {
  readonly bytes: Uint8Array;
  readonly relocations: readonly ElfRelocation[];
}

/**
 * The code of one section. A call within it is resolved. Elsewhere static functions are called, and all functions pointed at,
 * by a relocation against `.text` itself with the function's place as addend: for a pointer it is the one form that libbpf
 * takes, for a call the one that clang has and cilium/ebpf takes. All else is a relocation against the symbol.
 *
 * @param symbolIndex of symbols by name, of section symbols by the section's name
 */
export function codeOf(name: string, placed: readonly Placed[], symbolIndex: ReadonlyMap<string, number>): Code {
  const functions = new Map(placed.map((p) => [p.function.symbol, p]));
  const inSection = placed.filter((p) => p.section === name);
  const bytes = new Uint8Array(inSection.reduce((sum, p) => sum + p.size, 0));
  const relocations: ElfRelocation[] = [];
  const refersOnce = once((code: readonly Instruction[]) => code.some(({ symbol }) => symbol !== undefined));
  let offset = 0;
  const relocate = (type: number, symbol: string): void => {
    const index = symbolIndex.get(symbol);
    if (index === undefined) throw new Error(`linker: section ${name} refers to ${symbol}, which no unit defines`);
    relocations.push({ offset, type, symbol: index });
  };
  const link = (instruction: Instruction, symbol: string): Instruction => {
    const target = functions.get(symbol);
    if (instruction.opcode !== CALL) {
      relocate(R_BPF_64_64, target ? target.section : symbol);
      return target ? { ...instruction, imm: target.offset } : instruction;
    }
    if (target?.section === name) return { ...instruction, imm: (target.offset - offset) / 8 - 1 };
    const isStatic = target?.function.linkage === "static";
    relocate(R_BPF_64_32, isStatic ? target.section : symbol);
    return isStatic ? { ...instruction, imm: target.offset / 8 - 1 } : instruction;
  };
  for (const { function: f, offset: start } of inSection) {
    offset = start;
    let linked = f.code;
    if (refersOnce(f.code)) {
      let changed = false;
      linked = f.code.map((instruction) => {
        const { symbol } = instruction;
        const result = symbol === undefined ? instruction : link(instruction, symbol);
        changed ||= result !== instruction;
        offset += 8 * slots(instruction);
        return result;
      });
      if (!changed) linked = f.code;
    }
    bytes.set(codeBytes(linked), start);
  }
  return { bytes, relocations };
}
