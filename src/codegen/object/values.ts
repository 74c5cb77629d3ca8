/**
 * What registers and stack slots of a function can hold: one of a few constants, or anything; and how an instruction changes
 * that. Sound and modest: where it cannot tell, the answer is `"any"`. Only the low 32 bits of a value are followed.
 */
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ATOMIC,
  BPF_DW,
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
import { type Instruction, R0, R10 } from "../asm/index.ts";
import type { CodeInstruction } from "./code.ts";

/** Sorted, or `"any"` where nothing is known. */
export type Values = readonly number[] | "any";

/** More constants than this in one place count as anything, which bounds the work. */
const MAX_CONSTANTS = 16;

/** What is known at one instruction: constants by place (`r0`..`r9`, `s-8`, …). A place not in the map holds anything. */
export type State = ReadonlyMap<string, readonly number[]>;

/** What a register holds there. */
export const valueIn = (state: State, register: number): Values => state.get(reg(register)) ?? "any";

const reg = (n: number): string => `r${n}`;
const slot = (offset: number): string => `s${offset}`;

/** Stack slots can change behind our back only where the address of the frame has left R10. */
export function copiesFramePointer({ opcode, src }: Instruction): boolean {
  const cls = opcode & 0x07;
  const fromRegister = (cls === BPF_ALU64 || cls === BPF_ALU) && (opcode & BPF_X) !== 0;
  return (fromRegister || cls === BPF_STX) && src === R10;
}

/** The state after an instruction that goes on to the next. */
export function transfer(
  { instruction: i, relocatedAtLoad }: CodeInstruction,
  state: State,
  frameEscapes: boolean,
): State {
  const after = new Map(state);
  const set = (place: string, value: Values): Map<string, readonly number[]> => {
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
      return set(slot(i.off), (i.opcode & 0x07) === BPF_ST ? [i.imm >>> 0] : valueIn(state, i.src));
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

function alu(i: Instruction, state: State): Values {
  const operation = i.opcode & 0xf0;
  const right: Values = (i.opcode & BPF_X) === 0 ? [i.imm >>> 0] : valueIn(state, i.src);
  if (operation === BPF_MOV) return i.off === 0 ? right : "any";
  const left = valueIn(state, i.dst);
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
function subsets(mask: number): Values {
  if (mask >= 32) return "any";
  return constants(Array.from({ length: mask + 1 }, (_, v) => v).filter((v) => (v & ~mask) === 0));
}

/** @param r0 what the callee returns */
export function afterCall(state: State, r0: Values, frameEscapes: boolean): State {
  const after = new Map<string, readonly number[]>();
  for (const [place, value] of state) {
    const saved = place.startsWith("s") ? !frameEscapes : Number(place.slice(1)) >= 6;
    if (saved) after.set(place, value);
  }
  if (r0 !== "any") after.set(reg(R0), r0);
  return after;
}

/** What is known on the two ways out of a conditional jump; undefined for a way that cannot be taken. */
export function branch(i: Instruction, state: State): { taken?: State; fallen?: State } {
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

function constants(values: Iterable<number>): Values {
  const unique = [...new Set(values)].toSorted((a, b) => a - b);
  return unique.length > MAX_CONSTANTS ? "any" : unique;
}

/** What either can be. */
export function unionOfValues(a: Values, b: Values): Values {
  return a === "any" || b === "any" ? "any" : constants([...a, ...b]);
}

/** What holds wherever either does. */
export function join(a: State, b: State): State {
  const joined = new Map<string, readonly number[]>();
  for (const [place, value] of a) {
    const both = unionOfValues(value, b.get(place) ?? "any");
    if (both !== "any") joined.set(place, both);
  }
  return joined;
}

export function sameState(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([place, value]) => b.get(place)?.join() === value.join());
}
