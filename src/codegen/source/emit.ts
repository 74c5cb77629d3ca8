/**
 * From fragments with places to the bytes of sections, and with the symbols to an object. `resolve.ts` decides what becomes
 * of names.
 */
import type { Span } from "../../diagnostic.ts";
import { XdpgenError } from "../../errors.ts";
import { type Instruction, encode } from "../asm/index.ts";
import {
  type ElfObject,
  type ElfRelocation,
  type ElfSection,
  RELOCATION_SIZES,
  R_BPF_64_ABS64,
  SHF_COMPRESSED,
  SHF_EXECINSTR,
  SHT_NOBITS,
} from "../elf/index.ts";
import type { Assembly, Fragment, Section, SpelledRelocation } from "./assembly.ts";
import { type Lookup, Problem, absolute, checkWidth, evaluate } from "./expression.ts";
import { leb128 } from "./leb128.ts";
import type { Placed } from "./place.ts";
import { Resolver, typeIn32Bits } from "./resolve.ts";
import { SymbolTable } from "./symbols.ts";
import { called, isTemporary } from "./words.ts";

type Report = (problem: Problem, span: Span) => void;

/** What LLVM pads code with (writeNopData in BPFAsmBackend.cpp). The kernel takes it for no instruction. */
const PADDING = Uint8Array.of(0, 0, 0, 0x15, 0, 0, 0, 0);

/** How to write, and what hears of every fragment that cannot be, with its place in the text. */
interface EmitOptions {
  /** Addresses of functions are distances where they can be. */
  readonly alone: boolean;
  readonly report: Report;
}

export function emit(assembly: Assembly, placed: Placed, { alone, report }: EmitOptions): ElfObject {
  const table = new SymbolTable(assembly, placed.lookup, report);
  const sections = assembly.sections.map((section) =>
    new SectionWriter(section, new Resolver(section, placed, table, alone), placed.lookup, report).write(),
  );
  for (const relocation of assembly.relocations) {
    const section = sections[relocation.section.index]!;
    attempt(report, relocation.span, () => section.relocations.push(spelled(relocation, placed, table)));
  }
  return { sections: sections.map(inOrder), symbols: table.symbols() };
}

type WrittenSection = ElfSection & { readonly relocations: ElfRelocation[] };

/** What `.reloc` asks for; the symbol of a section is named by the section, or by a temporary label in it. */
function spelled(
  { section, offset, type, symbol, itself, span }: SpelledRelocation,
  placed: Placed,
  table: SymbolTable,
): ElfRelocation {
  const { base, constant } = evaluate(offset, placed.lookup);
  if (base && base.at?.section !== section)
    throw new Problem("wrong-section", `${called(base.name)} is in another section`);
  const at = Number(constant) + (base?.at?.offset ?? 0);
  const end = at + (RELOCATION_SIZES.get(type) ?? 1);
  const size = section.offsets.at(-1)!;
  if (at < 0 || (end > size && (section.flags & SHF_COMPRESSED) === 0)) {
    throw new Problem("out-of-range", `bytes ${at} to ${end} are not in section ${section.name}, which has ${size}`);
  }
  const named = placed.lookup(symbol, span).base;
  const ofSection = named?.at !== undefined && (named.kind === "section" || (isTemporary(symbol) && !itself));
  return { offset: at, type, symbol: ofSection ? table.section(named.at.section) : table.symbol(symbol) };
}

const inOrder = (section: ElfSection): ElfSection => ({
  ...section,
  relocations: section.relocations.toSorted((a, b) => a.offset - b.offset),
});

function attempt(report: Report, span: Span, body: () => void): void {
  try {
    body();
  } catch (error) {
    if (error instanceof Problem) report(error, span);
    else throw error;
  }
}

class SectionWriter {
  private readonly section: Section;
  private readonly resolver: Resolver;
  private readonly lookup: Lookup;
  private readonly report: Report;
  private readonly bytes: Uint8Array;
  /** Instructions that follow each other are encoded together. */
  private run: { start: number; instructions: Instruction[]; spans: Span[] } | undefined;

  constructor(section: Section, resolver: Resolver, lookup: Lookup, report: Report) {
    this.section = section;
    this.resolver = resolver;
    this.lookup = lookup;
    this.report = report;
    this.bytes = new Uint8Array(section.type === SHT_NOBITS ? 0 : section.offsets.at(-1)!);
  }

  write(): WrittenSection {
    const { name, type, flags, entrySize, align, fragments, offsets } = this.section;
    for (const [index, fragment] of fragments.entries()) {
      const offset = offsets[index]!;
      if (type === SHT_NOBITS) this.checkEmpty(fragment);
      else if (fragment.kind === "instruction") this.instruction(fragment, offset);
      else this.data(fragment, offset, offsets[index + 1]! - offset);
    }
    this.flush();
    const { bytes: data } = this;
    const { relocations } = this.resolver;
    return { name, type, flags, entrySize, align, data, size: offsets.at(-1)!, relocations };
  }

  private instruction(fragment: Fragment & { kind: "instruction" }, offset: number): void {
    const { span } = fragment;
    attempt(this.report, span, () => {
      const resolved = this.resolver.instruction(fragment, offset);
      this.run ??= { start: offset, instructions: [], spans: [] };
      for (const instruction of resolved) {
        this.run.instructions.push(instruction);
        this.run.spans.push(span);
      }
    });
  }

  private data(fragment: Exclude<Fragment, { kind: "instruction" }>, offset: number, size: number): void {
    this.flush();
    const { bytes } = this;
    if (fragment.kind === "data") return bytes.set(fragment.bytes, offset);
    attempt(this.report, fragment.span, () => {
      switch (fragment.kind) {
        case "value":
          return this.value(fragment, offset);
        case "leb128":
          return bytes.set(leb128(absolute(evaluate(fragment.value, this.lookup)), fragment.signed, size), offset);
        case "fill":
          return this.fill(fragment.pattern, offset, size);
        case "align":
          return this.pad(fragment.fill, offset, size, fragment.align);
      }
    });
  }

  private fill(pattern: Uint8Array, offset: number, size: number): void {
    if (pattern.length === 1) return void this.bytes.fill(pattern[0]!, offset, offset + size);
    for (let at = 0; at < size; at += pattern.length) this.bytes.set(pattern, offset + at);
  }

  private value({ width, value, span }: Fragment & { kind: "value" }, offset: number): void {
    const found = evaluate(value, this.lookup);
    let number = found.constant;
    if (found.base) {
      if (width < 4) {
        throw new Problem("unsupported", `${width} bytes cannot hold the address of ${called(found.base.name)}`, {
          hint: "relocations of BPF have 4 or 8 bytes",
        });
      }
      const { base, constant } = found;
      const type = width === 8 ? R_BPF_64_ABS64 : typeIn32Bits(base);
      number = this.resolver.relocate(type, offset, { base, constant }, span);
    } else checkWidth(number, width, span);
    for (let byte = 0; byte < width; byte++) this.bytes[offset + byte] = Number((number >> BigInt(byte * 8)) & 0xffn);
  }

  private pad(fill: number | undefined, offset: number, size: number, align: number): void {
    // A fill of zero that is written down is meant; LLVM 14 took it for none, 23 does not.
    const code = (this.section.flags & SHF_EXECINSTR) !== 0 && fill === undefined;
    if (!code) return void this.bytes.fill(fill ?? 0, offset, offset + size);
    if (size % 8 !== 0) {
      throw new Problem("out-of-range", `aligning to ${align} would put ${size} bytes between instructions`, {
        hint: "fill code up to whole slots of 8 bytes first",
      });
    }
    for (let at = 0; at < size; at += 8) this.bytes.set(PADDING, offset + at);
  }

  private checkEmpty(fragment: Fragment): void {
    if (fragment.kind === "align" && !fragment.fill) return;
    if (fragment.kind === "fill" && fragment.pattern.every((byte) => byte === 0)) return;
    if (fragment.kind === "value" && fragment.value.kind === "number" && fragment.value.value === 0n) return;
    if (fragment.kind === "data" && fragment.bytes.every((byte) => byte === 0)) return;
    const problem = new Problem("unsupported", `section ${this.section.name} has no bytes of its own, only zeros`, {
      hint: "reserve memory with .zero",
    });
    this.report(problem, fragment.span);
  }

  private flush(): void {
    const { run } = this;
    this.run = undefined;
    if (!run) return;
    try {
      this.bytes.set(encode(run.instructions), run.start);
    } catch (error) {
      if (!(error instanceof XdpgenError)) throw error;
      // One of them is wrong: find which, since only its place helps.
      for (const [index, instruction] of run.instructions.entries()) {
        attempt(this.report, run.spans[index]!, () => requireSound(instruction));
      }
    }
  }
}

function requireSound(instruction: Instruction): void {
  try {
    encode([instruction]);
  } catch (error) {
    if (error instanceof XdpgenError) throw new Problem("out-of-range", error.message);
    throw error;
  }
}
