/**
 * An object as text that assembles to it again: the same bytes of every section, the same symbols, the same relocations.
 * Code is instructions with labels where jumps and functions are, everything else data directives.
 */
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, CALL, type Instruction, LD_IMM64, formatInstruction } from "../asm/index.ts";
import { distanceField } from "../asm/opcodes.ts";
import {
  type ElfObject,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  R_BPF_64_32,
  R_BPF_64_64,
  SHT_NOBITS,
} from "../elf/index.ts";
import { formatBytes } from "./data.ts";
import { type Piece, byOffset, piecesOf } from "./pieces.ts";
import { References, append, formatReference } from "./references.ts";
import { formatSection, relocationName } from "./section-words.ts";
import { isTemporary, quote, word } from "./words.ts";

export interface FormatObjectOptions {
  /** Of the instructions. LLVM's assembler reads its own only, `parseObject` both. Default: `llvm`. */
  readonly dialect?: "llvm" | "kernel";
  /** Start each instruction with its slot in the section. Default: no. */
  readonly slots?: boolean;
  /** Comments to put before the instruction at a byte offset of a section, such as its source line. */
  readonly notes?: (section: number, offset: number) => readonly string[];
  /** Only the section with this index. Default: the whole object. */
  readonly section?: number;
}

/**
 * The assembly text of an object, from which `parseObject` makes it again: sections with their bytes, symbols,
 * relocations. The order of symbols may differ, symbols of sections that no relocation uses are left out, and where two
 * symbols have one name the second is called `NAME.2`.
 */
export function formatObject(object: ElfObject, options: FormatObjectOptions = {}): string {
  const symbols = new Map<number, NumberedSymbol[]>();
  for (const entry of object.symbols.entries()) {
    const { section } = entry[1];
    if (typeof section === "number") append(symbols, section, entry);
  }
  const pieces = object.sections.map((section, index) =>
    piecesOf(
      section,
      (symbols.get(index) ?? []).map(([, { value }]) => value),
    ),
  );
  const starts = pieces.map((list, index) => new Set([...list.map((p) => p.offset), object.sections[index]!.size, 0]));
  const references = new References(object, starts);
  const write = (): string => new ObjectWriter({ object, symbols, pieces, references, options }).write();
  // The first time says which places need labels, the second has their names.
  write();
  references.number();
  return write();
}

/** A symbol behind its index. */
type NumberedSymbol = readonly [number, ElfSymbol];

interface Subject {
  readonly object: ElfObject;
  /** By the index of their section. */
  readonly symbols: ReadonlyMap<number, readonly NumberedSymbol[]>;
  readonly pieces: readonly (readonly Piece[])[];
  readonly references: References;
  readonly options: FormatObjectOptions;
}

class ObjectWriter {
  private readonly object: ElfObject;
  private readonly symbols: Subject["symbols"];
  private readonly pieces: Subject["pieces"];
  private readonly references: References;
  private readonly options: FormatObjectOptions;
  private readonly lines: string[] = [];
  /** How many sections of each name there were so far. */
  private readonly namesakes = new Map<string, number>();

  constructor({ object, symbols, pieces, references, options }: Subject) {
    this.object = object;
    this.symbols = symbols;
    this.pieces = pieces;
    this.references = references;
    this.options = options;
  }

  write(): string {
    const { sections, symbols } = this.object;
    const only = this.options.section;
    if (only !== undefined) this.section(only);
    else {
      for (const { type, name } of symbols) {
        if (type === "file") this.line(`.file ${quote(new TextEncoder().encode(name))}`);
      }
      for (const index of sections.keys()) this.section(index);
      this.paragraph();
      for (const [index, symbol] of symbols.entries())
        if (typeof symbol.section !== "number") this.elsewhere(index, symbol);
      if (this.lines.at(-1) === "") this.lines.pop();
    }
    return `${this.lines.join("\n")}\n`;
  }

  private line(text: string): void {
    this.lines.push(`    ${text}`);
  }

  private paragraph(): void {
    if (this.lines.length > 0) this.lines.push("");
  }

  private section(index: number): void {
    const section = this.object.sections[index]!;
    const { name, align, size } = section;
    const namesakes = this.namesakes.get(name) ?? 0;
    this.namesakes.set(name, namesakes + 1);
    this.paragraph();
    this.line(formatSection(section, namesakes));
    if (align > (name === ".text" ? 4 : 1)) this.line(`.p2align ${Math.log2(align)}`);
    const labels = new Map<number, NumberedSymbol[]>();
    const others: NumberedSymbol[] = [];
    for (const entry of this.symbols.get(index) ?? []) {
      const [number, { value }] = entry;
      if (this.references.nameOf(number) === undefined) continue;
      if (this.references.isStart(index, value)) append(labels, value, entry);
      else others.push(entry);
    }
    const left = new Set(section.relocations);
    const relocations = byOffset(section.relocations);
    for (const piece of this.pieces[index]!) {
      const { offset } = piece;
      const relocation = relocations.get(offset);
      this.labels(index, offset, labels.get(offset) ?? []);
      if (piece.kind === "instruction") {
        if (relocation && this.instruction(index, piece, relocation)) left.delete(relocation);
        if (!relocation) this.instruction(index, piece);
      } else if (piece.kind === "bytes") this.bytes(section, piece, labels.has(offset));
      else if (this.address(index, section, piece)) left.delete(piece.relocation);
    }
    for (const relocation of left) this.spell(relocation);
    this.labels(index, size, size === 0 && this.pieces[index]!.length > 0 ? [] : (labels.get(size) ?? []));
    for (const [number, symbol] of others) {
      // Not where a label can stand: within an instruction, or beyond the end.
      this.attributes(number, symbol);
      const place = { name: this.references.label(index, 0), constant: BigInt(symbol.value) };
      this.line(`.set ${word(this.references.nameOf(number)!)}, ${formatReference(place)}`);
    }
  }

  private labels(section: number, offset: number, symbols: readonly NumberedSymbol[]): void {
    if (symbols.some(([, { type }]) => type === "func") && this.lines.at(-1)?.startsWith("    .") === false) {
      this.paragraph();
    }
    for (const [number, symbol] of symbols) this.attributes(number, symbol);
    for (const [number] of symbols) this.lines.push(`${word(this.references.nameOf(number)!)}:`);
    const temporary = this.references.temporaryAt(section, offset);
    if (temporary !== undefined) this.lines.push(`${temporary}:`);
  }

  /** What is to say of a symbol beside its place. */
  private attributes(number: number, { binding, visibility, type, size, section }: ElfSymbol): void {
    const name = word(this.references.nameOf(number)!);
    // A temporary name that another object defines needs no word, and may have none.
    const said = binding !== "local" && !(section === "undefined" && isTemporary(this.references.nameOf(number)!));
    if (said) this.line(`.${binding === "weak" ? "weak" : "globl"} ${name}`);
    if (visibility !== "default") this.line(`.${visibility} ${name}`);
    if (type === "func" || type === "object") this.line(`.type ${name},@${type === "func" ? "function" : type}`);
    if (size !== 0 && section !== "common") this.line(`.size ${name}, ${size}`);
  }

  /** @returns whether its text makes the relocation */
  private instruction(
    index: number,
    { offset, instruction }: Piece & { kind: "instruction" },
    relocation?: ElfRelocation,
  ): boolean {
    for (const note of this.options.notes?.(index, offset) ?? [])
      this.line(`// ${note.replaceAll(/\s*[\r\n]\s*/g, " ")}`);
    const shown = relocation
      ? this.relocated(index, instruction, relocation)
      : this.targeted(index, offset, instruction);
    const text = formatInstruction(shown ?? instruction, this.options.dialect);
    this.lines.push(`${this.options.slots ? `${String(offset / 8).padStart(8)}:  ` : "    "}${text}`);
    return shown !== undefined;
  }

  /** With a label in place of a distance. */
  private targeted(index: number, offset: number, instruction: Instruction): Instruction {
    const field = distanceField(instruction);
    if (field === undefined) return instruction;
    const to = offset + 8 + instruction[field] * 8;
    if (!this.references.isStart(index, to)) return instruction;
    return { ...instruction, [field]: 0, target: this.references.label(index, to) };
  }

  /** With a symbol in place of an address, where its name alone would give this relocation. */
  private relocated(index: number, i: Instruction, relocation: ElfRelocation): Instruction | undefined {
    if (relocation.type === R_BPF_64_64 && i.opcode === LD_IMM64 && (i.src !== 0 || i.immHigh === 0)) {
      // An offset in a section counts from its start; what is added to a symbol has a sign.
      const inSection = this.object.symbols[relocation.symbol]!.type === "section";
      const addend = BigInt(inSection ? i.imm >>> 0 : i.imm);
      const resolves = i.src === BPF_PSEUDO_FUNC;
      const reference = this.references.toRelocation(index, relocation, addend, resolves);
      if (!reference || reference.constant > 0x7fff_ffffn || (resolves && reference.constant !== 0n)) return undefined;
      return { ...i, symbol: reference.name, imm: Number(reference.constant) };
    }
    if (relocation.type === R_BPF_64_32 && i.opcode === CALL && i.src === BPF_PSEUDO_CALL) {
      const reference = this.references.toRelocation(index, relocation, BigInt(i.imm + 1) * 8n, true);
      return reference?.constant === 0n ? { ...i, symbol: reference.name, imm: -1 } : undefined;
    }
    return undefined;
  }

  /** @returns whether its text makes the relocation */
  private address(index: number, section: ElfSection, piece: Piece & { kind: "address" }): boolean {
    const { offset, size, relocation } = piece;
    const addend = littleEndian(section.data.subarray(offset, offset + size));
    const reference = this.references.toRelocation(index, relocation, addend, false);
    this.line(`${size === 8 ? ".quad" : ".long"} ${reference ? formatReference(reference) : addend}`);
    return reference !== undefined;
  }

  private bytes({ type, data, align }: ElfSection, { offset, size }: Piece, isVariable: boolean): void {
    if (type === SHT_NOBITS) return void (size > 0 && this.line(`.zero ${size}`));
    const words = align >= 4 && offset % 4 === 0 && !isVariable;
    for (const line of formatBytes(data.subarray(offset, offset + size), words)) this.line(line);
  }

  /** A relocation that no name would give. */
  private spell(relocation: ElfRelocation): void {
    const symbol = this.references.spelled(relocation);
    this.line(`.reloc ${relocation.offset}, ${relocationName(relocation.type)}, ${symbol}`);
  }

  /** A symbol that has no place in a section. */
  private elsewhere(number: number, symbol: ElfSymbol): void {
    const { section, value, size, type } = symbol;
    if (type === "file" || this.references.nameOf(number) === undefined) return;
    // Nobody could define it: no text says so, and the name alone is enough where a relocation needs it.
    if (section === "undefined" && symbol.binding === "local") return;
    const name = word(this.references.nameOf(number)!);
    this.attributes(number, symbol);
    if (section === "common") this.line(`.comm ${name}, ${size}, ${value}`);
    if (section === "absolute") this.line(`.set ${name}, ${value}`);
  }
}

/** A number in two's complement. */
function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}
