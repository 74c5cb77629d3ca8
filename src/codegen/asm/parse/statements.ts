/**
 * Assembly text to statements: labels, instructions and directives, in order, with their places. In: text as people write
 * it, as `format` and llvm-objdump print it, or as the verifier and bpftool log it. Out: what could be read, and every
 * mistake. Names stay names here: `parse` resolves them in a list of instructions, an object's text by its symbols.
 *
 * What may stand in front of a statement at the start of a line, and how it is told from the statement:
 *
 *     12: (b7) r0 = 0                          a slot, which is also label 12 for `goto 12b`; an opcode, which is checked
 *     0:  b7 00 00 00 00 00 00 00  r0 = 0      the instruction's bytes, which are checked too
 *     0000000000000000 <name>:                 a label
 *     0000000000000008:  R_BPF_64_64  counts   the symbol of the instruction before
 *     ; return 0;                              a line of C: a comment
 *
 * `;` separates statements, as in LLVM's assembler, but for two places where every printer puts other things behind it: at
 * the start of a line, and behind an instruction with an opcode in front, where the verifier writes the state of the
 * registers, unless another opcode follows. The rest of the line is then a comment.
 */
import type { Diagnostic, Span } from "../../../diagnostic.ts";
import { XdpgenError } from "../../../errors.ts";
import { BPF_PSEUDO_CALL } from "../constants.ts";
import { decode } from "../decode.ts";
import type { Instruction } from "../instruction.ts";
import { CALL, LD_IMM64 } from "../opcodes.ts";
import { readInstruction } from "./instruction.ts";
import { agreeing, bytesAt, fields, isHexDigit, opcodeAt } from "./listing.ts";
import { MistakeList, Places, Refusal, lineEnd } from "./mistakes.ts";
import { annotates, readName } from "./operands.ts";
import { END, Scanner, code, isDigit, isWordPart, isWordStart } from "./scanner.ts";
import { takeAnnotation, takeArguments, takeComment } from "./trailing.ts";

export type Statement =
  /** A name; `numeric`: the digits of a label that `1b` and `1f` refer to. In quotes digits are a name. */
  | { readonly kind: "label"; readonly name: string; readonly numeric?: true; readonly span: Span }
  | {
      readonly kind: "instruction";
      /** Names unresolved: jumps have a `target`; a call or `ld_imm64` of a name has a `symbol`. */
      readonly instruction: Instruction;
      readonly span: Span;
      /** Where the target stands. */
      readonly targetSpan?: Span;
      /** The target or symbol is `1b` or `1f`, and means a numeric label. */
      readonly numbered?: true;
    }
  /** `.section`, and the rest of the statement without comments. */
  | { readonly kind: "directive"; readonly name: string; readonly args: string; readonly span: Span };

export interface Statements {
  readonly statements: readonly Statement[];
  /** In order of place; their codes are of `AsmMistakeCode`. A line is left after its tenth, the text after a thousand. */
  readonly diagnostics: readonly Diagnostic[];
}

/** How llvm-objdump begins a file and a section. */
const FILE_HEADING = ":\tfile format elf64-bpf";
const SECTION_HEADING = "Disassembly of section ";

/** Reads a text to its statements. Never throws for what the text holds; what cannot be read is left out. */
export function readStatements(text: string): Statements {
  const reader = new Reader(text);
  reader.readAll();
  return { statements: reader.statements, diagnostics: reader.mistakes.sorted() };
}

const LINE_FEED = code("\n");
const SEMICOLON = code(";");
const HASH = code("#");
const SLASH = code("/");
const QUOTE = code('"');
const COLON = code(":");
const OPEN = code("(");
const LESS = code("<");
const SPACE = code(" ");
const DOT = code(".");

class Reader {
  readonly statements: Statement[] = [];
  readonly mistakes = new MistakeList();
  private readonly text: string;
  private readonly places: Places;
  private readonly s: Scanner;
  /** The bytes of the instruction that this line begins with. */
  private bytes: Uint8Array | undefined;
  /** The opcode in front of the current statement, or -1. */
  private opcode = -1;
  /** Whether the last instruction could not be read: what belongs to it is then no mistake of its own. */
  private lost = false;

  constructor(text: string) {
    this.text = text;
    this.places = new Places(text);
    this.s = new Scanner(text);
  }

  readAll(): void {
    const { s, text } = this;
    let lineStarts = true;
    while (s.at < text.length) {
      this.bytes = undefined;
      this.opcode = -1;
      s.mark(s.at, s.at);
      try {
        if (!lineStarts || !this.startLine()) this.statement();
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.lost = true;
        const span = this.places.span(error.start, error.end);
        if (this.mistakes.add(span, error) === "line is full") this.skipLine();
        if (this.mistakes.full) return;
      }
      lineStarts = this.finish();
    }
  }

  /** Takes what may stand at the start of a line; true if that is all of the line. */
  private startLine(): boolean {
    const { s, text } = this;
    s.peek();
    const start = s.at;
    if (text.charCodeAt(start) === SEMICOLON || text.startsWith(SECTION_HEADING, start)) return this.skipLine();
    if (text.endsWith(FILE_HEADING, lineEnd(text, start))) return this.skipLine();
    // A label that llvm-objdump has made up; its jumps have distances too.
    if (text.charCodeAt(start) === LESS && text.endsWith(">:", lineEnd(text, start))) return this.skipLine();
    if (isDigit(text.charCodeAt(start))) {
      let end = start + 1;
      while (isHexDigit(text.charCodeAt(end))) end++;
      const digits = end - start;
      if (text.charCodeAt(end) === COLON) {
        s.mark(start, end + 1);
        if (s.peek() !== END && text.startsWith("R_BPF_", s.at)) return this.relocation();
        const number = text.slice(start, end);
        if (digits < 16 && /^\d+$/.test(number)) this.label(number, start, end, true);
      } else if (digits === 16 && text.startsWith(" <", end)) {
        return this.addressLabel(end + 2);
      }
    }
    s.peek();
    this.bytes = bytesAt(text, s.at);
    if (!this.bytes) return false;
    s.mark(s.at, s.at + this.bytes.length * 3 - 1);
    if (s.peek() !== END) return false;
    this.checkLastBytes(this.bytes);
    return true;
  }

  /** A label's name between `<` and `>:`, as llvm-objdump begins a function. */
  private addressLabel(start: number): boolean {
    const { s, text } = this;
    let end = lineEnd(text, start);
    while (end > start && text.charCodeAt(end - 1) <= SPACE) end--;
    if (!text.endsWith(">:", end) || end - 2 <= start) {
      throw new Refusal("syntax", "an address is followed by `<NAME>:`", { start: start - 1, end });
    }
    this.label(text.slice(start, end - 2), start, end - 2);
    s.at = end;
    return true;
  }

  /** `R_BPF_64_64 counts`: llvm-objdump -r says what the instruction before refers to. */
  private relocation(): boolean {
    const { s, text } = this;
    const type = s.word();
    const { start } = s;
    s.peek();
    const end = lineEnd(text, s.at);
    const symbol = text.slice(s.at, end).trim();
    s.at = end;
    const last = this.statements.at(-1);
    const instruction = last?.kind === "instruction" ? last.instruction : undefined;
    const expected =
      instruction?.opcode === LD_IMM64 ? "R_BPF_64_64" : instruction?.opcode === CALL ? "R_BPF_64_32" : "";
    if (this.lost) return true;
    if (last?.kind !== "instruction" || type !== expected || symbol === "") {
      throw new Refusal("syntax", "there is nothing before that this relocation belongs to", { start, end });
    }
    const src = last.instruction.opcode === CALL ? BPF_PSEUDO_CALL : last.instruction.src;
    this.statements[this.statements.length - 1] = { ...last, instruction: { ...last.instruction, src, symbol } };
    return true;
  }

  private label(name: string, start: number, end: number, numeric = false): void {
    this.statements.push({
      kind: "label",
      name,
      ...(numeric && { numeric: true as const }),
      span: this.places.span(start, end),
    });
  }

  private statement(): void {
    const { s, text } = this;
    while (this.takesLabel());
    const first = s.peek();
    if (first === END) return;
    const start = s.at;
    if (first === DOT && isWordPart(text.charCodeAt(start + 1))) return this.directive();
    this.opcode = first === OPEN ? this.takeOpcode() : -1;
    if (this.bytes && s.peek() === LESS && text.startsWith("<unknown>", s.at)) return this.unknown(start, this.bytes);
    s.tookNumbered();
    let instruction = readInstruction(s, this.opcode);
    const numbered = s.tookNumbered();
    this.lost = false;
    const targetSpan = instruction.target === undefined ? undefined : this.places.span(s.start, s.end);
    if (this.opcode >= 0 && instruction.opcode !== this.opcode) {
      const message = `this is opcode ${hex(instruction.opcode)}, not ${hex(this.opcode)}`;
      throw new Refusal(
        "opcode-mismatch",
        message,
        { start, end: start + 4 },
        "leave the opcode out, or write what it means",
      );
    }
    if (this.bytes) instruction = agreeing(instruction, this.bytes, { start, end: s.end });
    const { end } = s;
    if (s.peek() !== END && annotates(s)) takeAnnotation(s);
    if (s.peek() !== END) s.fail("the instruction is complete: the line or `;` should end here");
    const comment = takeComment(s);
    this.statements.push({
      kind: "instruction",
      instruction: comment === "" ? instruction : { ...instruction, comment },
      span: this.places.span(start, end),
      ...(targetSpan && { targetSpan }),
      ...(numbered && { numbered: true as const }),
    });
  }

  /** `name:` or `"a name":` */
  private takesLabel(): boolean {
    const { s, text } = this;
    const first = s.peek();
    const start = s.at;
    let end = start;
    if (first === QUOTE) end = s.endOfQuote(start);
    else if (isWordStart(first)) while (isWordPart(text.charCodeAt(end))) end++;
    let colon = end;
    while (text.charCodeAt(colon) === SPACE) colon++;
    if (end <= start || text.charCodeAt(colon) !== COLON) return false;
    const label = readName(s)!;
    s.at = colon + 1;
    this.label(label, start, end);
    return true;
  }

  private directive(): void {
    const { s } = this;
    const word = s.word();
    const { start } = s;
    const args = takeArguments(s);
    const end = args === "" ? start + word.length : s.at;
    this.statements.push({ kind: "directive", name: word, args, span: this.places.span(start, end) });
  }

  /** `(b7)` */
  private takeOpcode(): number {
    const { s, text } = this;
    const { at } = s;
    const value = opcodeAt(text, at);
    if (value < 0) s.fail("an instruction is expected here", "syntax", "or an opcode in front of it, such as `(b7)`");
    s.mark(at, at + 4);
    return value;
  }

  /** An instruction that this llvm-objdump does not know: its bytes say what it is. */
  private unknown(start: number, bytes: Uint8Array): void {
    const { s } = this;
    s.mark(s.at, s.at + "<unknown>".length);
    try {
      const [instruction] = decode(bytes);
      this.statements.push({ kind: "instruction", instruction: instruction!, span: this.places.span(start, s.end) });
    } catch (error) {
      if (!(error instanceof XdpgenError)) throw error;
      throw new Refusal("unknown-instruction", "these bytes are no instruction", s);
    }
  }

  /** Goes to the next statement; true if it begins a line. */
  private finish(): boolean {
    const { s, text } = this;
    while (s.at < text.length) {
      const character = text.charCodeAt(s.at);
      if (character === LINE_FEED) {
        s.at++;
        return true;
      }
      if (character === SEMICOLON) {
        s.at++;
        if (this.opcode < 0) return false;
        while (text.charCodeAt(s.at) === SPACE) s.at++;
        if (opcodeAt(text, s.at) >= 0) return false;
        this.skipLine();
      } else if (character === HASH || (character === SLASH && text.charCodeAt(s.at + 1) === SLASH)) this.skipLine();
      else if (character === QUOTE) s.at = Math.max(s.at + 1, s.endOfQuote(s.at));
      else s.at++;
    }
    return true;
  }

  private skipLine(): true {
    this.s.at = lineEnd(this.text, this.s.at);
    return true;
  }

  /** Bytes on a line of their own are those of the instruction before, or the second half of them. */
  private checkLastBytes(bytes: Uint8Array): void {
    if (this.lost) return;
    const { start, end } = this.s;
    const last = this.statements.at(-1);
    if (last?.kind !== "instruction") throw new Refusal("syntax", "these bytes follow no instruction", { start, end });
    const { instruction } = last;
    if (bytes.length === 8 && instruction.opcode === LD_IMM64 && bytes[0] === 0) {
      if (fields(bytes).imm === instruction.immHigh) return;
      throw new Refusal("opcode-mismatch", "these bytes are not the second half of the instruction before", {
        start,
        end,
      });
    }
    this.statements[this.statements.length - 1] = {
      ...last,
      instruction: agreeing(instruction, bytes, { start, end }),
    };
  }
}

const hex = (opcode: number): string => `(${opcode.toString(16).padStart(2, "0")})`;
