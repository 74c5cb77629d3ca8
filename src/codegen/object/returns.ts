/**
 * What a function can return, read from its instructions: an abstract interpretation with the values of `values.ts`.
 *
 * The dispatcher leaves out tests for codes that cannot come, and a lone program that cannot return 31 needs no
 * dispatcher at all. Sound and modest: where it cannot tell, the answer is `"any"`. Only the low 32 bits of a value are
 * followed: a return code has no more (`u32 act` in the kernel's drivers).
 */
import { ACTIONS } from "../../chain/chain.ts";
import { BPF_FUNC_redirect, BPF_FUNC_redirect_map } from "../asm/constants.ts";
import { CALL, EXIT, isJump, R0 } from "../asm/index.ts";
import { onceEach } from "../once.ts";
import { type CodeInstruction, readCode } from "./code.ts";
import { isTailCall, successors } from "./flow.ts";
import type { ObjectFunction, XdpObject } from "./open.ts";
import {
  afterCall,
  branch,
  copiesFramePointer,
  join,
  sameState,
  type State,
  transfer,
  unionOfValues,
  valueIn,
  type Values,
} from "./values.ts";

/** Sorted 32-bit codes, or `"any"` where the analysis cannot tell. */
export type ReturnCodes = Values;

/** Whether some code of `first`..`last` can be returned. */
export function canReturn(codes: ReturnCodes, first: number, last: number): boolean {
  return codes === "any" || codes.some((code) => code >= first && code <= last);
}

/** The codes that `f` can return to its caller. */
export const returnCodes = onceEach((object: XdpObject, f: ObjectFunction): ReturnCodes => {
  return allCodes(walk(readCode(object, f), calleesOf(object, f)));
});

/**
 * The ways by which control comes to an `exit`, and what R0 can hold on each. A way that is not in here cannot be taken.
 * Keys are slots from the start of the function.
 */
export interface ExitWays {
  /** By the jump that leads to an `exit`. */
  readonly jumps: ReadonlyMap<number, ReturnCodes>;
  /** By the `exit` that the instruction before it goes on to. */
  readonly falls: ReadonlyMap<number, ReturnCodes>;
}

/** Undefined where the analysis cannot tell. */
export function exitWays(object: XdpObject, f: ObjectFunction): ExitWays | undefined {
  const walked = walk(readCode(object, f), calleesOf(object, f));
  if (walked === "any") return undefined;
  const ways = { jumps: new Map<number, ReturnCodes>(), falls: new Map<number, ReturnCodes>() };
  for (const { pc, way } of walked) {
    if (way.jumps) ways.jumps.set(pc, valueIn(way.state, R0));
    else ways.falls.set(way.to, valueIn(way.state, R0));
  }
  // More codes in all than are followed: then the ways must not say more than the function does.
  const each = [...ways.jumps.values(), ...ways.falls.values()];
  return allCodes(walked) === "any" && !each.includes("any") ? undefined : ways;
}

function allCodes(walked: Walked): ReturnCodes {
  if (walked === "any") return "any";
  return walked.reduce<ReturnCodes>((sum, { way }) => unionOfValues(sum, valueIn(way.state, R0)), []);
}

function calleesOf(object: XdpObject, f: ObjectFunction): CodesOf {
  const known = new Map<ObjectFunction, ReturnCodes>([[f, "any"]]);
  return (callee) => (mayLeave(object, callee) ? "leaves" : analyse(object, callee, known));
}

function analyse(object: XdpObject, f: ObjectFunction, known: Map<ObjectFunction, ReturnCodes>): ReturnCodes {
  // A recursive call finds "any" here; the verifier refuses recursion anyway.
  const earlier = known.get(f);
  if (earlier) return earlier;
  known.set(f, "any");
  const codes = allCodes(
    walk(readCode(object, f), (callee) => (mayLeave(object, callee) ? "leaves" : analyse(object, callee, known))),
  );
  known.set(f, codes);
  return codes;
}

/** Whether a function, or one that it calls, calls a kfunc. */
function mayLeave(object: XdpObject, f: ObjectFunction, seen = new Set<ObjectFunction>()): boolean {
  if (seen.has(f)) return false;
  seen.add(f);
  return readCode(object, f).some(({ instruction, reference }) => {
    if (reference?.kind === "function") return mayLeave(object, reference.function, seen);
    return reference?.kind === "extern" && instruction.opcode === CALL;
  });
}

/** Where an instruction leads, and what is known there. */
interface Way {
  readonly to: number;
  readonly state: State;
  /** By a jump, and not by going on. */
  readonly jumps: boolean;
}

/** The ways that lead to an `exit`, from the instruction at `pc`. */
type Walked = readonly { readonly pc: number; readonly way: Way }[] | "any";

/** What a callee returns. `leaves`: it may not return at all but end the program with any code, as a kfunc can (bpf_throw). */
type CodesOf = (callee: ObjectFunction) => ReturnCodes | "leaves";

function walk(code: readonly CodeInstruction[], codesOf: CodesOf): Walked {
  const at = new Map(code.map((c) => [c.offset / 8, c]));
  const frameEscapes = code.some(({ instruction: i }) => copiesFramePointer(i));
  const before = new Map<number, State>([[0, new Map()]]);
  const work = [0];
  for (let pc = work.pop(); pc !== undefined; pc = work.pop()) {
    const step = at.get(pc);
    const ways = step && waysFrom(step, before.get(pc)!, frameEscapes, codesOf);
    if (!ways || ways === "any") return "any";
    for (const { to, state } of ways) {
      const old = before.get(to);
      const joined = old ? join(old, state) : state;
      if (old && sameState(old, joined)) continue;
      before.set(to, joined);
      work.push(to);
    }
  }
  // An `exit` that a function begins with has no way to it.
  if (at.get(0)?.instruction.opcode === EXIT) return "any";
  return [...before].flatMap(([pc, state]) => {
    const ways = waysFrom(at.get(pc)!, state, frameEscapes, codesOf);
    if (ways === "any") return [];
    return ways.filter(({ to }) => at.get(to)!.instruction.opcode === EXIT).map((way) => ({ pc, way }));
  });
}

function waysFrom(
  step: CodeInstruction,
  state: State,
  frameEscapes: boolean,
  codesOf: CodesOf,
): readonly Way[] | "any" {
  const leads = successors(step);
  if (!leads) return "any";
  const { next, jump } = leads;
  const way = (to: number | undefined, after: State | undefined, jumps: boolean): readonly Way[] =>
    to === undefined || after === undefined ? [] : [{ to, state: after, jumps }];
  const { opcode, src, imm } = step.instruction;
  if (!isJump(opcode)) return way(next, transfer(step, state, frameEscapes), false);
  if (opcode === CALL) {
    // The callee of a tail call returns to our caller.
    if (isTailCall(step.instruction) || step.reference?.kind === "extern") return "any";
    const local = step.reference?.kind === "function" ? codesOf(step.reference.function) : undefined;
    if (local === "leaves") return "any";
    return way(next, afterCall(state, local ?? helperCodes(src, imm), frameEscapes), false);
  }
  if (next === undefined) return way(jump, state, true);
  const { taken, fallen } = branch(step.instruction, state);
  return [...way(jump, taken, true), ...way(next, fallen, false)];
}

/** net/core/filter.c: bpf_redirect() gives REDIRECT or ABORTED; bpf_redirect_map() REDIRECT or an action of its flags. */
function helperCodes(src: number, helper: number): ReturnCodes {
  if (src !== 0) return "any";
  if (helper === BPF_FUNC_redirect) return [0, 4];
  if (helper === BPF_FUNC_redirect_map) return ACTIONS.map((_, code) => code);
  return "any";
}
