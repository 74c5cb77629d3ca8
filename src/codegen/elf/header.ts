/**
 * The file header and the section header table, read (System V gABI, "ELF Header" and "Sections"). In: the bytes of a
 * file. Out: the section headers, of which each names bytes that are there and are no other section's.
 */
import { XdpgenError } from "../../errors.ts";
import {
  EHDR_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_BPF,
  ET_REL,
  EV_CURRENT,
  SHDR_SIZE,
  SHN_LORESERVE,
  SHT_NOBITS,
  SHT_NULL,
} from "./constants.ts";

export interface SectionHeader {
  /** Byte offset of the name in the table of section names. */
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
}

export interface Headers {
  /** With the null section, so that an index is ELF's index. */
  readonly sections: readonly SectionHeader[];
  /** Index of the section that holds the sections' names. */
  readonly names: number;
}

/** A page of the largest pages that Linux has. The kernel aligns nothing of a BPF program to more. */
const MAX_ALIGN = 0x1_0000;

/** A section without bytes becomes the value of a map, whose size has 32 bits (include/uapi/linux/bpf.h). */
const MAX_NOBITS_SIZE = 0xffff_ffff;

export function invalid(message: string): never {
  throw new XdpgenError("object-invalid", message);
}

export function unsupported(message: string): never {
  throw new XdpgenError("object-unsupported", message);
}

/**
 * Every section of the answer lies within the file, and no two have a byte in common.
 * @throws XdpgenError `object-invalid`, or `object-unsupported` for more sections than the file header can count
 */
export function readHeaders(bytes: Uint8Array): Headers {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkIdentity(bytes, view);
  const start = readSize(view, 0x28, "the section header table's offset");
  const entrySize = view.getUint16(0x3a, true);
  const count = view.getUint16(0x3c, true);
  const names = view.getUint16(0x3e, true);
  if (start === 0) invalid("the object has no sections: compile with `clang -O2 -g -target bpf -c`");
  if (entrySize !== SHDR_SIZE) invalid(`section headers at byte 0x3a are ${entrySize} bytes long, not ${SHDR_SIZE}`);
  const length = Math.max(count, 1) * SHDR_SIZE;
  if (start + length > bytes.length) truncated("the section header table", start, length, bytes.length);
  if (count === 0 || names >= SHN_LORESERVE) refuseExtendedNumbers(view, start);

  const sections = Array.from({ length: count }, (_, index) => readSectionHeader(view, index, start));
  checkPlaces(sections, start, bytes.length);
  return { sections, names };
}

function checkIdentity(bytes: Uint8Array, view: DataView): void {
  if (bytes.length < 4 || view.getUint32(0, false) !== 0x7f454c46) {
    const first = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    invalid(`not an ELF file: it begins with ${first || "nothing"}, not 7f 45 4c 46`);
  }
  if (bytes.length < EHDR_SIZE) truncated("the ELF header", 0, EHDR_SIZE, bytes.length);
  const expect = (what: string, offset: number, value: number, expected: number, hint: string): void => {
    if (value !== expected) invalid(`${what} at byte ${offset} is ${value}, not ${expected}: ${hint}`);
  };
  expect("the ELF class", 4, bytes[4]!, ELFCLASS64, "BPF objects are 64-bit");
  expect(
    "the byte order",
    5,
    bytes[5]!,
    ELFDATA2LSB,
    "only little endian objects are read; compile with -target bpfel",
  );
  expect("the ELF version", 6, bytes[6]!, EV_CURRENT, "there is no other version");
  expect("the machine", 0x12, view.getUint16(0x12, true), EM_BPF, "not compiled for BPF; compile with -target bpf");
  expect("the file type", 0x10, view.getUint16(0x10, true), ET_REL, "not a relocatable object; compile with -c");
}

/** From 65280 sections on their number is in the null section, and the sections of symbols are in a table of their own. */
function refuseExtendedNumbers(view: DataView, start: number): never {
  const count = view.getUint16(0x3c, true) || readSize(view, start + 0x20, "the number of sections");
  return unsupported(
    `the object counts its ${count} sections in the null section, at byte ${start + 0x20}: ` +
      `only objects of less than ${SHN_LORESERVE} sections are read; compile fewer functions into one object`,
  );
}

function readSectionHeader(view: DataView, index: number, table: number): SectionHeader {
  const at = table + index * SHDR_SIZE;
  const type = view.getUint32(at + 0x04, true);
  const size = readSize(view, at + 0x20, "a section's size");
  const align = readSize(view, at + 0x30, "a section's alignment");
  if (align > MAX_ALIGN) {
    invalid(`the alignment of section ${index}, at byte ${at + 0x30}, is ${align}, more than a page (${MAX_ALIGN})`);
  }
  if ((align & (align - 1)) !== 0) {
    invalid(`the alignment of section ${index}, at byte ${at + 0x30}, is ${align}, not a power of two`);
  }
  if (type === SHT_NOBITS && size > MAX_NOBITS_SIZE) {
    invalid(`the size of section ${index}, at byte ${at + 0x20}, is ${size}, more than a map can hold`);
  }
  return {
    nameOffset: view.getUint32(at, true),
    type,
    flags: readSize(view, at + 0x08, "a section's flags"),
    offset: readSize(view, at + 0x18, "a section's offset"),
    size,
    link: view.getUint32(at + 0x28, true),
    info: view.getUint32(at + 0x2c, true),
    align: Math.max(align, 1),
    entrySize: readSize(view, at + 0x38, "a section's entry size"),
  };
}

/**
 * gABI, "Sections": no byte of a file is in two sections. A reader can rely on it: what it makes of all sections is no
 * larger than the file.
 */
function checkPlaces(sections: readonly SectionHeader[], table: number, length: number): void {
  const places = [
    { what: "the ELF header", offset: 0, end: EHDR_SIZE },
    { what: "the section header table", offset: table, end: table + sections.length * SHDR_SIZE },
  ];
  for (const [index, { type, offset, size }] of sections.entries()) {
    if (type === SHT_NULL || type === SHT_NOBITS) continue;
    if (offset + size > length) truncated(`section ${index}`, offset, size, length);
    if (size > 0) places.push({ what: `section ${index}`, offset, end: offset + size });
  }
  places.sort((a, b) => a.offset - b.offset);
  for (const [index, { what, offset }] of places.entries()) {
    const before = places[index - 1];
    if (before && before.end > offset) {
      invalid(`${before.what} and ${what} share bytes from byte ${offset} on: the object is damaged`);
    }
  }
}

/** A field of 64 bits as a number; what needs more than 53 bits is damage. */
export function readSize(view: DataView, at: number, what: string): number {
  const high = view.getUint32(at + 4, true);
  if (high >= 0x20_0000) invalid(`${what} at byte ${at} is ${view.getBigUint64(at, true)}: the object is damaged`);
  return high * 0x1_0000_0000 + view.getUint32(at, true);
}

function truncated(what: string, offset: number, size: number, length: number): never {
  invalid(`${what} is ${size} bytes from byte ${offset} on, but the file has ${length} bytes: it is truncated`);
}
