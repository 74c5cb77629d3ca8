/** Two objects compared by what they mean: sections by name, symbols and relocations by what they say, in no order. */
import type { ElfObject, ElfSymbol } from "../../../src/codegen/elf/index.ts";

interface Meaning {
  /** By name; of several with one name, the later ones by name and number. */
  readonly sections: Readonly<Record<string, object>>;
  readonly symbols: readonly string[];
}

/** An object without the numbers that refer from one table to another. */
export function meaning({ sections, symbols }: ElfObject): Meaning {
  const names = sections.map(({ name }, index) => {
    const before = sections.slice(0, index).filter((other) => other.name === name).length;
    return before === 0 ? name : `${name}#${before}`;
  });
  const describe = ({ name, type, binding, visibility, value, size, section }: ElfSymbol): string => {
    const where = typeof section === "number" ? `in ${names[section]}` : section;
    return `${name} ${type} ${binding} ${visibility} ${value}+${size} ${where}`;
  };
  const described = sections.map(
    ({ type, flags, size, align, entrySize, relocations, data }, index): [string, object] => [
      names[index]!,
      {
        type,
        flags,
        size,
        align,
        entrySize,
        data: Buffer.from(data).toString("hex"),
        relocations: relocations.map((to) => `${to.offset}: ${to.type} ${describe(symbols[to.symbol]!)}`),
      },
    ],
  );
  // LLVM begins every object with a .text, even where nothing is in it.
  const used = described.filter(([name], index) => name !== ".text" || sections[index]!.size > 0);
  return { sections: Object.fromEntries(used), symbols: symbols.map(describe).toSorted() };
}
