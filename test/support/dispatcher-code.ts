/** The main function of a dispatcher as it stands in the finished object, its calls named by their relocations. */
import { decode, type Instruction, slots } from "../../src/codegen/asm/index.ts";
import { readElf } from "../../src/codegen/elf/index.ts";

export function dispatcherCode(object: Uint8Array): readonly Instruction[] {
  const elf = readElf(object);
  const section = elf.sections.find((s) => s.name === "xdp" || s.name === "xdp.frags")!;
  const symbols = new Map(section.relocations.map((r) => [r.offset, elf.symbols[r.symbol]!.name]));
  let offset = 0;
  return decode(section.data).map((instruction) => {
    const symbol = symbols.get(offset);
    offset += 8 * slots(instruction);
    return symbol === undefined ? instruction : { ...instruction, symbol };
  });
}
