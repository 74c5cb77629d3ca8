/** The variables of a section of an object, by its BTF: where they lie, which BTF leaves to the symbols. */
import type { BtfType, TypeId } from "../btf/types.ts";
import type { XdpObject } from "./open.ts";

export interface SectionVariable {
  readonly name: string;
  /** Its VAR type. */
  readonly type: TypeId;
  /** The type of the VAR. */
  readonly of: TypeId;
  /** Bytes from the start of the section. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/**
 * In the order of the section's DATASEC; empty where it has none. clang gives the offsets of static variables there and
 * gcc gives none, so a symbol comes first, unless several have the name: static variables of several files do, where
 * their objects were joined.
 *
 * @param section index in `elf.sections`
 */
export function variablesOf({ elf, btf }: XdpObject, section: number): readonly SectionVariable[] {
  const { name } = elf.sections[section]!;
  const declared = btf.types.find((t) => t.kind === "datasec" && t.name === name);
  const offsets = new Map<string, number[]>();
  for (const symbol of elf.symbols) {
    if (symbol.type !== "object" || symbol.section !== section) continue;
    offsets.set(symbol.name, [...(offsets.get(symbol.name) ?? []), symbol.value]);
  }
  return (declared?.kind === "datasec" ? declared.vars : []).flatMap(({ type, offset, size }) => {
    const variable: BtfType | undefined = btf.types[type - 1];
    if (variable?.kind !== "var") return [];
    const [first, ...others] = offsets.get(variable.name) ?? [];
    const place = first === undefined || others.length > 0 ? offset : first;
    return [{ name: variable.name, type, of: variable.type, offset: place, size }];
  });
}
