/**
 * The grammar of one instruction, in both dialects at once. In: a scanner that stands before it, behind labels and prefix.
 * Out: the instruction with its names unresolved: jumps have a `target`, a call or `ld_imm64` of a name has a `symbol`.
 *
 *     r1 = …    r1 += …    *(u64 *)(r1 + 0) = …    if r1 == … goto …    goto …    call …    lock …    exit
 *
 * The opcode in front, `(18)`, decides what the kernel writes alike: `(18) r1 = 0x5` is `ld_imm64`, and a comparison's
 * immediate is in hexadecimal of 32 bits whose sign is extended.
 */
import { BPF_ALU, BPF_ALU64, BPF_JMP, BPF_MOV, BPF_NEG, BPF_X } from "../constants.ts";
import type { Instruction } from "../instruction.ts";
import { ARITHMETIC, ATOMICS, PSEUDO_LOADS, SIGNED, SIGN_EXTENSIONS, STATEMENTS, SWAPS } from "../notation.ts";
import { BPF_JCOND, EXIT, JA } from "../opcodes.ts";
import { constant, numberedPseudoLoad, pseudoLoad, symbolLoad } from "./constant.ts";
import { call, condition, farJump, jump, registerJump } from "./jump.ts";
import { atomic, load, loadAcquire, lockedOperation, store, storeRelease } from "./memory.ts";
import { Refusal, shown } from "./mistakes.ts";
import {
  ANY_32,
  SIGNED_32,
  again,
  inRange,
  number,
  readName,
  register,
  sameWidth,
  unknownWord,
  wideRegister,
} from "./operands.ts";
import { type ReadRegister, type Scanner, code, isDigit } from "./scanner.ts";

const STAR = code("*");
const OPEN = code("(");
const MINUS = code("-");
const QUOTE = code('"');

const SHAPES =
  "an instruction is `r1 = …`, `r1 += …`, `*(u64 *)(r1 + 0) = …`, or begins with if, goto, call, lock or exit";

/** clang makes it of a function pointer that it cannot see through, mostly at -O0. */
const CALLX_HINT = "compile with -O2, or call the function by its name";

/** What each word does that begins a statement; it is taken already. `opcode` is what stood in front, or -1. */
const BEGINNINGS: Readonly<Record<(typeof STATEMENTS)[number], (s: Scanner, opcode: number) => Instruction>> = {
  if: condition,
  goto: (s) => jump(s, JA),
  gotol: farJump,
  gotox: registerJump,
  may_goto: (s) => jump(s, BPF_JMP | BPF_JCOND),
  call,
  exit: () => ({ opcode: EXIT, dst: 0, src: 0, off: 0, imm: 0 }),
  lock: lockedOperation,
  store_release: storeRelease,
  ld_pseudo: numberedPseudoLoad,
};

const BY_BEGINNING: ReadonlyMap<string, (s: Scanner, opcode: number) => Instruction> = new Map(
  Object.entries(BEGINNINGS),
);

const OPERATORS: ReadonlyMap<string, number> = new Map(Object.entries(ARITHMETIC));

const EXTENSIONS: ReadonlyMap<string, number> = new Map(Object.entries(SIGN_EXTENSIONS));

/** What stands behind `rX =` and its first word, which is taken already. */
type Value = (s: Scanner, dst: ReadRegister) => Instruction;

const VALUES: ReadonlyMap<string, Value> = new Map<string, Value>([
  ...Object.entries(SWAPS).flatMap(([word, opcode]) =>
    [16, 32, 64].map((bits): [string, Value] => [`${word}${bits}`, (s, dst) => swap(s, dst, opcode, bits)]),
  ),
  ...ATOMICS.map(({ word, imm }): [string, Value] => [word, (s, dst) => atomic(s, dst, word, imm)]),
  ...PSEUDO_LOADS.map(({ word, src }): [string, Value] => [word, (s, dst) => pseudoLoad(s, dst, src)]),
  ["load_acquire", loadAcquire],
  ["addr_space_cast", addressSpaceCast],
]);

/** @throws Refusal with the place of what is wrong */
export function readInstruction(s: Scanner, opcode: number): Instruction {
  const dst = s.register();
  if (dst) return assignment(s, dst, opcode);
  if (s.takes(STAR)) return store(s);
  const word = s.word();
  if (word === "") s.fail("an instruction is expected here", "syntax", SHAPES);
  if (word === "callx") s.fail("callx calls through a register, which no kernel takes", "syntax", CALLX_HINT);
  const begin = BY_BEGINNING.get(word);
  return begin
    ? begin(s, opcode)
    : unknownWord(s, word, STATEMENTS, `no instruction begins with ${shown(word)}`, SHAPES);
}

function assignment(s: Scanner, dst: ReadRegister, opcode: number): Instruction {
  const operation = s.sign(OPERATORS);
  if (operation === undefined) s.fail("an operator such as `=` or `+=` is expected here");
  if (operation === BPF_MOV) return move(s, dst, opcode);
  return arithmetic(s, dst, operation & ~SIGNED, operation >= SIGNED ? 1 : 0, s.register());
}

const aluClass = (dst: ReadRegister): number => (dst.wide ? BPF_ALU64 : BPF_ALU);

function arithmetic(s: Scanner, dst: ReadRegister, operation: number, off: number, src?: ReadRegister): Instruction {
  const opcode = aluClass(dst) | operation;
  if (src) {
    // clang writes `r2 = w0` for the 32-bit move, which clears the upper half of r2.
    const clears = operation === BPF_MOV && dst.wide && !src.wide;
    if (clears) return { opcode: BPF_ALU | BPF_MOV | BPF_X, dst: dst.number, src: src.number, off: 0, imm: 0 };
    sameWidth(s, dst.wide, src);
    return { opcode: opcode | BPF_X, dst: dst.number, src: src.number, off, imm: 0 };
  }
  const value = s.number() ?? s.fail("a register or a number is expected here");
  return { opcode, dst: dst.number, src: 0, off, imm: inRange(s, value, dst.wide ? SIGNED_32 : ANY_32) };
}

/** Everything that `=` can mean. */
function move(s: Scanner, dst: ReadRegister, opcode: number): Instruction {
  const src = s.register();
  if (src) return arithmetic(s, dst, BPF_MOV, 0, src);
  const next = s.peek();
  if (next === STAR) return load(s, dst);
  if (next === OPEN) return signExtension(s, dst);
  if (next === QUOTE) return symbolLoad(s, dst, readName(s)!);
  const value = numberUnlessLabel(s);
  if (value !== undefined) return constant(s, dst, value, opcode);
  if (s.takes(MINUS)) {
    again(s, dst);
    return { opcode: aluClass(dst) | BPF_NEG, dst: dst.number, src: 0, off: 0, imm: 0 };
  }
  const word =
    readName(s) ??
    s.fail("a value is expected here", "syntax", "a register, a number, `*(u64 *)(r1 + 0)`, or a name and `ll`");
  const read = VALUES.get(word);
  return read ? read(s, dst) : symbolLoad(s, dst, word);
}

/** `1f` is no number. */
function numberUnlessLabel(s: Scanner): number | bigint | undefined {
  const { at, start, end } = s;
  if (isDigit(s.peek()) && readName(s) !== undefined) {
    s.mark(start, end);
    s.at = at;
    return undefined;
  }
  return s.number();
}

/** `r1 = (s8)r2` */
function signExtension(s: Scanner, dst: ReadRegister): Instruction {
  s.expect("(");
  const word = s.word();
  const bits = EXTENSIONS.get(word);
  if (bits === undefined || (bits === 32 && !dst.wide)) {
    if (word === "") s.fail("a size is expected here", "syntax", "such as `(s8)r2`");
    throw new Refusal(
      "unknown-size",
      `${shown(word)} is no size whose sign a move extends`,
      s,
      dst.wide ? "s8, s16 or s32" : "s8 or s16",
    );
  }
  s.expect(")");
  return arithmetic(s, dst, BPF_MOV, bits, register(s));
}

function swap(s: Scanner, dst: ReadRegister, opcode: number, bits: number): Instruction {
  if (!dst.wide) sameWidth(s, true, dst);
  again(s, dst);
  return { opcode, dst: dst.number, src: 0, off: 0, imm: bits };
}

/** `r1 = addr_space_cast(r2, TO, FROM)` */
function addressSpaceCast(s: Scanner, dst: ReadRegister): Instruction {
  const space = { min: 0, max: 0xffff, what: "an address space" };
  s.expect("(");
  const src = wideRegister(s);
  s.expect(",");
  const to = number(s, space);
  s.expect(",");
  const from = number(s, space);
  s.expect(")");
  if (!dst.wide) sameWidth(s, true, dst);
  return { opcode: BPF_ALU64 | BPF_MOV | BPF_X, dst: dst.number, src: src.number, off: 1, imm: (to << 16) | from };
}
