/**
 * Jumps and calls. In: a scanner behind the word that begins the statement. Out: the instruction; a label is its `target`,
 * the name of a function its `symbol`.
 */
import { BPF_JMP, BPF_JMP32, BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL, BPF_X } from "../constants.ts";
import { helperName, helperNames, helperNumber } from "../helpers.ts";
import type { Instruction } from "../instruction.ts";
import { CALLS, CONDITIONS } from "../notation.ts";
import { CALL, JA_LONG, JA_REGISTER } from "../opcodes.ts";
import { Refusal, shown } from "./mistakes.ts";
import {
  ANY_32,
  FAR,
  NEAR,
  OFFSET,
  SIGNED_32,
  argument,
  inRange,
  number,
  numberSign,
  offset,
  programCounter,
  readName,
  register,
  sameWidth,
  target,
  wideRegister,
} from "./operands.ts";
import { type Scanner, code, suggestion } from "./scanner.ts";

const OPEN = code("(");
const COMMA = code(",");
const QUOTE = code('"');

const COMPARISONS: ReadonlyMap<string, number> = new Map(Object.entries(CONDITIONS));

/** `if r1 s> -5 goto out` */
export function condition(s: Scanner, opcode: number): Instruction {
  const dst = register(s);
  const comparison =
    s.sign(COMPARISONS) ?? s.fail("a comparison is expected here", "syntax", "such as `==`, `!=`, `>`, `s>=`, `&`");
  const src = s.register();
  if (src) sameWidth(s, dst.wide, src);
  // The kernel shows the bits of the immediate, where LLVM shows its value.
  const range = dst.wide && opcode < 0 ? SIGNED_32 : ANY_32;
  const imm = src ? 0 : inRange(s, s.number() ?? s.fail("a register or a number is expected here"), range);
  if (!s.takesWord("goto")) s.fail("`goto` is expected here");
  const { distance, label } = target(s, NEAR);
  const jumps = (dst.wide ? BPF_JMP : BPF_JMP32) | comparison | (src ? BPF_X : 0);
  const instruction = { opcode: jumps, dst: dst.number, src: src?.number ?? 0, off: distance, imm };
  return label === undefined ? instruction : { ...instruction, target: label };
}

export function jump(s: Scanner, opcode: number): Instruction {
  const { distance, label } = target(s, NEAR);
  const instruction: Instruction = { opcode, dst: 0, src: 0, off: distance, imm: 0 };
  return label === undefined ? instruction : { ...instruction, target: label };
}

export function farJump(s: Scanner): Instruction {
  const { distance, label } = target(s, FAR);
  const instruction: Instruction = { opcode: JA_LONG, dst: 0, src: 0, off: 0, imm: distance };
  return label === undefined ? instruction : { ...instruction, target: label };
}

export function registerJump(s: Scanner): Instruction {
  return { opcode: JA_REGISTER, dst: wideRegister(s).number, src: 0, off: 0, imm: 0 };
}

const calls = (src: number, imm: number, off = 0): Instruction => ({ opcode: CALL, dst: 0, src, off, imm });

/** `call 1`, `call bpf_map_lookup_elem#1`, `call pc+3`, `call kfunc(1234, 1)`, `call counter` */
export function call(s: Scanner): Instruction {
  const { at } = s;
  const quote = s.peek() === QUOTE;
  const callee = readName(s);
  if (callee === undefined) {
    const value = s.number() ?? s.fail("a helper's number or a function's name is expected here");
    return calls(0, inRange(s, value, SIGNED_32));
  }
  const { start, end } = s;
  if (!quote && callee === "pc") {
    const { distance, label } = programCounter(s, FAR, at);
    if (label === undefined) return calls(BPF_PSEUDO_CALL, distance);
  }
  if (!quote && Object.hasOwn(CALLS, callee) && s.takes(OPEN))
    return pseudoCall(s, CALLS[callee as keyof typeof CALLS]);
  const numbered = numberSign(s, SIGNED_32);
  if (numbered !== undefined) return numberedCall(callee, numbered, start, end);
  // The symbol's own place is one slot after what -1 says; the assembler counts in bytes.
  const bytes = offset(s, { min: 8 - 2 ** 34, max: 2 ** 34, what: "an addend" });
  if (bytes % 8 !== 0) throw new Refusal("out-of-range", `${bytes} bytes are not whole slots`, s, "a multiple of 8");
  return { ...calls(BPF_PSEUDO_CALL, bytes / 8 - 1), symbol: callee };
}

/**
 * The kernel's way: a helper with its number, or a kernel function with its BTF id, which is never as small. A name and a
 * number that do not belong together come from a live program, where the number has become an address.
 */
function numberedCall(callee: string, id: number, start: number, end: number): Instruction {
  const known = helperNumber(callee);
  if (known === id || callee === "unknown") return calls(0, id);
  const named = helperName(id);
  if (known === undefined && named === undefined) return calls(BPF_PSEUDO_KFUNC_CALL, id);
  const near = known === undefined ? suggestion(callee, helperNames()) : `write ${callee}#${known}`;
  const message =
    known === undefined ? `helper ${id} is ${named}, not ${shown(callee)}` : `${callee} is helper ${known}, not ${id}`;
  throw new Refusal("unknown-helper", message, { start, end }, near ?? `write ${named}#${id}`);
}

function pseudoCall(s: Scanner, src: number): Instruction {
  const { imm, symbol } = argument(s);
  const off = s.takes(COMMA) ? number(s, OFFSET) : 0;
  s.expect(")");
  return symbol === undefined ? calls(src, imm, off) : { ...calls(src, imm, off), symbol };
}
