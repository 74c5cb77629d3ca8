/**
 * A relocatable BPF object (ELF64, little endian, EM_BPF, ET_REL) as plain values: what `readElf` gives and `writeElf`
 * takes. Sections are referred to by their index in `sections` (0 is the first real section, not ELF's null section).
 *
 * Source: System V gABI, chapters "Object Files" and "Sections"; Documentation/bpf/llvm_reloc.rst.
 */

export interface ElfSection {
  readonly name: string;
  /** `SHT_PROGBITS`, `SHT_NOBITS`, … The null section, symbol, string and relocation tables are not listed. */
  readonly type: number;
  /** `SHF_ALLOC`, `SHF_EXECINSTR`, …; without those that would name another section, `SHF_LINK_ORDER` and `SHF_GROUP`. */
  readonly flags: number;
  /** Empty for `SHT_NOBITS`. */
  readonly data: Uint8Array;
  /** Bytes; equals `data.length` except for `SHT_NOBITS`. */
  readonly size: number;
  /** Power of two, in bytes. */
  readonly align: number;
  /** Bytes of each entry, of a section that is a table of them; else 0. */
  readonly entrySize: number;
  readonly relocations: readonly ElfRelocation[];
}

export interface ElfSymbol {
  readonly name: string;
  /** Byte offset in its section; of `absolute` ones a number, of `common` ones the alignment in bytes. */
  readonly value: number;
  /** Bytes. */
  readonly size: number;
  readonly type: "notype" | "object" | "func" | "section" | "file";
  readonly binding: "local" | "global" | "weak";
  readonly visibility: "default" | "hidden" | "internal" | "protected";
  /** Index in `sections`, or a reserved section index. */
  readonly section: number | "undefined" | "absolute" | "common";
}

export interface ElfRelocation {
  /** Byte offset in the section that the relocation patches; of compressed data, before their compression. */
  readonly offset: number;
  /** `R_BPF_64_64` 1, `R_BPF_64_ABS64` 2, `R_BPF_64_ABS32` 3, `R_BPF_64_NODYLD32` 4, `R_BPF_64_32` 10. */
  readonly type: number;
  /** Index in `symbols`. */
  readonly symbol: number;
}

export interface ElfObject {
  readonly sections: readonly ElfSection[];
  /** Without ELF's null symbol. */
  readonly symbols: readonly ElfSymbol[];
}
