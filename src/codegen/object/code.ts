/**
 * A function of an object as instructions with symbolic references: what a relocation or a local call points at, by
 * meaning instead of by offset (Documentation/bpf/llvm_reloc.rst; libbpf reads objects the same way).
 */
import { XdpgenError } from "../../errors.ts";
import { BPF_CALL, BPF_JMP, BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL } from "../asm/constants.ts";
import { decode, type Instruction, slots } from "../asm/index.ts";
import { SHF_EXECINSTR } from "../elf/index.ts";
import type { ElfRelocation } from "../elf/object.ts";
import { onceEach } from "../once.ts";
import type { ObjectFunction, XdpObject } from "./open.ts";

export type Reference =
  | { readonly kind: "function"; readonly function: ObjectFunction }
  | {
      readonly kind: "map";
      /** As the relocation has it; empty where that speaks of the section, as it does of a static map. */
      readonly name: string;
      /** Bytes from the start of `.maps`. */ readonly offset: number;
    }
  | {
      readonly kind: "data";
      /** Index in `elf.sections`. */ readonly section: number;
      /** Bytes. */ readonly offset: number;
    }
  | { readonly kind: "extern"; readonly name: string };

export interface CodeInstruction {
  readonly instruction: Instruction;
  /** Bytes from the start of the function. */
  readonly offset: number;
  readonly reference?: Reference;
  /** A CO-RE record stands here: libbpf rewrites the immediate or the offset when it loads the object. */
  readonly relocatedAtLoad: boolean;
}

/** @throws XdpgenError `object-invalid` where a reference leads nowhere */
export const readCode = onceEach((object: XdpObject, f: ObjectFunction): readonly CodeInstruction[] => {
  const section = object.elf.sections[f.section]!;
  const relocations = new Map(section.relocations.map((r) => [r.offset, r]));
  const atLoad = new Set(object.ext.coreRelocations.get(section.name)?.map((r) => r.offset));
  let offset = 0;
  return decode(section.data.subarray(f.offset, f.offset + f.size)).map((instruction) => {
    const at = offset;
    offset += 8 * slots(instruction);
    const reference = readReference(object, f, instruction, f.offset + at, relocations.get(f.offset + at));
    const relocatedAtLoad = atLoad.has(f.offset + at);
    return { instruction, offset: at, relocatedAtLoad, ...(reference ? { reference } : {}) };
  });
});

function readReference(
  object: XdpObject,
  f: ObjectFunction,
  instruction: Instruction,
  at: number,
  relocation: ElfRelocation | undefined,
): Reference | undefined {
  const isCall = instruction.opcode === (BPF_JMP | BPF_CALL);
  const isLocalCall = isCall && instruction.src === BPF_PSEUDO_CALL;
  if (!relocation) {
    // A call within a section needs no relocation: its immediate counts slots from the next instruction.
    return isLocalCall ? functionAt(object, f, f.section, at + 8 * (instruction.imm + 1)) : undefined;
  }
  const symbol = object.elf.symbols[relocation.symbol];
  if (symbol?.section === "common") {
    throw new XdpgenError(
      "object-unsupported",
      `function ${f.name}, byte ${at}: refers to ${symbol.name}, a variable that no section holds (a common symbol); ` +
        "compile with -fno-common, or give it a value",
    );
  }
  if (!symbol || symbol.section === "absolute") fail(f, at, "refers to a symbol that is not there");
  if (symbol.section === "undefined") return { kind: "extern", name: symbol.name };
  if (isLocalCall) {
    // Of a function by its name the immediate says nothing: clang has -1 there, and gcc's assembler other numbers.
    const distance = symbol.type === "func" ? 0 : 8 * (instruction.imm + 1);
    return functionAt(object, f, symbol.section, symbol.value + distance);
  }
  if (isCall && instruction.src === BPF_PSEUDO_KFUNC_CALL) return { kind: "extern", name: symbol.name };
  const section = object.elf.sections[symbol.section]!;
  if ((section.flags & SHF_EXECINSTR) !== 0) {
    return functionAt(object, f, symbol.section, symbol.value + instruction.imm);
  }
  const offset = symbol.value + instruction.imm;
  if (section.name === ".maps") return { kind: "map", name: symbol.name, offset };
  return { kind: "data", section: symbol.section, offset };
}

/** The function that starts at a place. */
export function functionStartingAt(object: XdpObject, section: number, offset: number): ObjectFunction | undefined {
  return object.functions.find((f) => f.section === section && f.offset === offset);
}

function functionAt(object: XdpObject, caller: ObjectFunction, section: number, offset: number): Reference {
  const found = functionStartingAt(object, section, offset);
  if (!found)
    fail(caller, offset, `calls into section ${object.elf.sections[section]?.name}, where no function starts`);
  return { kind: "function", function: found };
}

function fail(f: ObjectFunction, at: number, what: string): never {
  throw new XdpgenError(
    "object-invalid",
    `function ${f.name}, byte ${at}: ${what}; the object is damaged, compile it again`,
  );
}
