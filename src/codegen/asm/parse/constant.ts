/**
 * What a register is set to when it is no register and no memory: numbers of 32 and 64 bits, and what `ld_imm64` loads
 * under a name: symbols, maps, BTF ids, functions. In: a scanner behind the number, name or word. Out: the instruction.
 */
import { BPF_ALU, BPF_ALU64, BPF_MOV, BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_IDX_VALUE } from "../constants.ts";
import type { Instruction } from "../instruction.ts";
import { VALUES } from "../notation.ts";
import { LD_IMM64 } from "../opcodes.ts";
import { Refusal, shown } from "./mistakes.ts";
import {
  ANY_32,
  SIGNED_32,
  argument,
  functionArgument,
  inRange,
  number,
  sameWidth,
  textOf,
  wideRegister,
} from "./operands.ts";
import { type ReadRegister, type Scanner, code, suggestion } from "./scanner.ts";

const OPEN = code("(");
const COMMA = code(",");

export function constant(s: Scanner, dst: ReadRegister, value: number | bigint, opcode: number): Instruction {
  const { start, end } = s;
  const wide = s.takesWord("ll") || opcode === LD_IMM64;
  if (!wide) {
    if (!dst.wide)
      return { opcode: BPF_ALU | BPF_MOV, dst: dst.number, src: 0, off: 0, imm: inRange(s, value, ANY_32) };
    if (value < SIGNED_32.min || value > SIGNED_32.max) {
      throw new Refusal(
        "missing-ll",
        `${shown(textOf(s, s))} does not fit a signed number of 32 bits`,
        { start, end },
        "write `ll` behind a number of 64 bits",
      );
    }
    return { opcode: BPF_ALU64 | BPF_MOV, dst: dst.number, src: 0, off: 0, imm: inRange(s, value, SIGNED_32) };
  }
  if (!dst.wide) sameWidth(s, true, dst);
  if (value < -(2n ** 63n) || value >= 2n ** 64n) {
    throw new Refusal(
      "out-of-range",
      `${shown(s.text.slice(start, end))} does not fit 64 bits`,
      { start, end },
      "-2^63 to 2^64 - 1",
    );
  }
  return wideLoad(dst, 0, value);
}

function wideLoad(dst: ReadRegister, src: number, value: number | bigint): Instruction {
  const small = value >= SIGNED_32.min && value <= SIGNED_32.max;
  const imm = small ? Number(value) + 0 : Number(BigInt.asIntN(32, BigInt(value)));
  const immHigh = small ? imm >> 31 : Number(BigInt.asIntN(32, BigInt(value) >> 32n));
  return { opcode: LD_IMM64, dst: dst.number, src, off: 0, imm, immHigh };
}

/** `r1 = counts + 8 ll`: an addend of 32 bits lies in the low half, whatever its sign, as compilers leave it. */
export function symbolLoad(s: Scanner, dst: ReadRegister, symbol: string): Instruction {
  const { start, end } = s;
  const sign = s.plusOrMinus();
  const value = sign === 0 ? 0 : (s.number() ?? s.fail("a number is expected here"));
  const addend = BigInt(value) * BigInt(sign);
  if (addend < -(2n ** 31n) || addend >= 2n ** 64n) {
    throw new Refusal("out-of-range", `${shown(textOf(s, s))} does not fit an addend`, s, "-2147483648 to 2^64 - 1");
  }
  if (!s.takesWord("ll")) {
    const near = suggestion(symbol, VALUES);
    throw new Refusal(
      "missing-ll",
      `${shown(symbol)} is no register, number or operation`,
      { start, end },
      near ?? "write `ll` behind the name of a label or symbol",
    );
  }
  if (!dst.wide) sameWidth(s, true, dst);
  const instruction = wideLoad(dst, 0, addend);
  return addend < 2n ** 32n ? { ...instruction, immHigh: 0, symbol } : { ...instruction, symbol };
}

/** `r1 = map_value(5, 12) ll`, its word taken already; without brackets it is a symbol's name. */
export function pseudoLoad(s: Scanner, dst: ReadRegister, src: number): Instruction {
  const word = textOf(s, s);
  if (!s.takes(OPEN)) return symbolLoad(s, dst, word);
  const { imm, symbol } = src === BPF_PSEUDO_FUNC ? functionArgument(s) : argument(s);
  const immHigh = s.takes(COMMA) ? number(s, SIGNED_32) : 0;
  s.expect(")");
  if (!s.takesWord("ll")) s.fail("`ll` is expected here", "missing-ll", "write `ll` behind what takes 64 bits");
  if (!dst.wide) sameWidth(s, true, dst);
  const instruction: Instruction = { opcode: LD_IMM64, dst: dst.number, src, off: 0, imm, immHigh };
  return symbol === undefined ? instruction : { ...instruction, symbol };
}

/** `ld_pseudo r1, 1, 5`: how llvm-objdump shows an `ld_imm64` with a source field. */
export function numberedPseudoLoad(s: Scanner): Instruction {
  const dst = wideRegister(s);
  s.expect(",");
  const src = number(s, { min: 0, max: BPF_PSEUDO_MAP_IDX_VALUE, what: "a source field of ld_imm64" });
  s.expect(",");
  return { ...constant(s, dst, s.number() ?? s.fail("a number is expected here"), LD_IMM64), src };
}
