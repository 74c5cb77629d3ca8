/** Sections whose data are compressed, as `clang -gz` leaves DWARF (System V gABI, "Section Compression"). */
import { SHF_COMPRESSED } from "./constants.ts";
import type { ElfSection } from "./object.ts";

/** `Elf64_Chdr`: type:32 reserved:32 size:64 align:64. */
const CHDR_SIZE = 24;

/** The bytes that a section's relocations may patch: those that it has, or had before they were compressed. */
export function patchableSize({ flags, data, size }: Pick<ElfSection, "flags" | "data" | "size">): number {
  if ((flags & SHF_COMPRESSED) === 0 || data.length < CHDR_SIZE) return size;
  return Number(new DataView(data.buffer, data.byteOffset, CHDR_SIZE).getBigUint64(8, true));
}
