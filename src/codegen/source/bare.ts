/**
 * A text of instructions and labels alone, such as a person types to try something: it is taken for one program. What it
 * calls by label becomes functions of `.text`, where loaders look for them.
 */
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, CALL, LD_IMM64, type Statement } from "../asm/index.ts";
import { quote, word } from "./words.ts";

/** The one program that a text without directives is, and what the text does not say of it. */
export interface BareProgram {
  /** Name of the program's function. Default: the label before the first instruction, or `xdp_prog`. */
  readonly name?: string;
  /** Tells loaders the program's type: `xdp`. */
  readonly section: string;
  /** Default: no license section, which the kernel takes for a program that may not call GPL-only helpers. */
  readonly license?: string;
}

const DEFAULT_NAME = "xdp_prog";

/** Whether a text is instructions and labels alone, and holds any. */
export const isBare = (statements: readonly Statement[]): boolean =>
  statements.length > 0 && statements.every(({ kind }) => kind !== "directive");

/** The statements with the directives that a compiler would have written around them. */
export function asProgram(statements: readonly Statement[], program: BareProgram): Statement[] {
  const { section, license } = program;
  const first = statements[0]!;
  // Digits are a slot's number or a label that `1b` means, and no name.
  const entry = first.kind === "label" && !first.numeric ? first.name : undefined;
  const name = program.name ?? entry ?? DEFAULT_NAME;
  const start = { ...first.span, length: 1 };
  const directive = (verb: string, args = ""): Statement => ({ kind: "directive", name: verb, args, span: start });
  const begin = (symbol: string, binding: ".globl" | ".local"): Statement[] => [
    directive(binding, word(symbol)),
    directive(".p2align", "3"),
    directive(".type", `${word(symbol)},@function`),
  ];
  const end = (symbol: string): Statement => directive(".size", `${word(symbol)}, . - ${word(symbol)}`);
  const functions = called(statements);
  let open = name;
  const body = statements.flatMap((statement): Statement[] => {
    if (statement.kind !== "label" || !functions.has(statement.name)) return [statement];
    const ended = end(open);
    open = statement.name;
    return [ended, directive(".text"), ...begin(open, ".local"), statement];
  });
  return [
    directive(".section", `${word(section)},"ax",@progbits`),
    ...begin(name, ".globl"),
    ...(name === entry ? [] : [{ kind: "label", name, span: start } as const]),
    ...body,
    end(open),
    ...(license === undefined
      ? []
      : [
          directive(".section", 'license,"aw",@progbits'),
          directive(".asciz", quote(new TextEncoder().encode(license))),
        ]),
  ];
}

/** Labels that are entered by calls or have their address taken. */
function called(statements: readonly Statement[]): ReadonlySet<string> {
  const labels = new Set<string>();
  for (const statement of statements) {
    if (statement.kind !== "instruction") continue;
    const { opcode, src, target, symbol } = statement.instruction;
    const enters = (opcode === CALL && src === BPF_PSEUDO_CALL) || (opcode === LD_IMM64 && src === BPF_PSEUDO_FUNC);
    const name = symbol ?? (enters ? target : undefined);
    if (name !== undefined) labels.add(name);
  }
  return labels;
}
