/**
 * What a program takes of the limits that the kernel has for one: its functions, the maps that they use, and how long they
 * are. Counted over what its main function reaches, since loaders leave the rest of an object away, and the kernel counts a
 * map once some instruction names it.
 */

export interface Needs {
  /** Slots of eight bytes, as the kernel counts instructions: `ld_imm64` and its like take two. */
  readonly instructions: number;
  /** With the main function. */
  readonly functions: number;
  /** A data section is one, and so is all configuration (`__kconfig`) together. */
  readonly maps: number;
}

/** What one function adds. */
export interface Uses<F> {
  /** Slots of eight bytes. */
  readonly length: number;
  /** Called, or handed to helpers that call them. */
  readonly functions: readonly F[];
  /** Something of its own for each map. */
  readonly maps: readonly (string | number)[];
}

/** @param entries the main function; or several, each of which something will call */
export function needs<F>(entries: readonly F[], usesOf: (f: F) => Uses<F>): Needs {
  const reached = new Set(entries);
  const maps = new Set<string | number>();
  let instructions = 0;
  // A set goes on to what is added to it meanwhile.
  for (const f of reached) {
    const uses = usesOf(f);
    instructions += uses.length;
    for (const map of uses.maps) maps.add(map);
    for (const callee of uses.functions) reached.add(callee);
  }
  return { instructions, functions: reached.size, maps: maps.size };
}
