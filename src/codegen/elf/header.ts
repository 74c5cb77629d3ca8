/** The file header and the section header table, read (System V gABI, "ELF Header" and "Sections"). */
import { XdpgenError } from "../../errors.ts";
import {
  EHDR_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_BPF,
  ET_REL,
  EV_CURRENT,
  SHDR_SIZE,
  SHN_XINDEX,
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

export function invalid(message: string): never {
  throw new XdpgenError("object-invalid", message);
}

/** Every section of the answer lies within the file. */
export function readHeaders(bytes: Uint8Array): Headers {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkIdentity(bytes, view);
  const start = readSize(view, 0x28, "the section header table's offset");
  const entrySize = view.getUint16(0x3a, true);
  if (start === 0) invalid("the object has no sections: compile with `clang -O2 -g -target bpf -c`");
  if (entrySize !== SHDR_SIZE) invalid(`section headers at byte 0x3a are ${entrySize} bytes long, not ${SHDR_SIZE}`);
  if (start + SHDR_SIZE > bytes.length) truncated("the section header table", start, SHDR_SIZE, bytes.length);

  // Where a number is too large for the file header, the null section has it.
  const nullSection = readSectionHeader(view, start);
  const count = view.getUint16(0x3c, true) || nullSection.size;
  const names = view.getUint16(0x3e, true);
  if (start + count * SHDR_SIZE > bytes.length) {
    truncated("the section header table", start, count * SHDR_SIZE, bytes.length);
  }
  const sections = Array.from({ length: count }, (_, index) => readSectionHeader(view, start + index * SHDR_SIZE));
  for (const [index, { type, offset, size }] of sections.entries()) {
    if (type !== SHT_NULL && type !== SHT_NOBITS && offset + size > bytes.length) {
      truncated(`section ${index}`, offset, size, bytes.length);
    }
  }
  return { sections, names: names === SHN_XINDEX ? nullSection.link : names };
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

function readSectionHeader(view: DataView, at: number): SectionHeader {
  const align = readSize(view, at + 0x30, "a section's alignment");
  if (align !== 0 && !Number.isInteger(Math.log2(align))) {
    invalid(`a section's alignment at byte ${at + 0x30} is ${align}, not a power of two`);
  }
  return {
    nameOffset: view.getUint32(at, true),
    type: view.getUint32(at + 0x04, true),
    flags: readSize(view, at + 0x08, "a section's flags"),
    offset: readSize(view, at + 0x18, "a section's offset"),
    size: readSize(view, at + 0x20, "a section's size"),
    link: view.getUint32(at + 0x28, true),
    info: view.getUint32(at + 0x2c, true),
    align: Math.max(align, 1),
    entrySize: readSize(view, at + 0x38, "a section's entry size"),
  };
}

/** A field of 64 bits as a number; what needs more than 53 bits is damage. */
export function readSize(view: DataView, at: number, what: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) invalid(`${what} at byte ${at} is ${value}: the object is damaged`);
  return Number(value);
}

function truncated(what: string, offset: number, size: number, length: number): never {
  invalid(`${what} is ${size} bytes from byte ${offset} on, but the file has ${length} bytes: it is truncated`);
}
