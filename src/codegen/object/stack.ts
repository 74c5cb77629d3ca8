/** How much stack a function and all that it calls need: frames in a row, as the kernel adds them up. */
import { BPF_FUNC_loop } from "../asm/constants.ts";
import { CALL, type Instruction } from "../asm/index.ts";
import { onceEach } from "../once.ts";
import { readCode } from "./code.ts";
import { isTailCall } from "./flow.ts";
import { frameSize, type FrameSize } from "./frame.ts";
import type { ObjectFunction, XdpObject } from "./open.ts";

/** What a function and all that it calls need. */
export interface StackUse {
  readonly own: FrameSize;
  /** Bytes that the kernel adds below its own frame, for the loops that it makes of bpf_loop. */
  readonly added: number;
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

/** Three registers, from Linux 5.19 on (kernel/bpf/verifier.c, optimize_bpf_loop). */
const LOOP_BYTES = 24;

function callsLoop({ opcode, src, imm }: Instruction): boolean {
  return opcode === CALL && src === 0 && imm === BPF_FUNC_loop;
}

export const stackUse = onceEach((object: XdpObject, f: ObjectFunction): StackUse => {
  const known = new Map<ObjectFunction, StackUse>();
  const visit = (at: ObjectFunction): StackUse => {
    const earlier = known.get(at);
    if (earlier) return earlier;
    // The verifier refuses recursion; until it does, nothing is known of it.
    known.set(at, { own: "unknown", added: 0, below: "unknown", tailCalls: false, tailCallsBelow: false });
    const code = readCode(object, at);
    const callees = code.flatMap(({ reference }) =>
      reference?.kind === "function" ? [visit(reference.function)] : [],
    );
    const below = callees.map(({ own, added, below: deeper }) =>
      own === "unknown" || deeper === "unknown" ? "unknown" : roundedFrame(own + added) + deeper,
    );
    const use: StackUse = {
      own: frameSize(object, at),
      added: code.some(({ instruction }) => callsLoop(instruction)) ? LOOP_BYTES : 0,
      below: below.reduce<FrameSize>((a, b) => (a === "unknown" || b === "unknown" ? "unknown" : Math.max(a, b)), 0),
      tailCalls: code.some(({ instruction }) => isTailCall(instruction)),
      tailCallsBelow: callees.some((callee) => callee.tailCalls || callee.tailCallsBelow),
    };
    known.set(at, use);
    return use;
  };
  return visit(f);
});
