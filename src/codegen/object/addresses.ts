/**
 * What registers and places in the frame can hold, as far as addresses in the frame go, and how an instruction changes that. A
 * register holds an address, of which the lowest place is known that it can have; or a number, of which is known how many bits
 * it has at most. A place in the frame holds such an address, or anything. Where an address could be lower than what is known,
 * as when a number is added that may be negative, the answer is `unknown`.
 */
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_DIV,
  BPF_LDX,
  BPF_LSH,
  BPF_MEM,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_OR,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_X,
  BPF_XOR,
} from "../asm/constants.ts";
import { CALL, type Instruction, R0, R10, sizeOf } from "../asm/index.ts";
import { isByteSwap } from "../asm/opcodes.ts";

/** What a register holds. One that is not in the state holds any number. */
export type Value =
  /** An address: the lowest that it can be, in bytes from where addresses are counted. */
  | { readonly kind: "address"; readonly lowest: number }
  /** A number from 0 to 2^bits - 1; `bits` is 63 at most, so it is not negative. */
  | { readonly kind: "number"; readonly bits: number };

/** By register, and by offset from R10, which is negative: the addresses that were put into the frame. */
export type State = ReadonlyMap<number, Value>;

/** The registers that a call hands over. */
export const ARGUMENTS = [1, 2, 3, 4, 5] as const;

export function addressIn(state: State, register: number): number | undefined {
  const value = state.get(register);
  return value?.kind === "address" ? value.lowest : undefined;
}

/** The lowest byte that a load or store touches. */
export function touchedBy({ opcode, dst, src, off }: Instruction, state: State): number {
  switch (opcode & 0x07) {
    case BPF_LDX:
      return Math.min(0, (addressIn(state, src) ?? -off) + off);
    case BPF_ST:
    case BPF_STX: {
      // An atomic load with acquire order reads from `src`.
      const places = [addressIn(state, dst), addressIn(state, src)].map((address) => (address ?? -off) + off);
      return Math.min(0, places[0]!, isAtomic(opcode) ? places[1]! : 0);
    }
    default:
      return 0;
  }
}

/** Whether an instruction stores a register of eight bytes into the frame, at a place that is known. */
export const isSlot = ({ opcode, dst }: Instruction): boolean =>
  dst === R10 && (opcode & 0x07) === BPF_STX && !isAtomic(opcode) && sizeOf(opcode) === 8;

/** The lowest address that a load from anywhere can give. */
export function lowestStored(state: State, elsewhere: number | undefined): number | undefined {
  const addresses = [...state].flatMap(([place, value]) =>
    place < 0 && value.kind === "address" ? [value.lowest] : [],
  );
  if (elsewhere !== undefined) addresses.push(elsewhere);
  return addresses.length === 0 ? undefined : Math.min(...addresses);
}

/** The address that an instruction puts into memory; a part of one is none. */
export function storedBy({ opcode, src }: Instruction, state: State): number | undefined {
  return (opcode & 0x07) === BPF_STX && sizeOf(opcode) === 8 ? addressIn(state, src) : undefined;
}

const isAtomic = (opcode: number): boolean => (opcode & 0xe0) === 0xc0;

export function transfer(i: Instruction, state: State, elsewhere: number | undefined): State | "unknown" {
  const after = new Map(state);
  const set = (register: number, value: Value | undefined): Map<number, Value> => {
    if (value === undefined) after.delete(register);
    else after.set(register, value);
    return after;
  };
  switch (i.opcode & 0x07) {
    case BPF_LDX: {
      // Fewer than eight bytes are no address, and without sign they are not negative.
      const bytes = sizeOf(i.opcode);
      if (bytes === 8) return set(i.dst, loadedBy(i, state, elsewhere));
      return set(i.dst, (i.opcode & 0xe0) === BPF_MEM ? number(8 * bytes) : undefined);
    }
    case BPF_STX:
      // A fetching operation loads into `src`, into R0, or into `dst`.
      if (isAtomic(i.opcode)) {
        const loaded = asAddress(lowestStored(state, elsewhere));
        for (const register of [i.src, R0, i.dst]) forget(after, register, loaded);
      } else if (isSlot(i)) {
        // A number in the place of an address is not remembered: a callee could put another there.
        set(i.off, asAddress(addressIn(state, i.src)));
      }
      return after;
    case BPF_ALU:
      // A byte swap of 64 bits is in this class too.
      if (isByteSwap(i.opcode)) return set(i.dst, number(i.imm));
      // The upper half is zeroed.
      return set(i.dst, number(Math.min(32, bitsOf(i, state) ?? 32)));
    case BPF_ALU64: {
      const value = wide(i, state);
      return value === "unknown" ? "unknown" : set(i.dst, value);
    }
    default:
      if (i.opcode === CALL) for (const register of [R0, ...ARGUMENTS]) after.delete(register);
      // `ld_imm64` and its like.
      else if ((i.opcode & 0x07) === 0) after.delete(i.dst);
      return after;
  }
}

/**
 * What a load of eight bytes gives. The verifier gives an address back only where one was put, whole; so a load by R10 has what
 * this place of the frame has, and one through another register anything that is in memory.
 */
function loadedBy({ src, off }: Instruction, state: State, elsewhere: number | undefined): Value | undefined {
  if (src !== R10) return asAddress(lowestStored(state, elsewhere));
  const there = addressIn(state, off);
  return asAddress(there === undefined || elsewhere === undefined ? (there ?? elsewhere) : Math.min(there, elsewhere));
}

function asAddress(lowest: number | undefined): Value | undefined {
  return lowest === undefined ? undefined : { kind: "address", lowest };
}

/** An atomic operation may have changed a register; what was an address in it stays one for whoever uses it as such. */
function forget(state: Map<number, Value>, register: number, loaded: Value | undefined): void {
  if (state.get(register)?.kind === "address") return;
  if (loaded) state.set(register, loaded);
  else state.delete(register);
}

function number(bits: number): Value | undefined {
  return bits <= 63 ? { kind: "number", bits } : undefined;
}

function wide(i: Instruction, state: State): Value | undefined | "unknown" {
  const operation = i.opcode & 0xf0;
  const right: Value | undefined = (i.opcode & BPF_X) === 0 ? constant(i.imm) : state.get(i.src);
  const left = state.get(i.dst);
  if (operation === BPF_MOV) return i.off === 0 ? right : undefined;
  const pointer = left?.kind === "address" ? left : right?.kind === "address" ? right : undefined;
  if (!pointer) return number(bitsOf(i, state) ?? 64);
  switch (operation) {
    case BPF_ADD: {
      if ((i.opcode & BPF_X) === 0) return { kind: "address", lowest: pointer.lowest + i.imm };
      const other = pointer === left ? right : left;
      return other?.kind === "number" ? pointer : "unknown";
    }
    case BPF_SUB:
      if ((i.opcode & BPF_X) === 0) return { kind: "address", lowest: pointer.lowest - i.imm };
      // The distance of two addresses is a number.
      return left?.kind === "address" && right?.kind === "address" ? undefined : "unknown";
    default:
      // No address any more, which the verifier sees to.
      return undefined;
  }
}

function constant(value: number): Value | undefined {
  return value < 0 ? undefined : { kind: "number", bits: value === 0 ? 0 : 32 - Math.clz32(value) };
}

/** Bits of the result of an operation on numbers; undefined where it could be any. */
function bitsOf(i: Instruction, state: State): number | undefined {
  const bits = (value: Value | undefined): number => (value?.kind === "number" ? value.bits : 64);
  const right = (i.opcode & BPF_X) === 0 ? bits(constant(i.imm)) : bits(state.get(i.src));
  const left = bits(state.get(i.dst));
  const shift = (i.opcode & BPF_X) === 0 ? i.imm : undefined;
  switch (i.opcode & 0xf0) {
    case BPF_MOV:
      return i.off === 0 ? right : undefined;
    case BPF_AND:
      return Math.min(left, right);
    case BPF_OR:
    case BPF_XOR:
      return Math.max(left, right);
    case BPF_MUL:
      return left + right;
    case BPF_DIV:
      return i.off === 0 ? left : undefined;
    case BPF_MOD:
      return i.off === 0 ? left : undefined;
    case BPF_ADD:
      return Math.max(left, right) + 1;
    case BPF_LSH:
      return shift === undefined ? undefined : left + shift;
    case BPF_RSH:
      return shift === undefined ? left : Math.max(0, left - shift);
    default:
      return undefined;
  }
}

/** A register that can hold an address or something else counts as the address: nobody else can use it as one. */
export function join(a: State, b: State): State {
  const joined = new Map<number, Value>();
  for (const register of new Set([...a.keys(), ...b.keys()])) {
    const [one, other] = [a.get(register), b.get(register)];
    if (one?.kind === "address" || other?.kind === "address") {
      const addresses = [one, other].flatMap((value) => (value?.kind === "address" ? [value.lowest] : []));
      joined.set(register, { kind: "address", lowest: Math.min(...addresses) });
    } else if (one && other) joined.set(register, { kind: "number", bits: Math.max(one.bits, other.bits) });
  }
  return joined;
}

export function same(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([register, value]) => equal(value, b.get(register)));
}

function equal(a: Value, b: Value | undefined): boolean {
  if (a.kind === "address") return b?.kind === "address" && a.lowest === b.lowest;
  return b?.kind === "number" && a.bits === b.bits;
}
