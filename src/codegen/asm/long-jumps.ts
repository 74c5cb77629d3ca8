/**
 * Jumps that are too far for 16 bits, written with `gotol`, whose distance has 32 (RFC 9669, section 4.3; Linux 6.6):
 *
 *     goto far          ->  gotol far
 *     if r1 > 5 goto far  ->  if r1 <= 5 goto +1     the opposite condition skips
 *                             gotol far
 *     if r1 & 5 goto far  ->  if r1 & 5 goto +1      `jset` and `may_goto` have no opposite
 *                             goto +1
 *                             gotol far
 */
import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
} from "./constants.ts";
import type { Instruction } from "./instruction.ts";
import { ja, jaLong } from "./jump.ts";
import { JA, distanceField, operationOf, slots } from "./opcodes.ts";

const OPPOSITES: ReadonlyMap<number, number> = new Map(
  [
    [BPF_JEQ, BPF_JNE],
    [BPF_JGT, BPF_JLE],
    [BPF_JGE, BPF_JLT],
    [BPF_JSGT, BPF_JSLE],
    [BPF_JSGE, BPF_JSLT],
  ].flatMap(([a, b]): [number, number][] => [
    [a!, b!],
    [b!, a!],
  ]),
);

/** Whether a distance in slots fits the `off` of a jump. */
export function inReach(distance: number): boolean {
  return distance >= -0x8000 && distance <= 0x7fff;
}

export interface FarJumps {
  /** Indexes of the jumps that `off` cannot hold. */
  readonly far: ReadonlySet<number>;
  /** Slot in which each instruction, or its long form, starts. */
  readonly offsets: readonly number[];
}

/**
 * Finds the jumps that need a long form. Long forms take more slots and so put others out of reach, until none is left;
 * what was out of reach stays so, because distances only grow. So no other choice has fewer of them.
 *
 * @param destinations for each instruction the index of the one it leads to, if it leads anywhere
 */
export function farJumps(
  instructions: readonly Instruction[],
  destinations: readonly (number | undefined)[],
): FarJumps {
  const far = new Set<number>();
  for (;;) {
    const offsets: number[] = [];
    let slot = 0;
    for (const [index, instruction] of instructions.entries()) {
      offsets.push(slot);
      slot += far.has(index) ? longForm(instruction).length : slots(instruction);
    }
    const before = far.size;
    for (const [index, instruction] of instructions.entries()) {
      const to = destinations[index];
      if (to === undefined || distanceField(instruction) !== "off") continue;
      if (!inReach(offsets[to]! - offsets[index]! - 1)) far.add(index);
    }
    if (far.size === before) return { far, offsets };
  }
}

/** The long form of a jump; its `off` holds the distance from the slot after the jump's first, however far. */
export function longForm(jump: Instruction): Instruction[] {
  const distance = jump.off;
  if (jump.opcode === JA) return [{ ...jump, ...jaLong(distance) }];
  const operation = operationOf(jump.opcode);
  const opposite = OPPOSITES.get(operation);
  if (opposite === undefined) return [{ ...jump, off: 1 }, ja(1), jaLong(distance - 2)];
  return [{ ...jump, opcode: jump.opcode - operation + opposite, off: 1 }, jaLong(distance - 1)];
}
