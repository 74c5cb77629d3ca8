/**
 * The assembly text of a whole object to the object: the statements come from asm/, directives and labels are obeyed in
 * order, then everything gets its place, then its bytes. Mistakes of all stages are gathered, so that one run shows all.
 */
import { type Diagnostic, Mistakes, type Span, linesOf } from "../../diagnostic.ts";
import { XdpgenError } from "../../errors.ts";
import { type Instruction, type Statement, readStatements } from "../asm/index.ts";
import type { ElfObject } from "../elf/index.ts";
import { type Assembly, Redefinition, add, define, here, mention, newAssembly, symbolOf } from "./assembly.ts";
import { type BareProgram, asProgram, isBare } from "./bare.ts";
import { obey } from "./directives.ts";
import { emit } from "./emit.ts";
import { Problem } from "./expression.ts";
import { Operands } from "./operands.ts";
import { placeAll } from "./place.ts";
import { localName } from "./words.ts";

export interface ParseObjectOptions {
  /** The text's name in messages. */
  readonly file?: string;
  /** Write jumps that are too far for 16 bits with `gotol`, which the kernel knows since Linux 6.6. Default: no. */
  readonly longJumps?: boolean;
  /**
   * The code will stand alone, without an object around it: addresses of its own functions are distances, as its calls are.
   * Default: no, they are relocations, as with LLVM's assembler.
   */
  readonly alone?: boolean;
  /** What a text without directives is: one program. Default: code of `.text`, as for LLVM's assembler. */
  readonly program?: BareProgram;
}

/**
 * Assembles the text of an object, in the syntax of GNU's and LLVM's assemblers (docs/assembly.md).
 * @throws XdpgenError `asm-invalid`; the message shows every mistake with its place, the cause is `Mistakes`
 */
export function parseObject(text: string, options: ParseObjectOptions = {}): ElfObject {
  const { file = "<text>", longJumps = false, alone = false, program } = options;
  const read = readStatements(text);
  const found: Diagnostic[] = [...read.diagnostics];
  const statements = program && isBare(read.statements) ? asProgram(read.statements, program) : read.statements;
  const assembly = newAssembly();
  const lines = linesOf(text);
  for (const statement of statements) {
    try {
      obeyStatement(assembly, statement, lines);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      found.push(toDiagnostic(error, statement.span, lines));
    }
  }
  const readable = found.every(({ severity }) => severity === "warning");
  const report = (problem: Problem, span: Span): void => {
    // Distances mean nothing in a text that could not be read whole; names do.
    if (readable || problem.code === "undefined-label") found.push(toDiagnostic(problem, span, lines));
  };
  const object = emit(assembly, placeAll(assembly, longJumps, report), { alone, report });
  if (found.every(({ severity }) => severity === "warning")) return object;
  const cause = new Mistakes(
    found.toSorted((a, b) => a.line - b.line || a.column - b.column),
    text,
    file,
  );
  throw new XdpgenError("asm-invalid", cause.message, { cause });
}

function obeyStatement(assembly: Assembly, statement: Statement, lines: readonly string[]): void {
  const { span } = statement;
  switch (statement.kind) {
    case "label":
      return label(assembly, statement);
    case "instruction":
      return addInstruction(assembly, statement);
    case "directive": {
      const { name, args } = statement;
      const surroundings = {
        here: () => here(assembly),
        constant: (symbol: string) => {
          mention(assembly, symbol);
          const value = assembly.symbols.get(symbol)?.value;
          return value?.kind === "number" ? value.value : undefined;
        },
        local: (reference: string) => localReference(assembly, reference),
      };
      const start = operandsAt(lines[span.line - 1] ?? "", name, args, span);
      return obey(assembly, name, new Operands(args, start, { ...span, length: name.length }, surroundings), span);
    }
  }
}

/** Where a directive's operands begin; in a line that text was put into, where the directive does. */
function operandsAt(line: string, name: string, args: string, span: Span): Span {
  const found = line.indexOf(args, span.column - 1 + name.length);
  return found < 0 ? span : { ...span, column: found + 1 };
}

function label(assembly: Assembly, { name, numeric, span }: Extract<Statement, { kind: "label" }>): void {
  let kept = name;
  if (numeric) {
    const count = (assembly.locals.get(name) ?? 0) + 1;
    assembly.locals.set(name, count);
    kept = localName(name, count);
  }
  define(symbolOf(assembly, kept, span), span, { place: here(assembly) });
}

/** `1b` is the last label 1 before, `1f` the first one behind. */
function localReference(assembly: Assembly, reference: string): string {
  const number = reference.slice(0, -1);
  const before = assembly.locals.get(number) ?? 0;
  return localName(number, reference.endsWith("b") ? before : before + 1);
}

type InstructionStatement = Extract<Statement, { kind: "instruction" }>;

function addInstruction(assembly: Assembly, statement: InstructionStatement): void {
  const { span, targetSpan = span } = statement;
  add(assembly, { kind: "instruction", instruction: named(assembly, statement), span, targetSpan });
}

function named(assembly: Assembly, { instruction, numbered }: InstructionStatement): Instruction {
  const { target, symbol } = instruction;
  if (numbered && target !== undefined) return { ...instruction, target: localReference(assembly, target) };
  if (numbered && symbol !== undefined) return { ...instruction, symbol: localReference(assembly, symbol) };
  if (symbol !== undefined) mention(assembly, symbol);
  return instruction;
}

function toDiagnostic(problem: Problem, around: Span, lines: readonly string[]): Diagnostic {
  const { code, message, hint } = problem;
  const first = problem instanceof Redefinition ? problem.first : undefined;
  const { line, column: from, length: wanted } = problem.span ?? around;
  // A comment of several lines within a statement makes places behind it uncertain: never beyond the line.
  const width = Math.max(1, lines[line - 1]?.length ?? 1);
  const column = Math.min(from, width);
  const length = Math.max(1, Math.min(wanted, width - column + 1));
  return {
    code,
    severity: "error",
    message,
    line,
    column,
    length,
    ...(hint !== undefined && { hint }),
    ...(first && { related: { ...first, message: "it is first defined here" } }),
  };
}
