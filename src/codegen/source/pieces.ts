/** What a section is made of: instructions, addresses, bytes. In: a section. Out: pieces that cover it without a gap. */
import { XdpgenError } from "../../errors.ts";
import { type Instruction, LD_IMM64, decode, slots } from "../asm/index.ts";
import {
  type ElfRelocation,
  type ElfSection,
  R_BPF_64_ABS32,
  R_BPF_64_ABS64,
  R_BPF_64_NODYLD32,
  SHF_COMPRESSED,
  SHF_EXECINSTR,
  SHT_NOBITS,
} from "../elf/index.ts";

/** Byte offset and size in the section. */
interface Extent {
  readonly offset: number;
  readonly size: number;
}

/** A part of a section that is shown as one. */
export type Piece =
  | (Extent & { readonly kind: "instruction"; readonly instruction: Instruction })
  /** Data that a relocation patches whole. */
  | (Extent & { readonly kind: "address"; readonly relocation: ElfRelocation })
  | (Extent & { readonly kind: "bytes" });

/** Bytes that a relocation patches in data. */
const WIDTHS: ReadonlyMap<number, number> = new Map([
  [R_BPF_64_ABS64, 8],
  [R_BPF_64_ABS32, 4],
  [R_BPF_64_NODYLD32, 4],
]);

const isCode = ({ type, flags }: ElfSection): boolean => type !== SHT_NOBITS && (flags & SHF_EXECINSTR) !== 0;

/**
 * The pieces of a section in order of offset; of one without bytes, `SHT_NOBITS`, too.
 * @param cuts byte offsets at which data must begin a new piece, since a symbol is there
 */
export function piecesOf(section: ElfSection, cuts: Iterable<number>): Piece[] {
  // Relocations of what is compressed are of what comes out when it is not.
  if ((section.flags & SHF_COMPRESSED) !== 0) return [{ kind: "bytes", offset: 0, size: section.size }];
  return isCode(section) ? codePieces(section) : dataPieces(section, cuts);
}

/** The relocation of each place; the first, where several patch one. */
export function byOffset(relocations: readonly ElfRelocation[]): ReadonlyMap<number, ElfRelocation> {
  return new Map(relocations.toReversed().map((relocation) => [relocation.offset, relocation]));
}

function codePieces({ data: code, relocations }: ElfSection): Piece[] {
  const whole = code.subarray(0, code.length - (code.length % 8));
  // An address among instructions, whatever instruction its addend looks like.
  const addresses = byOffset(relocations.filter(({ type }) => WIDTHS.get(type) === 8));
  const pieces: Piece[] = [];
  let offset = 0;
  for (const instruction of decodeKnown(whole) ?? bySlots(whole)) {
    const size = instruction ? slots(instruction) * 8 : 8;
    const relocation = size === 8 ? addresses.get(offset) : undefined;
    if (relocation) pieces.push({ kind: "address", offset, size, relocation });
    else if (instruction) pieces.push({ kind: "instruction", offset, size, instruction });
    else pieces.push({ kind: "bytes", offset, size });
    offset += size;
  }
  if (offset < code.length) pieces.push({ kind: "bytes", offset, size: code.length - offset });
  return pieces;
}

/** Instruction by instruction, since some of the slots are none. */
function bySlots(code: Uint8Array): (Instruction | undefined)[] {
  const found: (Instruction | undefined)[] = [];
  for (let offset = 0; offset < code.length; offset += 8) {
    const size = code[offset] === LD_IMM64 ? 16 : 8;
    const instruction = decodeKnown(code.subarray(offset, offset + size))?.[0];
    found.push(instruction);
    if (instruction && size === 16) offset += 8;
  }
  return found;
}

function decodeKnown(code: Uint8Array): Instruction[] | undefined {
  try {
    return decode(code);
  } catch (error) {
    if (error instanceof XdpgenError) return undefined;
    throw error;
  }
}

function dataPieces({ size, relocations }: ElfSection, cuts: Iterable<number>): Piece[] {
  const ends = relocations.map(({ offset, type }) => offset + (WIDTHS.get(type) ?? 0));
  const stops = new Set([...cuts, ...relocations.map(({ offset }) => offset), ...ends, size]);
  const sorted = [...stops].filter((offset) => offset > 0 && offset <= size).toSorted((a, b) => a - b);
  const addresses = byOffset(relocations);
  let offset = 0;
  return sorted.map((stop): Piece => {
    const relocation = addresses.get(offset);
    const extent = { offset, size: stop - offset };
    offset = stop;
    return relocation && WIDTHS.get(relocation.type) === extent.size
      ? { kind: "address", ...extent, relocation }
      : { kind: "bytes", ...extent };
  });
}
