/**
 * Helpers that a text means and does not call. In: an object. Out: its undefined symbols that are named as functions of the
 * kernel are. Helpers are called by number: a relocation to such a name is one that no loader can resolve.
 */
import { helperNumber } from "../asm/helpers.ts";
import type { ElfObject } from "../elf/index.ts";

/** Name and number of each, in the order of symbols. */
export function undefinedHelpers({ symbols }: ElfObject): { readonly name: string; readonly number: number }[] {
  return symbols.flatMap(({ name, section }) => {
    const number = section === "undefined" ? helperNumber(name) : undefined;
    return number === undefined ? [] : [{ name, number }];
  });
}
