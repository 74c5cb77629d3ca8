/**
 * What a function can return, read from its instructions: an abstract interpretation in which a register or a stack slot
 * holds one of a few constants, or anything.
 *
 * The dispatcher leaves out tests for codes that cannot come, and a lone program that cannot return 31 needs no
 * dispatcher at all. Sound and modest: where it cannot tell, the answer is `"any"`. Only the low 32 bits of a value are
 * followed: a return code has no more (`u32 act` in the kernel's drivers).
 */
import { ACTIONS } from "../../chain/chain.ts";
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ATOMIC,
  BPF_DW,
  BPF_FUNC_redirect,
  BPF_FUNC_redirect_map,
  BPF_JEQ,
  BPF_JMP32,
  BPF_JNE,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_OR,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_W,
  BPF_X,
  BPF_XOR,
} from "../asm/constants.ts";
import { CALL, EXIT, type Instruction, isJump, R0, R10 } from "../asm/index.ts";
import { type CodeInstruction, readCode } from "./code.ts";
import { isTailCall, successors } from "./flow.ts";
import type { ObjectFunction, XdpObject } from "./open.ts";

/** Sorted 32-bit codes, or `"any"` where the analysis cannot tell. */
export type ReturnCodes = readonly number[] | "any";

/** Whether some code of `first`..`last` can be returned. */
export function canReturn(codes: ReturnCodes, first: number, last: number): boolean {
  return codes === "any" || codes.some((code) => code >= first && code <= last);
}

/** More constants than this in one place count as anything, which bounds the work. */
const MAX_CONSTANTS = 16;

/** What is known at one instruction: constants by place (`r0`..`r9`, `s-8`, …). A place not in the map holds anything. */
type State = ReadonlyMap<string, readonly number[]>;

const reg = (n: number): string => `r${n}`;
const slot = (offset: number): string => `s${offset}`;

/** The codes that `f` can return to its caller. */
export function returnCodes(object: XdpObject, f: ObjectFunction): ReturnCodes {
  return allCodes(walk(readCode(object, f), calleesOf(object, f)));
}

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
    if (way.jumps) ways.jumps.set(pc, codeIn(way.state));
    else ways.falls.set(way.to, codeIn(way.state));
  }
  // More codes in all than are followed: then the ways must not say more than the function does.
  const each = [...ways.jumps.values(), ...ways.falls.values()];
  return allCodes(walked) === "any" && !each.includes("any") ? undefined : ways;
}

const codeIn = (state: State): ReturnCodes => state.get(reg(R0)) ?? "any";

function allCodes(walked: Walked): ReturnCodes {
  if (walked === "any") return "any";
  return walked.reduce<ReturnCodes>((sum, { way }) => unionOfCodes(sum, codeIn(way.state)), []);
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
  // Stack slots can change behind our back only where the frame's address has left R10.
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

function copiesFramePointer({ opcode, src }: Instruction): boolean {
  const cls = opcode & 0x07;
  const fromRegister = (cls === BPF_ALU64 || cls === BPF_ALU) && (opcode & BPF_X) !== 0;
  return (fromRegister || cls === BPF_STX) && src === R10;
}

/** The state after an instruction that goes on to the next. */
function transfer({ instruction: i, relocatedAtLoad }: CodeInstruction, state: State, frameEscapes: boolean): State {
  const after = new Map(state);
  const set = (place: string, value: ReturnCodes): Map<string, readonly number[]> => {
    if (value === "any") after.delete(place);
    else after.set(place, value);
    return after;
  };
  const full = (i.opcode & 0x18) === BPF_DW || (i.opcode & 0x18) === BPF_W;
  const memory = (i.opcode & 0xe0) === BPF_MEM;
  switch (i.opcode & 0x07) {
    case BPF_ALU:
    case BPF_ALU64:
      return set(reg(i.dst), relocatedAtLoad ? "any" : alu(i, state));
    case BPF_LD:
      return set(reg(i.dst), "any");
    case BPF_LDX:
      return set(reg(i.dst), (i.src === R10 && memory && full && !relocatedAtLoad && state.get(slot(i.off))) || "any");
    case BPF_ST:
    case BPF_STX: {
      for (const place of state.keys()) {
        if (!place.startsWith("s")) continue;
        const known = i.dst === R10 && !relocatedAtLoad;
        const overlaps = known ? Math.abs(Number(place.slice(1)) - i.off) < 8 : frameEscapes || i.dst === R10;
        if (overlaps) after.delete(place);
      }
      if ((i.opcode & 0xe0) === BPF_ATOMIC && (i.opcode & 0x07) === BPF_STX) {
        // Which register an atomic operation writes depends on the operation: src, R0, or dst for a load.
        for (const register of [R0, i.src, i.dst]) after.delete(reg(register));
        return after;
      }
      if (i.dst !== R10 || !memory || !full || relocatedAtLoad) return after;
      return set(slot(i.off), (i.opcode & 0x07) === BPF_ST ? [i.imm >>> 0] : (state.get(reg(i.src)) ?? "any"));
    }
    default:
      return after;
  }
}

/** The operations whose low 32 bits depend on the low 32 bits of their operands alone. */
const LOW_BITS: ReadonlyMap<number, (a: number, b: number) => number> = new Map([
  [BPF_ADD, (a: number, b: number) => (a + b) >>> 0],
  [BPF_AND, (a: number, b: number) => (a & b) >>> 0],
  [BPF_OR, (a: number, b: number) => (a | b) >>> 0],
  [BPF_XOR, (a: number, b: number) => (a ^ b) >>> 0],
]);

function alu(i: Instruction, state: State): ReturnCodes {
  const operation = i.opcode & 0xf0;
  const right: ReturnCodes = (i.opcode & BPF_X) === 0 ? [i.imm >>> 0] : (state.get(reg(i.src)) ?? "any");
  if (operation === BPF_MOV) return i.off === 0 ? right : "any";
  const left = state.get(reg(i.dst)) ?? "any";
  const apply = LOW_BITS.get(operation);
  if (apply && left !== "any" && right !== "any") {
    return constants(left.flatMap((a) => right.map((b) => apply(a, b))));
  }
  // A mask or a shift bounds a value of which nothing else is known.
  const width = (i.opcode & 0x07) === BPF_ALU64 ? 64 : 32;
  if (operation === BPF_AND && right !== "any" && right.length === 1) return subsets(right[0]!);
  if (operation === BPF_RSH && (i.opcode & BPF_X) === 0 && width - i.imm <= 4) return subsets(2 ** (width - i.imm) - 1);
  return "any";
}

/** All values that a mask lets through. */
function subsets(mask: number): ReturnCodes {
  if (mask >= 32) return "any";
  return constants(Array.from({ length: mask + 1 }, (_, v) => v).filter((v) => (v & ~mask) === 0));
}

/** net/core/filter.c: bpf_redirect() gives REDIRECT or ABORTED; bpf_redirect_map() REDIRECT or an action of its flags. */
function helperCodes(src: number, helper: number): ReturnCodes {
  if (src !== 0) return "any";
  if (helper === BPF_FUNC_redirect) return [0, 4];
  if (helper === BPF_FUNC_redirect_map) return ACTIONS.map((_, code) => code);
  return "any";
}

function afterCall(state: State, r0: ReturnCodes, frameEscapes: boolean): State {
  const after = new Map<string, readonly number[]>();
  for (const [place, value] of state) {
    const saved = place.startsWith("s") ? !frameEscapes : Number(place.slice(1)) >= 6;
    if (saved) after.set(place, value);
  }
  if (r0 !== "any") after.set(reg(R0), r0);
  return after;
}

/** What is known on the two ways out of a conditional jump; undefined for a way that cannot be taken. */
function branch(i: Instruction, state: State): { taken?: State; fallen?: State } {
  const operation = i.opcode & 0xf0;
  if ((i.opcode & BPF_X) !== 0 || (operation !== BPF_JEQ && operation !== BPF_JNE))
    return { taken: state, fallen: state };
  const constant = i.imm >>> 0;
  const values = state.get(reg(i.dst));
  const equal = !values || values.includes(constant) ? new Map(state).set(reg(i.dst), [constant]) : undefined;
  // A 64-bit comparison that fails says nothing of the low half.
  const others = (i.opcode & 0x07) === BPF_JMP32 ? values?.filter((v) => v !== constant) : values;
  const differs = !others ? state : others.length > 0 ? new Map(state).set(reg(i.dst), others) : undefined;
  const [taken, fallen] = operation === BPF_JEQ ? [equal, differs] : [differs, equal];
  return { ...(taken ? { taken } : {}), ...(fallen ? { fallen } : {}) };
}

function constants(values: Iterable<number>): ReturnCodes {
  const unique = [...new Set(values)].toSorted((a, b) => a - b);
  return unique.length > MAX_CONSTANTS ? "any" : unique;
}

/** What either can be. */
export function unionOfCodes(a: ReturnCodes, b: ReturnCodes): ReturnCodes {
  return a === "any" || b === "any" ? "any" : constants([...a, ...b]);
}

function join(a: State, b: State): State {
  const joined = new Map<string, readonly number[]>();
  for (const [place, value] of a) {
    const both = unionOfCodes(value, b.get(place) ?? "any");
    if (both !== "any") joined.set(place, both);
  }
  return joined;
}

function sameState(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([place, value]) => b.get(place)?.join() === value.join());
}
