/** Numbers of the ELF format (System V gABI, chapter "Object Files") and of BPF's relocations (llvm_reloc.rst). */

export const EHDR_SIZE = 64;
export const SHDR_SIZE = 64;
export const SYM_SIZE = 24;
export const REL_SIZE = 16;

export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const EV_CURRENT = 1;
export const ET_REL = 1;
export const EM_BPF = 247;

export const SHT_NULL = 0;
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_GROUP = 17;
export const SHT_SYMTAB_SHNDX = 18;
/** Symbol numbers that the linker may not fold; only a hint, and only of LLVM. */
export const SHT_LLVM_ADDRSIG = 0x6fff4c03;

export const SHF_WRITE = 0x1;
export const SHF_ALLOC = 0x2;
export const SHF_EXECINSTR = 0x4;
export const SHF_MERGE = 0x10;
export const SHF_STRINGS = 0x20;
/** `sh_info` is a section's number: on every relocation section. libbpf's linker joins only sections of equal flags. */
export const SHF_INFO_LINK = 0x40;
/** Placed in the order of another section, which `sh_link` names. */
export const SHF_LINK_ORDER = 0x80;
export const SHF_GROUP = 0x200;
/** The data are an `Elf64_Chdr` and what is left of them by a compression. */
export const SHF_COMPRESSED = 0x800;

export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;
export const SHN_XINDEX = 0xffff;

/** In `ld_imm64`: the address of a symbol. */
export const R_BPF_64_64 = 1;
/** In data: an address of 64 bits. */
export const R_BPF_64_ABS64 = 2;
/** In data: 32 bits. */
export const R_BPF_64_ABS32 = 3;
/** In `.BTF` and `.BTF.ext`: 32 bits that no loader applies. */
export const R_BPF_64_NODYLD32 = 4;
/** In `call`: the distance to a function. */
export const R_BPF_64_32 = 10;

/** Bytes that a relocation needs from its offset on. */
export const RELOCATION_SIZES: ReadonlyMap<number, number> = new Map([
  [R_BPF_64_64, 16],
  [R_BPF_64_ABS64, 8],
  [R_BPF_64_ABS32, 4],
  [R_BPF_64_NODYLD32, 4],
  [R_BPF_64_32, 8],
]);

/** `st_info` and `st_other`: the position in the list is the number. */
export const SYMBOL_TYPES = ["notype", "object", "func", "section", "file"] as const;
export const SYMBOL_BINDINGS = ["local", "global", "weak"] as const;
export const SYMBOL_VISIBILITIES = ["default", "internal", "hidden", "protected"] as const;
