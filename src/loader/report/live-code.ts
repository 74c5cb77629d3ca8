/**
 * Names for the code of a loaded program. In: its instructions as the kernel gives them, and where functions start. Out: the
 * same with labels and comments, and with local calls and function addresses that lead where they say.
 *
 * Source: jit_subprogs and bpf_patch_call_args (kernel/bpf/verifier.c, core.c), which leave other numbers in them;
 * bpf_insn_prepare_dump (kernel/bpf/syscall.c), which puts ids in place of the addresses of maps.
 */
import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  CALL,
  type Instruction,
  LD_IMM64,
  slotOffsets,
} from "../../codegen/asm/index.ts";
import type { Btf } from "../../codegen/btf/index.ts";
import type { Kernel, ProgramCode } from "../machine/kernel.ts";
import { calledFunctions } from "./kallsyms.ts";

/** The name of each function by its first slot. */
export type Functions = ReadonlyMap<number, string>;

/**
 * @param program the program's own name, for its main function where there is no BTF
 */
export function nameFunctions(
  raw: readonly Instruction[],
  { functions }: ProgramCode,
  program: string,
  btf: Btf | undefined,
): Functions {
  const names = new Map<number, string>();
  const taken = new Set<string>();
  const add = (slot: number, name: string): void => {
    // Static functions of different files may have the same name, and a label may not.
    const unique = taken.has(name) ? `${name}.${slot}` : name;
    taken.add(unique);
    names.set(slot, unique);
  };
  for (const { slot, type } of functions) {
    const func = btf?.types[type - 1];
    add(slot, func?.kind === "func" ? func.name : `func.${slot}`);
  }
  if (names.size > 0) return names;
  // Without BTF the calls alone tell where functions start.
  const offsets = slotOffsets(raw);
  const entered = raw.flatMap((i, index) => (isLocal(i) ? [offsets[index]! + 1 + distance(i)] : []));
  add(0, program === "" ? "func.0" : program);
  for (const slot of [...new Set(entered)].filter((s) => s !== 0).toSorted((a, b) => a - b)) add(slot, `func.${slot}`);
  return names;
}

const isLocalCall = (i: Instruction): boolean => i.opcode === CALL && i.src === BPF_PSEUDO_CALL;
const isFunctionAddress = (i: Instruction): boolean => i.opcode === LD_IMM64 && i.src === BPF_PSEUDO_FUNC;
const isLocal = (i: Instruction): boolean => isLocalCall(i) || isFunctionAddress(i);

/**
 * In slots from the next one. In a call `off` has its low 16 bits, and `imm` the function's number, or, in a program that is
 * interpreted, an address (jit_subprogs and bpf_patch_call_args in the kernel).
 */
const distance = (i: Instruction): number => (isLocalCall(i) ? i.off : i.imm);

/** Puts labels and comments on, and turns local calls and function addresses back into what a program says before it is loaded. */
export function nameCode(kernel: Kernel, raw: readonly Instruction[], functions: Functions): Instruction[] {
  const offsets = slotOffsets(raw);
  const starts = [...functions.keys()];
  const called = calledFunctions(raw.flatMap((i) => (isKernelCall(i) ? [i.imm] : [])));
  const maps = mapNames(kernel, raw);
  return raw.map((instruction, index): Instruction => {
    const slot = offsets[index]!;
    const label = functions.get(slot);
    const labelled = label === undefined ? instruction : { ...instruction, label };
    if (isKernelCall(instruction)) return commented(labelled, called.get(instruction.imm));
    if (isLocal(instruction)) {
      const start = callee(instruction, slot, starts);
      const plain = { ...labelled, off: 0, imm: start - slot - 1 };
      return commented(isFunctionAddress(instruction) ? { ...plain, immHigh: 0 } : plain, functions.get(start));
    }
    return commented(labelled, isMapLoad(instruction) ? mapComment(instruction, maps) : undefined);
  });
}

function commented(instruction: Instruction, comment: string | undefined): Instruction {
  return comment === undefined ? instruction : { ...instruction, comment };
}

/** The first slot of the function that is called: in a very long program only its number, `imm`, tells which. */
function callee(i: Instruction, slot: number, starts: readonly number[]): number {
  const near = slot + 1 + distance(i);
  const numbered = isLocalCall(i) ? starts[i.imm] : undefined;
  return numbered !== undefined && ((numbered - near) & 0xffff) === 0 ? numbered : near;
}

/** A helper's or kfunc's address. A tail call has its helper's number, which needs no name. */
function isKernelCall(i: Instruction): boolean {
  return i.opcode === CALL && i.src !== BPF_PSEUDO_CALL;
}

function isMapLoad(i: Instruction): boolean {
  return i.opcode === LD_IMM64 && (i.src === BPF_PSEUDO_MAP_FD || i.src === BPF_PSEUDO_MAP_VALUE);
}

function mapNames(kernel: Kernel, raw: readonly Instruction[]): ReadonlyMap<number, string> {
  const ids = new Set(raw.flatMap((i) => (isMapLoad(i) ? [i.imm] : [])));
  return new Map(
    [...ids].map((id) => {
      using map = kernel.mapById(id);
      return [id, kernel.mapInfo(map.number).name];
    }),
  );
}

function mapComment(i: Instruction, maps: ReadonlyMap<number, string>): string {
  const map = `map ${maps.get(i.imm) ?? ""}`.trimEnd();
  return i.src === BPF_PSEUDO_MAP_FD ? `${map}, id ${i.imm}` : `byte ${i.immHigh} of ${map}, id ${i.imm}`;
}
