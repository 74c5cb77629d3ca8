/**
 * Assembly text to a list of instructions, the inverse of `format`. In: instructions and labels of one piece of code, in
 * LLVM's dialect, the kernel's or both mixed; `statements.ts` says what else may stand around them. Out: instruction values
 * with labels and comments on them, ready for `layout`, or every mistake at once. Sections, data and symbols are the text
 * of a whole object, which is not read here.
 */
import { type Diagnostic, Mistakes, type Span } from "../../diagnostic.ts";
import { XdpgenError } from "../../errors.ts";
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC } from "./constants.ts";
import type { Instruction } from "./instruction.ts";
import { CALL, LD_IMM64 } from "./opcodes.ts";
import { MistakeList, shown } from "./parse/mistakes.ts";
import { suggestion } from "./parse/scanner.ts";
import { type Statement, readStatements } from "./parse/statements.ts";

export interface ParseOptions {
  /** The text's name in messages. Default: `<text>`. */
  readonly file?: string;
}

/** So many undefined names are compared with so many labels, and no more: the work must not grow with their product. */
const MOST_COMPARED = 100;

/**
 * The instructions of a text. Jumps keep their labels as `target`; so do a call and an `ld_imm64` whose name is a label of
 * the text. Another name is a `symbol`. Of several labels before one instruction the first stays, and jumps to the others
 * go to it. A comment behind an instruction becomes its `comment`.
 * @throws XdpgenError `asm-invalid`; the message shows every mistake with its place, the cause is `Mistakes`
 */
export function parse(text: string, { file = "<text>" }: ParseOptions = {}): Instruction[] {
  const { statements, diagnostics } = readStatements(text);
  if (diagnostics.some(({ code }) => code === "too-many")) refuse(diagnostics, text, file);
  const mistakes = new MistakeList();
  const labels = placeLabels(statements, mistakes);
  const instructions: Instruction[] = [];
  for (const statement of statements) {
    if (statement.kind === "instruction") {
      const label = labels.kept(instructions.length);
      const named = labels.aim(statement, instructions.length, mistakes);
      instructions.push(label === undefined ? named : { ...named, label });
    } else if (statement.kind === "directive") {
      const message = `${shown(statement.name)} is a directive, and here is a list of instructions`;
      mistakes.add(statement.span, {
        code: "directive",
        message,
        hint: "parseObject reads the text of a whole object",
      });
    }
  }
  if (diagnostics.length === 0 && mistakes.found.length === 0) return resolveNames(instructions);
  const all = [...diagnostics, ...mistakes.found].toSorted((a, b) => a.line - b.line || a.column - b.column);
  return refuse(all, text, file);
}

function refuse(diagnostics: readonly Diagnostic[], text: string, file: string): never {
  const cause = new Mistakes(diagnostics, text, file);
  throw new XdpgenError("asm-invalid", cause.message, { cause });
}

/**
 * Calls and addresses of names that are labels of the same list: `symbol` becomes `target`, as `callLocal` and `ldFunction`
 * have it. A symbol with an addend, and one that is no label, is left for the loader.
 */
export function resolveNames(instructions: readonly Instruction[]): Instruction[] {
  const labels = new Set(instructions.map(({ label }) => label));
  return instructions.map((instruction) => {
    const { symbol, ...rest } = instruction;
    if (symbol === undefined || !labels.has(symbol)) return instruction;
    const { opcode, src, imm, immHigh } = rest;
    if (opcode === CALL && src === BPF_PSEUDO_CALL && imm === -1) return { ...rest, imm: 0, target: symbol };
    const address = src === BPF_PSEUDO_FUNC || (src === 0 && immHigh === 0);
    return opcode === LD_IMM64 && address && imm === 0
      ? { ...rest, src: BPF_PSEUDO_FUNC, target: symbol }
      : instruction;
  });
}

interface Label {
  /** Of the instruction that follows. */
  readonly index: number;
  readonly span: Span;
}

/** Where the labels of a text are. */
class Labels {
  readonly named = new Map<string, Label>();
  /** The indexes at which each numeric label stands, in order. */
  readonly numbered = new Map<string, number[]>();
  private readonly names = new Map<number, string>();
  private comparisons = 0;

  keep(name: string, label: Label): void {
    this.named.set(name, label);
    if (!this.names.has(label.index)) this.names.set(label.index, name);
  }

  /** The one label of an instruction. */
  kept(index: number): string | undefined {
    return this.names.get(index);
  }

  /** Names every instruction that `1b` or `1f` leads to and that has no name. */
  nameReferred(statements: readonly Statement[]): void {
    let index = 0;
    for (const statement of statements) {
      if (statement.kind !== "instruction") continue;
      const { target, symbol } = statement.instruction;
      const to = statement.numbered ? this.referred((target ?? symbol)!, index) : undefined;
      index++;
      if (to === undefined || this.names.has(to)) continue;
      let name = `.L${(target ?? symbol)!.slice(0, -1)}_${to}`;
      while (this.named.has(name)) name += "_";
      this.names.set(to, name);
    }
  }

  /** The index that `1b` or `1f` means at another index. */
  private referred(reference: string, from: number): number | undefined {
    const places = this.numbered.get(reference.slice(0, -1));
    if (!places) return undefined;
    // The first place behind `from`; a label before the jump itself is behind it no more.
    let low = 0;
    for (let high = places.length; low < high;) {
      const middle = (low + high) >> 1;
      if (places[middle]! <= from) low = middle + 1;
      else high = middle;
    }
    return reference.endsWith("f") ? places[low] : places[low - 1];
  }

  /** The instruction with the kept names of what it refers to. */
  aim(
    { instruction, span, targetSpan = span, numbered }: Extract<Statement, { kind: "instruction" }>,
    index: number,
    mistakes: MistakeList,
  ): Instruction {
    const { target, symbol } = instruction;
    const reference = target ?? symbol;
    if (reference === undefined) return instruction;
    const to = numbered ? this.referred(reference, index) : this.named.get(reference)?.index;
    const known = to === undefined ? undefined : this.names.get(to);
    if (known !== undefined)
      return { ...instruction, ...(target === undefined ? { symbol: known } : { target: known }) };
    if (target !== undefined || numbered) {
      mistakes.add(targetSpan, {
        code: "undefined-label",
        message: `there is no label ${shown(reference)}`,
        hint: this.near(reference),
      });
    }
    return instruction;
  }

  private near(name: string): string | undefined {
    if (this.named.size === 0) return "there are no labels";
    if (this.named.size > MOST_COMPARED * 10 || this.comparisons++ >= MOST_COMPARED) return undefined;
    return suggestion(name, this.named.keys());
  }
}

function placeLabels(statements: readonly Statement[], mistakes: MistakeList): Labels {
  const labels = new Labels();
  let index = 0;
  for (const statement of statements) {
    if (statement.kind === "instruction") index++;
    if (statement.kind !== "label") continue;
    const { name, numeric, span } = statement;
    if (numeric) {
      const places = labels.numbered.get(name);
      if (places) places.push(index);
      else labels.numbered.set(name, [index]);
      continue;
    }
    const first = labels.named.get(name);
    if (!first) labels.keep(name, { index, span });
    else {
      const hint = "give one of them another name";
      const related = { ...first.span, message: "it is first defined here" };
      mistakes.add(span, { code: "duplicate-label", message: `label ${shown(name)} is defined twice`, hint }, related);
    }
  }
  for (const [name, { index: at, span }] of labels.named) {
    if (at < index) continue;
    const message = `no instruction follows label ${shown(name)}`;
    mistakes.add(span, { code: "label-at-end", message, hint: "a label names the instruction behind it" });
  }
  labels.nameReferred(statements);
  return labels;
}
