/**
 * What each directive does to an assembly. The set is what compilers write for BPF and what people write by hand; the
 * meaning is LLVM's (llvm/lib/MC/MCParser/AsmParser.cpp and ELFAsmParser.cpp), so that one file means the same to both.
 */
import type { Span } from "../../diagnostic.ts";
import type { Assembly } from "./assembly.ts";
import { aligned, fill, leb128, strings, values, zeros } from "./data-directives.ts";
import { type Directive, didYouMean } from "./directive.ts";
import { Problem } from "./expression.ts";
import type { Operands } from "./operands.ts";
import { popSection, previous, pushSection, section, sectionDirective } from "./section-directives.ts";
import { binding, common, file, ident, reloc, set, size, type, visibility } from "./symbol-directives.ts";

/** What the loader does not read: DWARF's line table and call frames, and hints to linkers. */
const ignored: Directive = (_, operands) => operands.skip();

const DIRECTIVES: ReadonlyMap<string, Directive> = new Map([
  [".text", section(".text")],
  [".data", section(".data")],
  [".bss", section(".bss")],
  [".rodata", section(".rodata")],
  [".section", sectionDirective],
  [".pushsection", pushSection],
  [".popsection", popSection],
  [".previous", previous],
  [".globl", binding("global")],
  [".global", binding("global")],
  [".weak", binding("weak")],
  [".local", binding("local")],
  [".hidden", visibility("hidden")],
  [".internal", visibility("internal")],
  [".protected", visibility("protected")],
  [".type", type],
  [".size", size],
  [".set", set],
  [".equ", set],
  [".comm", common(false)],
  [".lcomm", common(true)],
  [".p2align", aligned(true)],
  [".balign", aligned(false)],
  [".align", aligned(false)],
  [".byte", values(1)],
  [".short", values(2)],
  [".value", values(2)],
  [".2byte", values(2)],
  [".long", values(4)],
  [".int", values(4)],
  [".4byte", values(4)],
  [".quad", values(8)],
  [".8byte", values(8)],
  [".uleb128", leb128(false)],
  [".sleb128", leb128(true)],
  [".ascii", strings([])],
  [".asciz", strings([0])],
  [".string", strings([0])],
  [".zero", zeros],
  [".space", zeros],
  [".skip", zeros],
  [".fill", fill],
  [".file", file],
  [".ident", ident],
  [".reloc", reloc],
  ...[".addrsig", ".addrsig_sym", ".loc", ".cfi_sections", ".cfi_startproc", ".cfi_endproc"].map(
    (name): [string, Directive] => [name, ignored],
  ),
]);

/** @throws Problem for a directive that is not known, or one that is wrong */
export function obey(assembly: Assembly, name: string, operands: Operands, span: Span): void {
  const directive = DIRECTIVES.get(name) ?? (name.startsWith(".cfi_") ? ignored : undefined);
  if (!directive) {
    throw new Problem("unknown-directive", `there is no directive ${name}`, {
      hint: didYouMean(name, DIRECTIVES.keys()),
      span: { ...span, length: Math.min(span.length, name.length) },
    });
  }
  directive(assembly, operands, span);
  operands.end();
}
