/**
 * An object as llvm-readelf reads it. In: the bytes of objects. Out: of each its sections, symbols and relocations, in the
 * terms of `ElfObject` but with names in the place of indexes, so that the numbering of a file does not matter.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ElfObject,
  SHF_GROUP,
  SHF_LINK_ORDER,
  SHT_GROUP,
  SHT_LLVM_ADDRSIG,
  SHT_NOBITS,
  SHT_NULL,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  SYMBOL_BINDINGS,
  SYMBOL_TYPES,
  SYMBOL_VISIBILITIES,
} from "../../src/codegen/elf/index.ts";
import type { LlvmTools } from "./llvm-tools.ts";

export interface ElfView {
  /** One line each: name, type, flags, size, alignment, entry size, contents in hexadecimal. */
  readonly sections: readonly string[];
  /** Name, value, size, type, binding, visibility, section. */
  readonly symbols: readonly string[];
  /** Section, offset, type, symbol. */
  readonly relocations: readonly string[];
}

/** The same view of what our reader makes of an object. */
export function viewOf({ sections, symbols }: ElfObject): ElfView {
  const sectionName = (index: number | string): string => (typeof index === "number" ? sections[index]!.name : index);
  const symbolName = (index: number): string => symbols[index]!.name || sectionName(symbols[index]!.section);
  return {
    sections: sections.map((s) => [s.name, s.type, s.flags, s.size, s.align, s.entrySize, hex(s.data)].join(" ")),
    symbols: symbols.map((s, index) =>
      [symbolName(index), s.value, s.size, s.type, s.binding, s.visibility, sectionName(s.section)].join(" "),
    ),
    relocations: sections.flatMap((s) =>
      s.relocations.map((r) => [s.name, r.offset, RELOCATIONS[r.type] ?? "Unknown", symbolName(r.symbol)].join(" ")),
    ),
  };
}

const RELOCATIONS: Readonly<Record<number, string>> = {
  1: "R_BPF_64_64",
  2: "R_BPF_64_ABS64",
  3: "R_BPF_64_ABS32",
  4: "R_BPF_64_NODYLD32",
  10: "R_BPF_64_32",
};

const hex = (bytes: Uint8Array | readonly number[]): string => Buffer.from(bytes).toString("hex");

/** A name or number of llvm-readelf's JSON: LLVM 14 calls them `Value` and `RawValue`, later ones `Name` and `Value`. */
interface Labelled {
  readonly Name?: string;
  readonly Value: string | number;
  readonly RawValue?: number;
}

interface Report {
  readonly Sections: readonly { readonly Section: ReportedSection }[];
  readonly Symbols: readonly { readonly Symbol: ReportedSymbol }[];
}

interface ReportedSection {
  readonly Index: number;
  readonly Name: Labelled;
  readonly Type: Labelled;
  readonly Flags: { readonly RawFlags?: number; readonly Value?: number };
  readonly Size: number;
  readonly AddressAlignment: number;
  readonly EntrySize: number;
  readonly SectionData: { readonly Bytes: readonly number[] };
}

interface ReportedSymbol {
  readonly Name: Labelled;
  readonly Value: number;
  readonly Size: number;
  readonly Binding: Labelled;
  readonly Type: Labelled;
  readonly Other: number | { readonly RawFlags?: number; readonly Value?: number };
  readonly Section: Labelled;
}

/** What our reader does not list: null, string and symbol tables, relocations, groups, LLVM's address significance. */
const TABLES: ReadonlySet<number> = new Set([SHT_NULL, SHT_SYMTAB, SHT_STRTAB, SHT_REL, SHT_GROUP, SHT_LLVM_ADDRSIG]);

const labelOf = (label: Labelled): string => label.Name ?? `${label.Value}`;
const numberOf = (label: Labelled): number => label.RawValue ?? Number(label.Value);
const flagsOf = (flags: { readonly RawFlags?: number; readonly Value?: number }): number =>
  flags.RawFlags ?? flags.Value ?? 0;

/** What llvm-readelf says of each object. It is started twice for all of them together. */
export function readelfViews(llvm: LlvmTools, objects: readonly Uint8Array[]): readonly ElfView[] {
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-readelf-"));
  try {
    const paths = objects.map((bytes, index) => {
      const path = join(folder, `${index}.o`);
      writeFileSync(path, bytes);
      return path;
    });
    const [file, ...words] = llvm.command("llvm-readelf");
    const run = (...options: string[]): string =>
      execFileSync(file, [...words, ...options, ...paths], { encoding: "utf8", maxBuffer: 2 ** 28 });
    const json = run("--elf-output-style=JSON", "--sections", "--section-data", "--symbols");
    // LLVM 14 prints relocations as text even there.
    const text = run("--elf-output-style=LLVM", "--relocations")
      .split(/^File: .*$/m)
      .slice(1);
    return (JSON.parse(json) as Record<string, Report>[]).map((one, index) =>
      reportedView(reportOf(one), text[index]!),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** LLVM 14 puts the report under the file's name, later ones beside a `FileSummary`. */
function reportOf(one: Record<string, unknown>): Report {
  return ("Sections" in one ? one : Object.values(one)[0]) as Report;
}

function reportedView({ Sections, Symbols }: Report, text: string): ElfView {
  const sections = Sections.map(({ Section }) => Section);
  const kept = (flags: number): number => flags & ~(SHF_GROUP | SHF_LINK_ORDER);
  return {
    sections: sections
      .filter(({ Type }) => !TABLES.has(numberOf(Type)))
      .map((s) =>
        [
          labelOf(s.Name),
          numberOf(s.Type),
          kept(flagsOf(s.Flags)),
          s.Size,
          Math.max(s.AddressAlignment, 1),
          s.EntrySize,
          numberOf(s.Type) === SHT_NOBITS ? "" : hex(s.SectionData.Bytes),
        ].join(" "),
      ),
    symbols: Symbols.slice(1).map(({ Symbol: s }) =>
      [
        labelOf(s.Name),
        s.Value,
        s.Size,
        SYMBOL_TYPES[numberOf(s.Type)],
        SYMBOL_BINDINGS[numberOf(s.Binding)],
        SYMBOL_VISIBILITIES[typeof s.Other === "number" ? s.Other : flagsOf(s.Other)],
        labelOf(s.Section).replace(/^(Undefined|Absolute|Common)$/, (reserved) => reserved.toLowerCase()),
      ].join(" "),
    ),
    relocations: relocationLines(text),
  };
}

function relocationLines(text: string): readonly string[] {
  let section = "";
  return text.split("\n").flatMap((line) => {
    section = /^ {2}Section \(\d+\) \.rel(\S*) /.exec(line)?.[1] ?? section;
    const [, offset, type, symbol] = /^ {4}(0x[0-9A-F]+) (\S+) (.*)$/.exec(line) ?? [];
    return offset ? [[section, Number(offset), type, symbol].join(" ")] : [];
  });
}
