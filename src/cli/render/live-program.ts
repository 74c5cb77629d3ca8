/** A program that is in the kernel, as text or JSON. */
import { format, slotOffsets } from "../../codegen/asm/index.ts";
import type { LiveProgram } from "../../loader/index.ts";
import { jsonInstruction, type TextOptions } from "./code.ts";
import { formatLine, isKnown, type SourceLine } from "./source-lines.ts";

export function renderLive(program: LiveProgram, { dialect, slots, source }: TextOptions): string {
  const { id, name, type, tag, instructions } = program;
  const head = `// program ${id}: ${type} ${name}, tag ${tag}; for reading: maps by id, not fd, and calls by address\n`;
  const text = format(instructions, { dialect, slots });
  if (!source) return head + text;
  // One line per instruction, behind one for its label if it has one.
  const printed = text.split("\n");
  const lines = linesBySlot(program);
  const starts = slotOffsets(instructions);
  let at = 0;
  const shown = instructions.map(({ label }, index) => {
    const line = lines.get(starts[index]!);
    const own = printed.slice(at, (at += label === undefined ? 1 : 2));
    if (line) own.splice(-1, 0, `    // ${formatLine(line)}`);
    return `${own.join("\n")}\n`;
  });
  return head + shown.join("");
}

/** Name, type and tag, with an entry for each instruction. */
export function jsonLive(program: LiveProgram, { dialect, source }: TextOptions): object {
  const { id, name, type, tag, instructions } = program;
  const lines = source ? linesBySlot(program) : new Map<number, SourceLine>();
  const starts = slotOffsets(instructions);
  return {
    id,
    name,
    type,
    tag,
    instructions: instructions.map((instruction, index) => {
      const slot = starts[index]!;
      const line = lines.get(slot);
      // Names stand where the kernel has addresses, so the bytes of these fields would not be the program's.
      const { bytes: _, ...fields } = jsonInstruction(instruction, slot, dialect) as { readonly bytes?: string };
      return { ...fields, ...(line && { source: line }) };
    }),
  };
}

function linesBySlot({ lines }: LiveProgram): ReadonlyMap<number, SourceLine> {
  return new Map(
    lines.filter(isKnown).map(({ slot, file, line, column, text }) => [slot, { file, line, column, text }]),
  );
}
