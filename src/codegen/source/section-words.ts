/** The words of `.section` and `.reloc`, for both directions (LLVM's ELFAsmParser; llvm_reloc.rst). */
import {
  type ElfSection,
  R_BPF_64_32,
  R_BPF_64_64,
  R_BPF_64_ABS32,
  R_BPF_64_ABS64,
  R_BPF_64_NODYLD32,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_GROUP,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_PROGBITS,
} from "../elf/index.ts";
import { quote, word } from "./words.ts";

/** `sh_flags` by letter. */
export const SECTION_FLAGS: Readonly<Record<string, number>> = {
  a: SHF_ALLOC,
  w: SHF_WRITE,
  x: SHF_EXECINSTR,
  M: SHF_MERGE,
  S: SHF_STRINGS,
  G: SHF_GROUP,
  T: 0x400,
  R: 0x20_0000,
  e: 0x8000_0000,
};

/** `sh_type` by the name after `@`. */
export const SECTION_TYPES: Readonly<Record<string, number>> = {
  progbits: SHT_PROGBITS,
  nobits: SHT_NOBITS,
  note: 7,
  init_array: 14,
  fini_array: 15,
  preinit_array: 16,
};

/** Relocations by the name that `.reloc` takes. */
export const RELOCATION_TYPES: Readonly<Record<string, number>> = {
  R_BPF_64_64,
  R_BPF_64_ABS64,
  R_BPF_64_ABS32,
  R_BPF_64_NODYLD32,
  R_BPF_64_32,
};

/** `R_BPF_64_32` for 10; digits for a type that BPF does not have. */
export function relocationName(type: number): string {
  return Object.keys(RELOCATION_TYPES).find((name) => RELOCATION_TYPES[name] === type) ?? String(type);
}

/** Type and flags of a section whose directive does not say them. */
export function usualAttributes(name: string): { readonly type: number; readonly flags: number } {
  const is = (prefix: string): boolean => name === prefix || name.startsWith(`${prefix}.`);
  if (is(".text")) return { type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_EXECINSTR };
  if (is(".rodata") || name === ".rodata1") return { type: SHT_PROGBITS, flags: SHF_ALLOC };
  if (is(".data") || name === ".data1") return { type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_WRITE };
  if (is(".bss")) return { type: SHT_NOBITS, flags: SHF_ALLOC | SHF_WRITE };
  if (name === ".init_array") return { type: SECTION_TYPES["init_array"]!, flags: SHF_ALLOC | SHF_WRITE };
  return { type: name.startsWith(".note") ? SECTION_TYPES["note"]! : SHT_PROGBITS, flags: 0 };
}

/** The directive that begins a section. Sections of one name are numbered. */
export function formatSection(section: ElfSection, number: number): string {
  const { name, type, flags, entrySize } = section;
  const usual = usualAttributes(name);
  if (name === ".text" && type === usual.type && flags === usual.flags && number === 0) return ".text";
  const typeName = Object.keys(SECTION_TYPES).find((known) => SECTION_TYPES[known] === type);
  const parts = [
    `.section ${word(name)}`,
    quote(new TextEncoder().encode(formatFlags(flags))),
    `@${typeName ?? `0x${type.toString(16)}`}`,
  ];
  if (Math.floor(flags / SHF_MERGE) % 2 === 1) parts.push(String(entrySize));
  if (number > 0) parts.push("unique", String(number));
  return parts.join(",");
}

/** Letters, or a number where there is no letter for a flag. */
function formatFlags(flags: number): string {
  const letters = Object.keys(SECTION_FLAGS).filter((letter) => Math.floor(flags / SECTION_FLAGS[letter]!) % 2 === 1);
  const sum = letters.reduce((total, letter) => total + SECTION_FLAGS[letter]!, 0);
  return sum === flags ? letters.join("") : `0x${flags.toString(16)}`;
}
