/** Directives that say something of a symbol, and those that make symbols or relocations without a label. */
import type { Span } from "../../diagnostic.ts";
import { SHF_MERGE, SHF_STRINGS } from "../elf/index.ts";
import {
  type Assembly,
  type SectionAttributes,
  type Symbol,
  add,
  currentSection,
  define,
  enterSection,
  here,
  requireHeld,
  symbolOf,
} from "./assembly.ts";
import { type Directive, MAX_ALIGN, MAX_RESERVED, didYouMean, requirePowerOfTwo } from "./directive.ts";
import { Problem } from "./expression.ts";
import type { Operands } from "./operands.ts";
import { RELOCATION_TYPES } from "./section-words.ts";
import { isTemporary } from "./words.ts";

/** `st_type` by the names that `.type` takes after `@`, `%` or in quotes. */
const SYMBOL_TYPES: Readonly<Record<string, Symbol["type"]>> = {
  function: "func",
  object: "object",
  notype: "notype",
  STT_FUNC: "func",
  STT_OBJECT: "object",
  STT_NOTYPE: "notype",
};

const attribute =
  (set: (symbol: Symbol, span: Span) => void): Directive =>
  (assembly, operands) => {
    operands.list(() => {
      const span = operands.span();
      set(symbolOf(assembly, operands.name("a symbol's name"), span), span);
    });
  };

export const binding = (wanted: NonNullable<Symbol["binding"]>): Directive =>
  attribute((symbol, span) => {
    const { name, binding: before } = symbol;
    if (isTemporary(name)) {
      const hint = "a name that begins with .L is of this text alone: give the symbol another one";
      throw new Problem("temporary-symbol", `${name} cannot be ${wanted}`, { span, hint });
    }
    // `.weak` may follow `.globl`, as compilers write for functions that others may replace.
    if (before !== undefined && before !== wanted && !(before === "global" && wanted === "weak")) {
      throw new Problem("binding-changed", `${name} is already ${before}`, { span });
    }
    symbol.binding = wanted;
  });

export const visibility = (wanted: NonNullable<Symbol["visibility"]>): Directive =>
  attribute((symbol) => void (symbol.visibility = wanted));

export const type: Directive = (assembly, operands) => {
  const span = operands.span();
  const symbol = symbolOf(assembly, operands.name("a symbol's name"), span);
  operands.accept(",");
  const typeSpan = operands.span();
  if (!operands.accept("@") && !operands.accept("%")) operands.accept("#");
  const name = operands.name("a type");
  const found = SYMBOL_TYPES[name];
  if (found === undefined) {
    const hint = didYouMean(name, Object.keys(SYMBOL_TYPES)) ?? "there are @function, @object and @notype";
    throw new Problem("unknown-type", `no symbol of BPF has type ${name}`, { span: typeSpan, hint });
  }
  symbol.type = found;
};

export const size: Directive = (assembly, operands, span) => {
  const nameSpan = operands.span();
  const name = operands.name("a symbol's name");
  operands.expect(",");
  symbolOf(assembly, name, nameSpan).size = { value: operands.expression(), span };
};

export const set: Directive = (assembly, operands) => {
  const span = operands.span();
  const symbol = symbolOf(assembly, operands.name("a symbol's name"), span);
  operands.expect(",");
  const value = operands.expression();
  // A number may be given anew: uses before it had the number before.
  if (symbol.value?.kind === "number" && value.kind === "number") symbol.value = value;
  else define(symbol, span, { value });
};

export const common =
  (local: boolean): Directive =>
  (assembly, operands) => {
    const span = operands.span();
    const symbol = symbolOf(assembly, operands.name("a symbol's name"), span);
    operands.expect(",");
    const bytes = operands.number("the size", 0n, MAX_RESERVED);
    const align = operands.accept(",") ? operands.number("the alignment", 1n, MAX_ALIGN) : 1;
    requirePowerOfTwo(align, span);
    symbol.type = "object";
    symbol.size = { value: { kind: "number", value: BigInt(bytes) }, span };
    if (!local && symbol.binding !== "local") {
      symbol.binding ??= "global";
      return define(symbol, span, { common: { size: bytes, align } });
    }
    symbol.binding = "local";
    inSection(assembly, ".bss", () => {
      const bss = currentSection(assembly);
      bss.align = Math.max(bss.align, align);
      add(assembly, { kind: "align", align, max: align, fill: 0, span });
      define(symbol, span, { place: here(assembly) });
      const count = { kind: "number", value: BigInt(bytes) } as const;
      add(assembly, { kind: "fill", count, pattern: Uint8Array.of(0), span });
    });
  };

function inSection(assembly: Assembly, name: string, body: () => void, attributes?: SectionAttributes): void {
  const { current, previous } = assembly;
  enterSection(assembly, name, attributes);
  body();
  Object.assign(assembly, { current, previous });
}

/** `.file "name"` is a symbol; `.file 1 "folder" "name"` numbers a file for `.loc`. */
export const file: Directive = (assembly, operands) => {
  if (!operands.isString()) return operands.skip();
  const name = new TextDecoder().decode(operands.string("a file's name"));
  requireHeld(name);
  assembly.files.push(name);
};

export const ident: Directive = (assembly, operands, span) => {
  const bytes = operands.string("the compiler's name");
  const known = assembly.sectionsByName.has(".comment");
  const merged = { flags: SHF_MERGE | SHF_STRINGS, entrySize: 1 };
  const addName = (): void =>
    add(assembly, { kind: "data", bytes: Uint8Array.from([...(known ? [] : [0]), ...bytes, 0]), span });
  inSection(assembly, ".comment", addName, merged);
};

/**
 * `.reloc OFFSET, R_BPF_64_64, SYMBOL`, the offset counted from the section's start. The name of a section, or a temporary
 * label in one, stands for the section's symbol; in quotes a temporary label stands for itself.
 */
export const reloc: Directive = (assembly, operands, span) => {
  const offset = operands.expression();
  operands.expect(",");
  const found = readRelocationType(operands);
  operands.expect(",");
  const itself = operands.isString();
  const symbol = operands.name("a symbol's name");
  assembly.relocations.push({ section: currentSection(assembly), offset, type: found, symbol, itself, span });
};

function readRelocationType(operands: Operands): number {
  if (operands.isNumber()) return operands.number("a relocation's type", 0n, 0xffff_ffffn);
  const span = operands.span();
  const name = operands.name("a relocation's name");
  const number = RELOCATION_TYPES[name];
  if (number !== undefined) return number;
  throw new Problem("unknown-type", `BPF has no relocation ${name}`, {
    span,
    hint: didYouMean(name, Object.keys(RELOCATION_TYPES)),
  });
}
