/**
 * An eBPF machine in TypeScript: runs instructions one by one, as RFC 9669 describes them, on a little endian host. It
 * knows nothing of the kernel: maps, helpers and other functions are what the caller gives. One of the models that a
 * dispatcher is compared with, so it shares with the code under test no more than the instruction values.
 */
import { type Instruction, decode } from "../../src/codegen/asm/index.ts";

/** Memory that a program may touch, at the address that it sees. */
export interface Region {
  readonly base: bigint;
  readonly bytes: Uint8Array;
}

/** What a helper or another function can do besides returning a value. */
export interface Machine {
  /** An unsigned value of 1, 2, 4 or 8 bytes. Throws `Trap` outside of the program's memory. */
  load(address: bigint, size: number): bigint;
  store(address: bigint, size: number, value: bigint): void;
}

/** Arguments are R1 to R5; the result goes to R0. */
export type Callee = (args: readonly bigint[], machine: Machine) => bigint | number;

export interface RunOptions {
  /** R1 to R5 at the start, as far as given; the rest is 0. */
  readonly args?: readonly (bigint | number)[];
  readonly memory?: readonly Region[];
  /** By helper id. */
  readonly helpers?: Readonly<Record<number, Callee>>;
  /** What `call NAME` enters, by ELF symbol. */
  readonly calls?: (symbol: string) => Callee | undefined;
  /** The address of an ELF symbol that `ld_imm64` refers to. */
  readonly address?: (symbol: string) => bigint | undefined;
  /** Index of the instruction to start at. Default 0. */
  readonly entry?: number;
  /** More instructions than this are an endless loop. Default 100000. */
  readonly maxSteps?: number;
}

export interface RunResult {
  /** R0 at `exit`, as an unsigned 64-bit value. */
  readonly r0: bigint;
  /** Its low half: what the kernel takes for the verdict. */
  readonly code: number;
  /** Instructions executed in this program. */
  readonly steps: number;
}

/** The program did what no program may: it left its memory, its code or its time. */
export class Trap extends Error {}

const STACK_SIZE = 512;
const STACK_TOP = 0x7fff_0000_0000n;
const MAX_FRAMES = 8;

interface Frame {
  readonly returnTo: number;
  readonly saved: readonly bigint[];
}

/** Runs until the outermost `exit`. */
export function run(program: Uint8Array | readonly Instruction[], options: RunOptions = {}): RunResult {
  const code = program instanceof Uint8Array ? decode(program) : program;
  const jumps = new Jumps(code);
  const stack = { base: STACK_TOP - BigInt(STACK_SIZE * MAX_FRAMES), bytes: new Uint8Array(STACK_SIZE * MAX_FRAMES) };
  const machine = new Memory([...(options.memory ?? []), stack]);
  const r = new BigUint64Array(11);
  for (const [index, value] of (options.args ?? []).entries()) r[index + 1] = BigInt(value);
  r[10] = STACK_TOP;

  const frames: Frame[] = [];
  const maxSteps = options.maxSteps ?? 100_000;
  let pc = options.entry ?? 0;
  for (let steps = 1; ; steps++) {
    const i = code[pc];
    if (!i) throw new Trap(`instruction ${pc} of ${code.length} does not exist`);
    if (steps > maxSteps) throw new Trap(`more than ${maxSteps} instructions, at instruction ${pc}`);
    const kind = i.opcode & 0x07;
    pc++;
    if (i.opcode === 0x95) {
      const frame = frames.pop();
      if (!frame) return { r0: r[0]!, code: Number(BigInt.asUintN(32, r[0]!)), steps };
      for (const [index, value] of frame.saved.entries()) r[6 + index] = value;
      pc = frame.returnTo;
    } else if (i.opcode === 0x85) {
      const args = Array.from(r.slice(1, 6));
      if (i.src === 1 && i.symbol === undefined) {
        if (frames.length + 1 >= MAX_FRAMES) throw new Trap(`more than ${MAX_FRAMES} frames, at instruction ${pc - 1}`);
        frames.push({ returnTo: pc, saved: Array.from(r.slice(6, 11)) });
        r[10] -= BigInt(STACK_SIZE);
        pc = jumps.target(pc - 1, i.imm);
      } else {
        const callee = i.symbol === undefined ? options.helpers?.[i.imm] : options.calls?.(i.symbol);
        if (!callee) throw new Trap(`nothing to call for ${i.symbol ?? `helper ${i.imm}`}, at instruction ${pc - 1}`);
        r[0] = BigInt(callee(args, machine));
        // A callee may leave anything in its argument registers; this shows who relies on them.
        r.fill(0xdead_dead_dead_deadn, 1, 6);
      }
    } else if (kind === 5 || kind === 6) {
      if (taken(i, r, kind === 5 ? 64 : 32)) pc = jumps.target(pc - 1, i.opcode === 0x06 ? i.imm : i.off);
    } else if (kind === 7 || kind === 4) {
      r[i.dst] = arithmetic(i, r, kind === 7 ? 64 : 32);
    } else if (i.opcode === 0x18) {
      const base = i.symbol === undefined ? BigInt(i.immHigh!) << 32n : options.address?.(i.symbol);
      if (base === undefined) throw new Trap(`no address for ${i.symbol}, at instruction ${pc - 1}`);
      r[i.dst] = base + (i.symbol === undefined ? BigInt(i.imm >>> 0) : BigInt(i.imm));
    } else {
      access(i, r, machine);
    }
  }
}

/** Distances are in slots; positions are in instructions. */
class Jumps {
  readonly #slots: number[] = [];
  readonly #positions = new Map<number, number>();

  constructor(code: readonly Instruction[]) {
    let slot = 0;
    for (const [index, i] of code.entries()) {
      this.#slots.push(slot);
      this.#positions.set(slot, index);
      slot += i.opcode === 0x18 ? 2 : 1;
    }
  }

  target(from: number, distance: number): number {
    const position = this.#positions.get(this.#slots[from]! + 1 + distance);
    if (position === undefined) throw new Trap(`instruction ${from} jumps ${distance} slots, to no instruction`);
    return position;
  }
}

class Memory implements Machine {
  readonly #regions: readonly Region[];

  constructor(regions: readonly Region[]) {
    this.#regions = regions;
  }

  load(address: bigint, size: number): bigint {
    const { bytes, at } = this.#find(address, size);
    let value = 0n;
    for (let index = size - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[at + index]!);
    return value;
  }

  store(address: bigint, size: number, value: bigint): void {
    const { bytes, at } = this.#find(address, size);
    for (let index = 0; index < size; index++) bytes[at + index] = Number((value >> BigInt(8 * index)) & 0xffn);
  }

  #find(address: bigint, size: number): { bytes: Uint8Array; at: number } {
    for (const { base, bytes } of this.#regions) {
      const at = address - base;
      if (at >= 0n && at + BigInt(size) <= BigInt(bytes.length)) return { bytes, at: Number(at) };
    }
    throw new Trap(`${size} bytes at 0x${address.toString(16)} are not the program's`);
  }
}

function taken(i: Instruction, r: BigUint64Array, bits: 32 | 64): boolean {
  const left = BigInt.asUintN(bits, r[i.dst]!);
  const right = BigInt.asUintN(bits, i.opcode & 0x08 ? r[i.src]! : BigInt(i.imm));
  const signed = (value: bigint): bigint => BigInt.asIntN(bits, value);
  switch (i.opcode & 0xf0) {
    case 0x00:
      return true;
    case 0x10:
      return left === right;
    case 0x20:
      return left > right;
    case 0x30:
      return left >= right;
    case 0x40:
      return (left & right) !== 0n;
    case 0x50:
      return left !== right;
    case 0x60:
      return signed(left) > signed(right);
    case 0x70:
      return signed(left) >= signed(right);
    case 0xa0:
      return left < right;
    case 0xb0:
      return left <= right;
    case 0xc0:
      return signed(left) < signed(right);
    case 0xd0:
      return signed(left) <= signed(right);
    default:
      // may_goto: the kernel's patience does not end here; `maxSteps` does.
      return false;
  }
}

function arithmetic(i: Instruction, r: BigUint64Array, bits: 32 | 64): bigint {
  const left = BigInt.asUintN(bits, r[i.dst]!);
  const right = BigInt.asUintN(bits, i.opcode & 0x08 ? r[i.src]! : BigInt(i.imm));
  const signed = (value: bigint): bigint => BigInt.asIntN(bits, value);
  const amount = right & BigInt(bits - 1);
  const compute = (): bigint => {
    switch (i.opcode & 0xf0) {
      case 0x00:
        return left + right;
      case 0x10:
        return left - right;
      case 0x20:
        return left * right;
      case 0x30:
        if (right === 0n) return 0n;
        return i.off === 1 ? signed(left) / signed(right) : left / right;
      case 0x40:
        return left | right;
      case 0x50:
        return left & right;
      case 0x60:
        return left << amount;
      case 0x70:
        return left >> amount;
      case 0x80:
        return -left;
      case 0x90:
        if (right === 0n) return left;
        return i.off === 1 ? signed(left) % signed(right) : left % right;
      case 0xa0:
        return left ^ right;
      case 0xb0:
        return i.off >= 8 ? BigInt.asIntN(i.off, right) : right;
      case 0xc0:
        return signed(left) >> amount;
      default:
        return swapped(i, r[i.dst]!, bits);
    }
  };
  return BigInt.asUintN(i.opcode >> 4 === 0xd ? 64 : bits, compute());
}

/** To big endian, or always when the class is 64 bits; to little endian the host's order stays. */
function swapped(i: Instruction, value: bigint, bits: 32 | 64): bigint {
  let low = BigInt.asUintN(i.imm, value);
  if (bits === 32 && !(i.opcode & 0x08)) return low;
  let result = 0n;
  for (let done = 0; done < i.imm; done += 8, low >>= 8n) result = (result << 8n) | (low & 0xffn);
  return result;
}

function access(i: Instruction, r: BigUint64Array, machine: Machine): void {
  const size = { 0x10: 1, 0x08: 2, 0x00: 4, 0x18: 8 }[i.opcode & 0x18]!;
  const bits = size * 8;
  const from = r[i.src]! + BigInt(i.off);
  const to = BigInt.asUintN(64, r[i.dst]! + BigInt(i.off));
  switch (i.opcode & 0xe7) {
    case 0x61:
      r[i.dst] = machine.load(BigInt.asUintN(64, from), size);
      return;
    case 0x81:
      r[i.dst] = BigInt.asIntN(bits, machine.load(BigInt.asUintN(64, from), size));
      return;
    case 0x62:
      machine.store(to, size, BigInt(i.imm));
      return;
    case 0x63:
      machine.store(to, size, r[i.src]!);
      return;
    case 0xc3:
      if (i.imm === 0x100) r[i.dst] = machine.load(BigInt.asUintN(64, from), size);
      else if (i.imm === 0x110) machine.store(to, size, r[i.src]!);
      else atomic(i, r, machine, to, size);
      return;
    default:
      throw new Trap(`opcode 0x${i.opcode.toString(16)} is not for this machine`);
  }
}

function atomic(i: Instruction, r: BigUint64Array, machine: Machine, address: bigint, size: number): void {
  const old = machine.load(address, size);
  const src = BigInt.asUintN(size * 8, r[i.src]!);
  if (i.imm === 0xf1) {
    if (old === BigInt.asUintN(size * 8, r[0]!)) machine.store(address, size, src);
    r[0] = old;
    return;
  }
  const results: Readonly<Record<number, bigint>> = {
    0x00: old + src,
    0x40: old | src,
    0x50: old & src,
    0xa0: old ^ src,
    0xe0: src,
  };
  machine.store(address, size, results[i.imm & 0xf0]!);
  if (i.imm & 0x01) r[i.src] = old;
}
