/**
 * From labels to distances and back. Labels are how code is written, moved and joined; distances, in slots from the next
 * instruction, are what the kernel reads. A jump has its distance in `off`, a call, `gotol` and `ld_imm64` in `imm`.
 */
import { XdpgenError } from "../../errors.ts";
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC } from "./constants.ts";
import { formatInstruction } from "./format.ts";
import type { Instruction } from "./instruction.ts";
import { CALL, EXIT, JA_LONG, LD_IMM64, isJump, slots } from "./opcodes.ts";

/** Slot in which each instruction starts; one more entry than instructions, the last is the length. */
export function slotOffsets(instructions: readonly Instruction[]): readonly number[] {
  const offsets = [0];
  for (const instruction of instructions) offsets.push(offsets.at(-1)! + slots(instruction));
  return offsets;
}

/**
 * Resolves every `target` to a distance. Labels stay where they are.
 * @throws XdpgenError `asm-invalid`: a label twice, a target without label, a jump farther than its field can say
 */
export function layout(instructions: readonly Instruction[]): Instruction[] {
  const offsets = slotOffsets(instructions);
  const labels = labelOffsets(instructions, offsets);
  return instructions.map((instruction, index) => {
    if (instruction.target === undefined) return instruction;
    const { target, ...rest } = instruction;
    const to = labels.get(target);
    if (to === undefined) fail(index, instruction, `no instruction has label ${target}${known(labels)}`);
    const field = distanceField(instruction);
    if (field === undefined) fail(index, instruction, "only jumps, local calls and function addresses have targets");
    const distance = to - offsets[index]! - 1;
    if (field === "off" && (distance < -0x8000 || distance > 0x7fff)) {
      fail(index, instruction, `${target} is ${distance} slots away and the jump reaches -32768 to 32767`);
    }
    return { ...rest, [field]: distance };
  });
}

/**
 * The inverse: labels `PREFIX<slot>` where something jumps or calls, and targets in place of distances, so that code can
 * be cut and joined. Existing labels are kept. What has a `symbol` is left alone: its relocation says where it goes.
 * @throws XdpgenError `asm-invalid` when a distance leads out of the list or into an `ld_imm64`
 */
export function labelTargets(instructions: readonly Instruction[], prefix = "L"): Instruction[] {
  const offsets = slotOffsets(instructions);
  const indexes = new Map(offsets.slice(0, -1).map((slot, index) => [slot, index]));
  const targets = instructions.map((instruction, index) => {
    const field = distanceField(instruction);
    if (field === undefined || instruction.symbol !== undefined || instruction.target !== undefined) return undefined;
    const slot = offsets[index]! + 1 + instruction[field];
    const target = indexes.get(slot);
    if (target === undefined)
      fail(index, instruction, `slot ${slot} of ${offsets.at(-1)} is not an instruction's start`);
    return target;
  });
  const entered = new Set(targets);
  const label = (index: number): string => instructions[index]!.label ?? `${prefix}${offsets[index]}`;
  return instructions.map((instruction, index) => {
    const target = targets[index];
    const field = distanceField(instruction);
    const labelled = entered.has(index) ? { ...instruction, label: label(index) } : instruction;
    return target === undefined ? labelled : { ...labelled, [field!]: 0, target: label(target) };
  });
}

/** The field in which a distance is kept, if the instruction has one. */
function distanceField({ opcode, src }: Instruction): "off" | "imm" | undefined {
  if (opcode === LD_IMM64) return src === BPF_PSEUDO_FUNC ? "imm" : undefined;
  if (opcode === CALL) return src === BPF_PSEUDO_CALL ? "imm" : undefined;
  if (!isJump(opcode) || opcode === EXIT) return undefined;
  return opcode === JA_LONG ? "imm" : "off";
}

function labelOffsets(instructions: readonly Instruction[], offsets: readonly number[]): Map<string, number> {
  const labels = new Map<string, number>();
  for (const [index, instruction] of instructions.entries()) {
    if (instruction.label === undefined) continue;
    const first = labels.get(instruction.label);
    if (first !== undefined) {
      fail(index, instruction, `label ${instruction.label} already stands at slot ${first}; give one another name`);
    }
    labels.set(instruction.label, offsets[index]!);
  }
  return labels;
}

function known(labels: ReadonlyMap<string, number>): string {
  const names = [...labels.keys()];
  if (names.length === 0) return "; there are no labels";
  return `; there are ${names.slice(0, 8).join(", ")}${names.length > 8 ? ` and ${names.length - 8} more` : ""}`;
}

function fail(index: number, instruction: Instruction, problem: string): never {
  throw new XdpgenError(
    "asm-invalid",
    `cannot lay out instruction ${index}, \`${formatInstruction(instruction)}\`: ${problem}`,
  );
}
