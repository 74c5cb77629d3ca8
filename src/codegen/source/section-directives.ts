/** Directives that go from section to section. */
import type { Span } from "../../diagnostic.ts";
import { SHF_GROUP, SHF_MERGE } from "../elf/index.ts";
import { enterSection } from "./assembly.ts";
import { type Directive, MAX_NUMBER, didYouMean } from "./directive.ts";
import { Problem } from "./expression.ts";
import type { Operands } from "./operands.ts";
import { SECTION_FLAGS, SECTION_TYPES } from "./section-words.ts";

export const section =
  (name: string): Directive =>
  (assembly) =>
    enterSection(assembly, name);

export const sectionDirective: Directive = (assembly, operands) => {
  const name = operands.sectionName();
  if (!operands.accept(",")) return enterSection(assembly, name);
  const flagSpan = operands.span();
  const flags = readFlags(new TextDecoder().decode(operands.string("the section's flags")), flagSpan);
  const type = operands.accept(",") ? readSectionType(operands) : undefined;
  const merges = (flags & SHF_MERGE) !== 0;
  if (merges) operands.expect(",");
  const entrySize = merges ? operands.number("the entry size", 0n, MAX_NUMBER) : undefined;
  let unique: number | undefined;
  if (operands.accept(",")) {
    if (operands.name("`unique`") !== "unique") {
      throw new Problem("unsupported", "sections are not linked to others", { span: operands.span() });
    }
    operands.expect(",");
    unique = operands.number("the section's number", 0n, 0xffff_fffen);
  }
  enterSection(assembly, name, {
    flags,
    ...(type !== undefined && { type }),
    ...(entrySize !== undefined && { entrySize }),
    ...(unique !== undefined && { unique }),
  });
};

function readFlags(text: string, span: Span): number {
  if (/^(?:0x[\da-fA-F]+|\d+)$/.test(text) && BigInt(text) <= MAX_NUMBER) return Number(text);
  let flags = 0;
  for (const letter of text) {
    const flag = SECTION_FLAGS[letter];
    if (flag === undefined) {
      const known = Object.keys(SECTION_FLAGS).filter((other) => other !== "G");
      const hint = `there are ${known.join(" ")}`;
      throw new Problem("unknown-flag", `no section has a flag ${JSON.stringify(letter)}`, { span, hint });
    }
    if (flag === SHF_GROUP) {
      throw new Problem("unsupported", "groups of sections are not written: BPF objects are loaded one by one", {
        span,
        hint: "leave out G, the group's name and comdat",
      });
    }
    if (Math.floor(flags / flag) % 2 === 0) flags += flag;
  }
  return flags;
}

function readSectionType(operands: Operands): number {
  const span = operands.span();
  if (!operands.isString() && !operands.accept("@")) operands.expect("%");
  if (operands.isNumber()) return operands.number("the section's type", 0n, 0xffff_ffffn);
  const name = operands.name("the section's type");
  const type = SECTION_TYPES[name];
  if (type !== undefined) return type;
  throw new Problem("unknown-type", `no section has type ${name}`, {
    span,
    hint: didYouMean(name, Object.keys(SECTION_TYPES)),
  });
}

export const pushSection: Directive = (assembly, operands, span) => {
  assembly.stack.push(assembly.current);
  sectionDirective(assembly, operands, span);
};

export const previous: Directive = (assembly) => {
  if (!assembly.previous) throw new Problem("no-section", "there is no section before this one");
  Object.assign(assembly, { current: assembly.previous, previous: assembly.current });
};

export const popSection: Directive = (assembly) => {
  if (assembly.stack.length === 0) throw new Problem("no-section", "no .pushsection is left for this .popsection");
  Object.assign(assembly, { previous: assembly.current, current: assembly.stack.pop() });
};
