/** An object as text or JSON: whole, or one section, each kind of section in its own way. */
import { type Btf, type BtfExt, decodeBtf, decodeBtfExt, formatBtf, formatBtfExt } from "../../codegen/btf/index.ts";
import { type ElfObject, type ElfSection, SHF_EXECINSTR, SHT_NOBITS } from "../../codegen/elf/index.ts";
import { formatObject, piecesOf, relocationName } from "../../codegen/source/index.ts";
import { XdpgenError } from "../../errors.ts";
import { jsonInstruction, type TextOptions } from "./code.ts";
import { describeObject } from "./object.ts";
import { formatLine, isKnown, type SourceLine } from "./source-lines.ts";

/** The whole object, as `xdpgen asm` takes it back. */
export function renderObject(object: ElfObject, options: TextOptions): string {
  return formatObject(object, formatOptions(object, options));
}

/** Types and records in words, instructions and data as the whole object would show them. */
export function renderSection(object: ElfObject, index: number, options: TextOptions, style: "raw" | "c"): string {
  const section = object.sections[index]!;
  if (section.name === ".BTF") return formatBtf(decodeBtf(section.data), { style });
  if (section.name === ".BTF.ext") {
    const types = typesOf(object);
    if (!types) throw noTypes("types (.BTF)");
    return formatBtfExt(decodeBtfExt(section.data, types.bytes), types.btf);
  }
  return formatObject(object, { ...formatOptions(object, options), section: index });
}

function formatOptions(object: ElfObject, { dialect, slots: numbered, source }: TextOptions) {
  if (!source) return { dialect, slots: numbered };
  const lines = sourceLines(object);
  const notes = (section: number, offset: number): readonly string[] => {
    const line = lines.get(object.sections[section]!.name)?.get(offset);
    return line ? [formatLine(line)] : [];
  };
  return { dialect, slots: numbered, notes };
}

/**
 * `describeObject` with the instructions of code sections. Or the one section that is asked for, types and records of BTF
 * as values.
 */
export function jsonListing(object: ElfObject, only: number | undefined, options: TextOptions): object {
  const lines = options.source ? sourceLines(object) : new Map<string, ReadonlyMap<number, SourceLine>>();
  const values = only === undefined ? undefined : btfValues(object, object.sections[only]!);
  const described = describeObject(object) as { sections: object[] };
  const sections = object.sections.map((section, index) => ({
    ...described.sections[index],
    ...contents(object, section, lines.get(section.name), options),
  }));
  if (only === undefined) return { ...described, sections };
  return values ? { ...described.sections[only], ...values } : sections[only]!;
}

/** What the bytes of `.BTF` and `.BTF.ext` say. */
function btfValues(object: ElfObject, { name, data }: ElfSection): object | undefined {
  if (name === ".BTF") return { types: decodeBtf(data).types };
  if (name !== ".BTF.ext") return undefined;
  const types = typesOf(object);
  if (!types) throw noTypes("types (.BTF)");
  const records = Object.entries(
    decodeBtfExt(data, types.bytes) as unknown as Record<string, ReadonlyMap<string, object>>,
  );
  return Object.fromEntries(records.map(([kind, bySection]) => [kind, Object.fromEntries(bySection)]));
}

function contents(
  { symbols, sections }: ElfObject,
  section: ElfSection,
  lines: ReadonlyMap<number, SourceLine> | undefined,
  { dialect }: TextOptions,
): object {
  const { data, flags, type, relocations } = section;
  if (type === SHT_NOBITS) return {};
  if ((flags & SHF_EXECINSTR) === 0) return { bytes: Buffer.from(data).toString("hex") };
  const labels = new Map(
    symbols.filter((symbol) => sections[symbol.section as number] === section).map(({ value, name }) => [value, name]),
  );
  const patched = new Map(relocations.map((relocation) => [relocation.offset, relocation]));
  const instructions = piecesOf(section, []).map((piece) => {
    const { offset, size } = piece;
    const bytes = data.subarray(offset, offset + size);
    const relocation = patched.get(offset);
    const symbol = relocation && symbols[relocation.symbol]!;
    const to = symbol?.type === "section" ? sections[symbol.section as number]?.name : symbol?.name;
    const label = labels.get(offset);
    const line = lines?.get(offset);
    return {
      ...(piece.kind === "instruction"
        ? jsonInstruction(piece.instruction, offset / 8, dialect, bytes)
        : { slot: offset / 8, bytes: Buffer.from(bytes).toString("hex") }),
      ...(label && { label }),
      ...(relocation && { relocation: { type: relocationName(relocation.type), symbol: to } }),
      ...(line && { source: line }),
    };
  });
  return { instructions };
}

function typesOf({ sections }: ElfObject): { bytes: Uint8Array; btf: Btf } | undefined {
  const bytes = sections.find(({ name }) => name === ".BTF")?.data;
  return bytes && { bytes, btf: decodeBtf(bytes) };
}

/** By section and byte offset. */
function sourceLines(object: ElfObject): ReadonlyMap<string, ReadonlyMap<number, SourceLine>> {
  const ext = object.sections.find(({ name }) => name === ".BTF.ext")?.data;
  const types = typesOf(object);
  if (!ext || !types) throw noTypes("source lines");
  const { lineInfo }: BtfExt = decodeBtfExt(ext, types.bytes);
  return new Map(
    [...lineInfo].map(([section, list]) => [section, new Map(list.filter(isKnown).map((line) => [line.offset, line]))]),
  );
}

function noTypes(wanted: string): XdpgenError {
  return new XdpgenError("usage", `the object has no ${wanted}: compile with -g`);
}
