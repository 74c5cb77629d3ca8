/**
 * What the dispatcher must know across programs, and where it keeps that: in registers, which every call leaves alone; or on
 * the stack, below the frame of every program whose code lies in the dispatcher.
 *
 *     r6 = r1                          *(u64 *)(r10 - 72) = r1      the context, kept
 *     r1 = r6                          r1 = *(u64 *)(r10 - 72)      and given to the next program
 *     w7 = w0                          *(u32 *)(r10 - 80) = w0      a verdict, kept
 *     r9 = r0                          *(u64 *)(r10 - 88) = r0      the address of this CPU's counters, for a chain that counts
 *
 * The verifier takes either: it follows pointers through registers and through stack slots of eight bytes.
 */
import {
  type Instruction,
  ldxDw,
  ldxW,
  mov32Imm,
  mov32Reg,
  mov64Reg,
  R0,
  R1,
  R10,
  R3,
  R6,
  R7,
  R9,
  type Register,
  stW,
  stxDw,
  stxW,
} from "../asm/index.ts";
import { HELD_BYTES } from "../object/linkage.ts";
import type { SlotCode } from "./reach.ts";

export interface Held {
  /** R1 is the context. */
  readonly keepContext: Instruction;
  /** To R1. */
  readonly giveContext: Instruction;
  readonly keepNothing: Instruction;
  /** R0 is the verdict. */
  readonly keepVerdict: Instruction;
  /** The kept verdict to R7, where it is not there already: below 0 where there is none. */
  readonly recallVerdict: readonly Instruction[];
  /** The kept verdict to R0. */
  readonly giveVerdict: Instruction;
  /** R0 is the address of the counters. */
  readonly keepCounters: Instruction;
  /** The address to `counters`, where it is not there already. */
  readonly recallCounters: readonly Instruction[];
  readonly counters: Register;
}

/** No action has this code. */
const NOTHING_KEPT = -1;

const REGISTERS: Held = {
  keepContext: mov64Reg(R6, R1),
  giveContext: mov64Reg(R1, R6),
  keepNothing: mov32Imm(R7, NOTHING_KEPT),
  keepVerdict: mov32Reg(R7, R0),
  recallVerdict: [],
  giveVerdict: mov32Reg(R0, R7),
  keepCounters: mov64Reg(R9, R0),
  recallCounters: [],
  counters: R9,
};

/** @param slots those of the dispatcher; together the places on the stack are `HELD_BYTES` */
export function heldOf(slots: readonly SlotCode[]): Held {
  const frames = slots.flatMap(({ body }) => (body ? [body.frame] : []));
  if (frames.length === 0) return REGISTERS;
  const context = -8 * Math.ceil(Math.max(...frames) / 8) - 8;
  const verdict = context - 8;
  const counters = context + 8 - HELD_BYTES;
  return {
    keepContext: stxDw(R10, context, R1),
    giveContext: ldxDw(R1, R10, context),
    keepNothing: stW(R10, verdict, NOTHING_KEPT),
    keepVerdict: stxW(R10, verdict, R0),
    recallVerdict: [ldxW(R7, R10, verdict)],
    giveVerdict: ldxW(R0, R10, verdict),
    keepCounters: stxDw(R10, counters, R0),
    recallCounters: [ldxDw(R3, R10, counters)],
    counters: R3,
  };
}
