/**
 * From labels to distances and back. Labels are how code is written, moved and joined; distances, in slots from the next
 * instruction, are what the kernel reads. A jump has its distance in `off`, a call, `gotol` and `ld_imm64` in `imm`.
 */
import { XdpgenError } from "../../errors.ts";
import { formatInstruction } from "./format.ts";
import { copyWithoutTarget, type Instruction } from "./instruction.ts";
import { farJumps, inReach, longForm } from "./long-jumps.ts";
import { distanceField, slots } from "./opcodes.ts";

export interface LayoutOptions {
  /**
   * Write a jump that is too far for 16 bits with a `gotol`, which the kernel knows since Linux 6.6 (RFC 9669, group
   * base32). Where a compare becomes two or three instructions, what follows moves: find it by its label, not by its
   * index or slot in `instructions`. Distances that are already there are counted anew. Default: such a jump is an error.
   */
  readonly longJumps?: boolean;
}

/** Slot in which each instruction starts; one more entry than instructions, the last is the length. */
export function slotOffsets(instructions: readonly Instruction[]): readonly number[] {
  const offsets = [0];
  let slot = 0;
  for (const instruction of instructions) offsets.push((slot += slots(instruction)));
  return offsets;
}

/**
 * Resolves every `target` to a distance. Labels stay where they are.
 * @throws XdpgenError `asm-invalid`: a label twice, a target without label, a jump farther than its field can say, and
 *   with `longJumps` a distance that leads out of the list or into an `ld_imm64`
 */
export function layout(instructions: readonly Instruction[], { longJumps = false }: LayoutOptions = {}): Instruction[] {
  const labels = labelIndexes(instructions);
  const destinations = instructions.map((instruction, index) => labelledIndex(instruction, index, labels));
  if (longJumps) return layoutLong(instructions, destinations);
  const offsets = slotOffsets(instructions);
  return instructions.map((instruction, index) => {
    const to = destinations[index];
    if (to === undefined) return instruction;
    const distance = offsets[to]! - offsets[index]! - 1;
    if (distanceField(instruction) === "off" && !inReach(distance)) {
      fail(
        index,
        instruction,
        `${instruction.target} is ${distance} slots away and the jump reaches -32768 to 32767: move the code nearer, ` +
          "or lay out with longJumps if the kernel is 6.6 or later",
      );
    }
    return resolved(instruction, distance);
  });
}

function layoutLong(instructions: readonly Instruction[], labelled: readonly (number | undefined)[]): Instruction[] {
  const counted = countedIndexes(instructions);
  const destinations = labelled.map((index, i) => index ?? counted[i]);
  const { far, offsets } = farJumps(instructions, destinations);
  return instructions.flatMap((instruction, index) => {
    const to = destinations[index];
    if (to === undefined) return instruction;
    const near = resolved(instruction, offsets[to]! - offsets[index]! - 1);
    return far.has(index) ? longForm(near) : near;
  });
}

function resolved(instruction: Instruction, distance: number): Instruction {
  const copy = copyWithoutTarget(instruction);
  copy[distanceField(instruction)!] = distance;
  return copy;
}

/**
 * The inverse: labels `PREFIX<slot>` where something jumps or calls, and targets in place of distances, so that code can
 * be cut and joined. Existing labels are kept. What has a `symbol` is left alone: its relocation says where it goes.
 * @throws XdpgenError `asm-invalid` when a distance leads out of the list or into an `ld_imm64`
 */
export function labelTargets(instructions: readonly Instruction[], prefix = "L"): Instruction[] {
  const offsets = slotOffsets(instructions);
  const targets = countedIndexes(instructions);
  const entered = new Set(targets);
  const label = (index: number): string => instructions[index]!.label ?? `${prefix}${offsets[index]}`;
  return instructions.map((instruction, index) => {
    const target = targets[index];
    const field = distanceField(instruction);
    const labelled = entered.has(index) ? { label: label(index), ...instruction } : instruction;
    return target === undefined ? labelled : { target: label(target), ...labelled, [field!]: 0 };
  });
}

/** The instruction that each one's distance leads to; undefined for what has none, or a target or symbol in its place. */
function countedIndexes(instructions: readonly Instruction[]): (number | undefined)[] {
  const offsets = slotOffsets(instructions);
  const indexes = new Map(offsets.slice(0, -1).map((slot, index) => [slot, index]));
  return instructions.map((instruction, index) => {
    const field = distanceField(instruction);
    if (field === undefined || instruction.symbol !== undefined || instruction.target !== undefined) return undefined;
    const slot = offsets[index]! + 1 + instruction[field];
    const to = indexes.get(slot);
    if (to === undefined) fail(index, instruction, `slot ${slot} of ${offsets.at(-1)} is not an instruction's start`);
    return to;
  });
}

/** The instruction that `target` leads to. */
function labelledIndex(
  instruction: Instruction,
  index: number,
  labels: ReadonlyMap<string, number>,
): number | undefined {
  if (instruction.target === undefined) return undefined;
  const to = labels.get(instruction.target);
  if (to === undefined) fail(index, instruction, `no instruction has label ${instruction.target}${known(labels)}`);
  if (distanceField(instruction) !== undefined) return to;
  return fail(index, instruction, "only jumps, local calls and function addresses have targets");
}

function labelIndexes(instructions: readonly Instruction[]): Map<string, number> {
  const labels = new Map<string, number>();
  for (let index = 0; index < instructions.length; index++) {
    const instruction = instructions[index]!;
    if (instruction.label === undefined) continue;
    const first = labels.get(instruction.label);
    if (first !== undefined) {
      const slot = slotOffsets(instructions)[first];
      fail(index, instruction, `label ${instruction.label} already stands at slot ${slot}; give one another name`);
    }
    labels.set(instruction.label, index);
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
