/**
 * How much stack a function uses, read from its instructions: how far below R10 it reads or writes. The verifier finds the
 * same figure when it loads the program (kernel/bpf/verifier.c, update_stack_depth); here it is known before.
 *
 * An address in the frame is followed as the lowest place that it can have. What is added to it and not known is taken to
 * lead up, as compilers index arrays. Where that is not so, the verifier sees the dispatcher's own slots overwritten and
 * refuses the program; it can not run wrong.
 */
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_CALL,
  BPF_EXIT,
  BPF_FUNC_tail_call,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LDX,
  BPF_MOV,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_X,
} from "../asm/constants.ts";
import { type Instruction, JA_REGISTER, R0, R10, slots } from "../asm/index.ts";
import { type CodeInstruction, readCode } from "./code.ts";
import type { ObjectFunction, XdpObject } from "./open.ts";

/** Of one function: bytes of its own frame, 0 to 512; `"unknown"` where an address in it cannot be followed. */
export type FrameSize = number | "unknown";

/** MAX_BPF_STACK (include/linux/filter.h), for all frames of a call chain together. */
export const MAX_STACK = 512;

/** Lowest offset from R10 that a register can hold, by register; one that holds no address of the frame is not in it. */
type State = ReadonlyMap<number, number>;

export function frameSize(object: XdpObject, f: ObjectFunction): FrameSize {
  const code = readCode(object, f);
  const at = new Map(code.map((c) => [c.offset / 8, c]));
  const before = new Map<number, State>([[0, new Map([[R10, 0]])]]);
  const work = [0];
  let lowest = 0;
  // An address that is stored somewhere can come back from any load.
  let stored: number | undefined;
  for (let pc = work.pop(); pc !== undefined; pc = work.pop()) {
    const step = at.get(pc);
    if (!step) return "unknown";
    const state = before.get(pc)!;
    const { instruction } = step;
    if (instruction.opcode === JA_REGISTER) return "unknown";
    const touched = reachOf(instruction, state);
    if (touched < -MAX_STACK) return "unknown";
    lowest = Math.min(lowest, touched);
    const kept = storedBy(instruction, state);
    if (kept !== undefined && (stored === undefined || kept < stored)) {
      stored = kept;
      // What was loaded before may have been this.
      work.push(...before.keys());
    }
    const after = transfer(instruction, state, stored);
    for (const to of successors(step)) {
      const old = before.get(to);
      const joined = old ? join(old, after) : after;
      if (old && same(old, joined)) continue;
      if ([...joined.values()].some((offset) => offset < -MAX_STACK)) return "unknown";
      before.set(to, joined);
      work.push(to);
    }
  }
  return Math.abs(lowest);
}

/** The lowest byte that an instruction touches, or lets a callee touch. */
function reachOf({ opcode, dst, src, off }: Instruction, state: State): number {
  switch (opcode & 0x07) {
    case BPF_LDX:
      return Math.min(0, (state.get(src) ?? -off) + off);
    case BPF_ST:
    case BPF_STX:
      return Math.min(0, (state.get(dst) ?? -off) + off);
    case BPF_JMP:
      if ((opcode & 0xf0) !== BPF_CALL) return 0;
      return Math.min(0, ...[1, 2, 3, 4, 5].map((argument) => state.get(argument) ?? 0));
    default:
      return 0;
  }
}

/** The address in the frame that an instruction puts into memory. */
function storedBy({ opcode, src }: Instruction, state: State): number | undefined {
  return (opcode & 0x07) === BPF_STX ? state.get(src) : undefined;
}

function transfer(i: Instruction, state: State, stored: number | undefined): State {
  const after = new Map(state);
  const set = (register: number, offset: number | undefined): Map<number, number> => {
    if (offset === undefined) after.delete(register);
    else after.set(register, offset);
    return after;
  };
  const cls = i.opcode & 0x07;
  if (cls === BPF_LDX) return set(i.dst, stored);
  if (cls === BPF_JMP && (i.opcode & 0xf0) === BPF_CALL) {
    for (const register of [R0, 1, 2, 3, 4, 5]) after.delete(register);
    return after;
  }
  if (cls === BPF_ST || cls === BPF_STX || cls === BPF_JMP || cls === BPF_JMP32) return after;
  const from = (i.opcode & BPF_X) === 0 ? undefined : state.get(i.src);
  const base = state.get(i.dst);
  if (cls !== BPF_ALU64) return set(i.dst, undefined);
  switch (i.opcode & 0xf0) {
    case BPF_MOV:
      return set(i.dst, from);
    case BPF_ADD:
      if ((i.opcode & BPF_X) === 0) return set(i.dst, base === undefined ? undefined : base + i.imm);
      return set(i.dst, base ?? from);
    case BPF_SUB:
      if ((i.opcode & BPF_X) === 0) return set(i.dst, base === undefined ? undefined : base - i.imm);
      return set(i.dst, base);
    default:
      return set(i.dst, undefined);
  }
}

function successors({ instruction, offset }: CodeInstruction): readonly number[] {
  const { opcode, imm, off } = instruction;
  const pc = offset / 8;
  const next = pc + slots(instruction);
  const cls = opcode & 0x07;
  if (cls !== BPF_JMP && cls !== BPF_JMP32) return [next];
  switch (opcode & 0xf0) {
    case BPF_EXIT:
      return [];
    case BPF_CALL:
      return [next];
    case BPF_JA:
      return [pc + 1 + (cls === BPF_JMP32 ? imm : off)];
    default:
      return [next, pc + 1 + off];
  }
}

function join(a: State, b: State): State {
  const joined = new Map(a);
  for (const [register, offset] of b) joined.set(register, Math.min(offset, joined.get(register) ?? offset));
  return joined;
}

function same(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([register, offset]) => b.get(register) === offset);
}

/** What a function and all that it calls need. */
export interface StackUse {
  readonly own: FrameSize;
  /** Bytes of the deepest chain of frames below its own, each rounded as the kernel does; callbacks are calls too. */
  readonly below: FrameSize;
  /** Whether its own code makes a tail call. */
  readonly tailCalls: boolean;
  /** Whether a function below it makes a tail call: then the frames above that one share 256 bytes. */
  readonly tailCallsBelow: boolean;
}

/** Kernels up to 6.1 round each frame like this; later ones to 16 (kernel/bpf/verifier.c, round_up_stack_depth). */
export function roundedFrame(bytes: number): number {
  return Math.ceil(Math.max(bytes, 1) / 32) * 32;
}

export function stackUse(object: XdpObject, f: ObjectFunction): StackUse {
  const known = new Map<ObjectFunction, StackUse>();
  const visit = (at: ObjectFunction): StackUse => {
    const earlier = known.get(at);
    if (earlier) return earlier;
    // The verifier refuses recursion; until it does, nothing is known of it.
    known.set(at, { own: "unknown", below: "unknown", tailCalls: false, tailCallsBelow: false });
    const code = readCode(object, at);
    const callees = code.flatMap(({ reference }) =>
      reference?.kind === "function" ? [visit(reference.function)] : [],
    );
    const below = callees.map(({ own, below: deeper }) =>
      own === "unknown" || deeper === "unknown" ? "unknown" : roundedFrame(own) + deeper,
    );
    const use: StackUse = {
      own: frameSize(object, at),
      below: below.reduce<FrameSize>((a, b) => (a === "unknown" || b === "unknown" ? "unknown" : Math.max(a, b)), 0),
      tailCalls: code.some(({ instruction: i }) => isTailCall(i)),
      tailCallsBelow: callees.some((callee) => callee.tailCalls || callee.tailCallsBelow),
    };
    known.set(at, use);
    return use;
  };
  return visit(f);
}

function isTailCall({ opcode, src, imm }: Instruction): boolean {
  return opcode === (BPF_JMP | BPF_CALL) && src === 0 && imm === BPF_FUNC_tail_call;
}
