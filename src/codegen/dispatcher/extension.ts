/**
 * What an `freplace` program needs before any dispatcher exists: a prototype to be loaded against, and an object that
 * has the BTF which the kernel asks of an extension.
 */
import { callSymbol, exit } from "../asm/index.ts";
import { encodeBtf } from "../btf/index.ts";
import { SHT_PROGBITS, writeElf } from "../elf/index.ts";
import type { ElfSection } from "../elf/object.ts";
import { link } from "../link/link.ts";
import type { ResolvedObject } from "../object/program.ts";
import { INT } from "./function.ts";
import type { Slot } from "./image.ts";
import { stubFunction } from "./stub.ts";
import { dispatcherUnit } from "./unit.ts";

export interface Prototype {
  readonly elf: Uint8Array;
  /** The main function. */
  readonly main: string;
  readonly slot: Slot;
}

/** A dispatcher with one stub that has the signature of `program`. It is loaded, never attached. */
export function prototypeImage(program: ResolvedObject): Prototype {
  const main = "xdpgen_prototype";
  const symbol = "slot";
  const call = {
    symbol: main,
    returns: INT,
    instructions: [callSymbol(symbol), exit()],
    lines: [{ index: 0, text: `prototype of ${program.name}` }],
  };
  const unit = dispatcherUnit([call, stubFunction(program, symbol)], "prototype");
  const { elf, types } = link({ units: [unit], section: "xdp", license: "Apache-2.0" });
  const slot = {
    program: program.name,
    linkage: "freplace",
    symbol,
    btfId: types.get(symbol)!,
    maps: new Map(),
    filled: new Set<string>(),
  } as const;
  return { elf, main, slot };
}

/** The object to load as an extension: the program's own, with BTF added where it was compiled without. */
export function extensionObject(program: ResolvedObject): Uint8Array {
  const { elf, btf, ext, hasBtf } = program.object;
  if (hasBtf) return program.bytes;
  const encoded = encodeBtf({ btf, ext });
  const section = (name: string, data: Uint8Array): ElfSection => ({
    name,
    type: SHT_PROGBITS,
    flags: 0,
    data,
    size: data.length,
    align: 4,
    entrySize: 0,
    relocations: [],
  });
  return writeElf({
    symbols: elf.symbols,
    sections: [
      ...elf.sections.filter((s) => s.name !== ".BTF"),
      section(".BTF", encoded.btf),
      section(".BTF.ext", encoded.ext!),
    ],
  });
}
