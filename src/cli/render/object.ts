/** An object as JSON, and its sections by name. */
import type { ElfObject, ElfSymbol } from "../../codegen/elf/index.ts";
import { relocationName } from "../../codegen/source/index.ts";
import { XdpgenError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";

/** Sections, symbols and functions, with sizes in bytes. */
export function describeObject({ sections, symbols }: ElfObject): object {
  const nameOf = (section: ElfSymbol["section"]): string =>
    typeof section === "number" ? sections[section]!.name : section;
  const named = symbols.filter(({ type }) => type !== "section");
  const functions = named.filter(({ type, section }) => type === "func" && typeof section === "number");
  return {
    sections: sections.map(({ name, type, flags, size, align, relocations }) => ({
      name,
      type,
      flags,
      size,
      align,
      relocations: relocations.map(({ offset, type: kind, symbol }) => {
        const to = symbols[symbol]!;
        return { offset, type: relocationName(kind), symbol: to.type === "section" ? nameOf(to.section) : to.name };
      }),
    })),
    symbols: named.map((symbol) => ({ ...symbol, section: nameOf(symbol.section) })),
    functions: functions.map(({ name, section, value, size }) => ({
      name,
      section: nameOf(section),
      offset: value,
      slots: size / 8,
    })),
  };
}

/**
 * Index of the section of this name.
 * @throws XdpgenError `usage` with the nearest name, or all of them
 */
export function findSection({ sections }: ElfObject, name: string): number {
  const index = sections.findIndex((section) => section.name === name);
  if (index >= 0) return index;
  const names = sections.map((section) => section.name);
  const near = nearest(name, names);
  const hint = near ? `did you mean ${near}?` : `there are ${names.join(", ") || "none"}`;
  throw new XdpgenError("usage", `there is no section ${name}: ${hint}`);
}
