/**
 * Instructions that touch memory: loads, stores, packet loads and atomic operations, in both dialects. In: a scanner behind
 * the words that tell which it is. Out: the instruction.
 */
import {
  BPF_ABS,
  BPF_ATOMIC,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_IND,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_ST,
  BPF_STX,
  BPF_W,
  BPF_XCHG,
} from "../constants.ts";
import type { Instruction } from "../instruction.ts";
import { ATOMICS, LOCKED } from "../notation.ts";
import { BPF_LOAD_ACQ, BPF_MEMSX, BPF_STORE_REL } from "../opcodes.ts";
import { Refusal } from "./mistakes.ts";
import {
  ANY_32,
  SIGNED_32,
  address,
  again,
  castTo,
  inRange,
  number,
  offset,
  registerOfSize,
  sameWidth,
  textOf,
  unsignedCast,
} from "./operands.ts";
import { type ReadRegister, type Scanner, code } from "./scanner.ts";

const OPEN = code("(");

const LOCKED_OPERATORS: ReadonlyMap<string, number> = new Map(Object.entries(LOCKED));

/** The size that the word of an atomic operation allows: LLVM's fetches serve both. */
const ATOMIC_SIZES: ReadonlyMap<string, readonly number[]> = new Map(
  ATOMICS.map(({ word }) => [word, ATOMICS.filter((other) => other.word === word).map(({ size }) => size)]),
);

/** `r1 = *(u64 *)(r2 + 0)`, `r0 = *(u8 *)skb[r1 + 4]` */
export function load(s: Scanner, dst: ReadRegister): Instruction {
  s.expect("*");
  s.expect("(");
  const { size, signed, word } = castTo(s);
  if (s.takesWord("skb")) return packetLoad(s, dst, size, signed, word);
  if (!dst.wide && (signed || size === BPF_DW)) {
    const why = signed ? "a load that extends the sign fills 64" : "u64 is 64";
    throw new Refusal("register-width", `${textOf(s, dst)} is 32 bits wide and ${why}`, dst, `write r${dst.number}`);
  }
  s.expect("(");
  const { base, off } = address(s);
  s.expect(")");
  const mode = signed ? BPF_MEMSX : BPF_MEM;
  return { opcode: BPF_LDX | mode | size, dst: dst.number, src: base.number, off, imm: 0 };
}

function packetLoad(s: Scanner, dst: ReadRegister, size: number, signed: boolean, word: string): Instruction {
  if (dst.number !== 0 || !dst.wide) {
    throw new Refusal("same-register", "a load from skb[…] leaves its value in r0", dst, "write r0");
  }
  if (signed || size === BPF_DW)
    throw new Refusal("unknown-size", `${word} is no size of a packet load`, s, "u8, u16 or u32");
  s.expect("[");
  const src = s.register();
  if (src) sameWidth(s, true, src);
  const imm = src ? offset(s, SIGNED_32) : number(s, SIGNED_32);
  s.expect("]");
  return { opcode: BPF_LD | (src ? BPF_IND : BPF_ABS) | size, dst: 0, src: src?.number ?? 0, off: 0, imm };
}

/** `*(u64 *)(r1 + 0) = …`, its star taken already. */
export function store(s: Scanner): Instruction {
  const size = unsignedCast(s);
  s.expect("(");
  const { base, off } = address(s);
  s.expect(")");
  s.expect("=");
  const value = s.number();
  if (value !== undefined) {
    const imm = inRange(s, value, size === BPF_DW ? SIGNED_32 : ANY_32);
    return { opcode: BPF_ST | BPF_MEM | size, dst: base.number, src: 0, off, imm };
  }
  const src = registerOfSize(s, size);
  return { opcode: BPF_STX | BPF_MEM | size, dst: base.number, src: src.number, off, imm: 0 };
}

/** `lock *(u64 *)(r1 + 0) += r2` */
export function lockedOperation(s: Scanner): Instruction {
  s.expect("*");
  const start = s.at;
  const size = atomicSize(s, unsignedCast(s), start);
  s.expect("(");
  const { base, off } = address(s);
  s.expect(")");
  const imm = s.sign(LOCKED_OPERATORS) ?? s.fail("`+=`, `|=`, `&=` or `^=` is expected here");
  return stx(size, base, registerOfSize(s, size), off, imm);
}

function stx(size: number, dst: ReadRegister, src: ReadRegister, off: number, imm: number): Instruction {
  return { opcode: BPF_STX | BPF_ATOMIC | size, dst: dst.number, src: src.number, off, imm };
}

function atomicSize(s: Scanner, size: number, start: number, allowed: readonly number[] = [BPF_W, BPF_DW]): number {
  if (allowed.includes(size)) return size;
  const hint = allowed.map((each) => (each === BPF_DW ? "u64" : "u32")).join(" or ");
  throw new Refusal("unknown-size", "this operation has another size", { start, end: s.end }, hint);
}

/** `r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)`, `r2 = xchg_64(r1 + 0, r2)`, `r0 = cmpxchg_64(r1 + 0, r0, r2)` */
export function atomic(s: Scanner, dst: ReadRegister, word: string, imm: number): Instruction {
  const sizes = ATOMIC_SIZES.get(word)!;
  s.expect("(");
  const start = s.at;
  // LLVM writes its exchanges without a cast.
  const cast = s.peek() === OPEN || !(imm === BPF_XCHG || imm === BPF_CMPXCHG);
  const size = cast ? atomicSize(s, unsignedCast(s), start, sizes) : sizes[0]!;
  if (cast) s.expect("(");
  const { base, off } = address(s);
  if (cast) s.expect(")");
  s.expect(",");
  if (!dst.wide && size === BPF_DW) sameWidth(s, true, dst);
  if (imm !== BPF_CMPXCHG) {
    again(s, dst);
  } else {
    if (dst.number !== 0) {
      throw new Refusal(
        "same-register",
        "a compare-and-exchange leaves the old value in r0",
        dst,
        `write ${dst.wide ? "r0" : "w0"}`,
      );
    }
    again(s, dst);
    s.expect(",");
  }
  const src = imm === BPF_CMPXCHG ? registerOfSize(s, size) : dst;
  s.expect(")");
  return stx(size, base, src, off, imm);
}

/** `r1 = load_acquire((u64 *)(r2 + 0))` */
export function loadAcquire(s: Scanner, dst: ReadRegister): Instruction {
  s.expect("(");
  const size = unsignedCast(s);
  s.expect("(");
  const { base, off } = address(s);
  s.expect(")");
  s.expect(")");
  if (size === BPF_DW && !dst.wide) sameWidth(s, true, dst);
  return stx(size, dst, base, off, BPF_LOAD_ACQ);
}

/** `store_release((u64 *)(r1 + 0), r2)` */
export function storeRelease(s: Scanner): Instruction {
  s.expect("(");
  const size = unsignedCast(s);
  s.expect("(");
  const { base, off } = address(s);
  s.expect(")");
  s.expect(",");
  const src = registerOfSize(s, size);
  s.expect(")");
  return stx(size, base, src, off, BPF_STORE_REL);
}
