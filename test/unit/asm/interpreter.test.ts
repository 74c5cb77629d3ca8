/** The interpreter is a model that others are measured by, so it is measured first: by hand here, by the kernel in test/kernel. */
import { describe, expect, test } from "vitest";
import * as asm from "../../../src/codegen/asm/index.ts";
import type { Instruction } from "../../../src/codegen/asm/index.ts";
import { R0, R1, R2, R3, R6, R10, encode, layout } from "../../../src/codegen/asm/index.ts";
import { type RunOptions, Trap, run } from "../../support/interpreter.ts";

const r0 = (instructions: readonly Instruction[], options?: RunOptions): bigint =>
  run(layout([...instructions, asm.exit()]), options).r0;
const MINUS_ONE = 2n ** 64n - 1n;

/** R0 from R1 and R2, by RFC 9669. */
const ARITHMETIC: readonly (readonly [string, Instruction, bigint, bigint, bigint])[] = [
  ["add wraps", asm.add64Reg(R0, R2), MINUS_ONE, 2n, 1n],
  ["32-bit add clears the high half", asm.add32Reg(R0, R2), 0x1_ffff_ffffn, 2n, 1n],
  ["an immediate's sign is extended", asm.add64Imm(R0, -1), 0n, 0n, MINUS_ONE],
  ["a 32-bit move of -1", asm.mov32Imm(R0, -1), 0n, 0n, 0xffff_ffffn],
  ["unsigned division", asm.div64Reg(R0, R2), MINUS_ONE, 2n, 2n ** 63n - 1n],
  ["division by zero is zero", asm.div64Reg(R0, R2), 7n, 0n, 0n],
  ["the remainder by zero is the dividend", asm.mod64Reg(R0, R2), 7n, 0n, 7n],
  ["a 32-bit remainder by zero clears the high half", asm.mod32Reg(R0, R2), 0x1_0000_0007n, 0n, 7n],
  ["signed division rounds to zero", asm.sdiv64Imm(R0, 2), MINUS_ONE - 2n, 0n, MINUS_ONE],
  ["the least by -1", asm.sdiv64Imm(R0, -1), 2n ** 63n, 0n, 2n ** 63n],
  ["a signed remainder has the dividend's sign", asm.smod32Imm(R0, 3), 0xffff_fffcn, 0n, 0xffff_ffffn],
  ["shifts take six bits of the amount", asm.lsh64Reg(R0, R2), 1n, 65n, 2n],
  ["32-bit shifts take five", asm.rsh32Reg(R0, R2), 4n, 33n, 2n],
  ["an arithmetic shift keeps the sign", asm.arsh32Imm(R0, 4), 0x8000_0000n, 0n, 0xf800_0000n],
  ["negation", asm.neg32(R0), 1n, 0n, 0xffff_ffffn],
  ["be16 swaps and cuts", asm.be16(R0), 0xaaaa_1234n, 0n, 0x3412n],
  ["le32 cuts", asm.le32(R0), 0xaa_1234_5678n, 0n, 0x1234_5678n],
  ["bswap64", asm.bswap64(R0), 0x0102_0304_0506_0708n, 0n, 0x0807_0605_0403_0201n],
  ["movsx of a byte", asm.movsx64Reg(R0, R2, 8), 0n, 0x180n, MINUS_ONE - 127n],
  ["32-bit movsx of a byte", asm.movsx32Reg(R0, R2, 8), 0n, 0x80n, 0xffff_ff80n],
];

test.each(ARITHMETIC)("%s", (_, instruction, left, right, expected) => {
  expect(r0([asm.mov64Reg(R0, R1), instruction], { args: [left, right] })).toBe(expected);
});

const JUMPS: readonly (readonly [string, Instruction, bigint, bigint, boolean])[] = [
  ["jgt is unsigned", asm.jgtReg(R1, R2, "yes"), MINUS_ONE, 1n, true],
  ["jsgt is signed", asm.jsgtReg(R1, R2, "yes"), MINUS_ONE, 1n, false],
  ["jslt against an immediate", asm.jsltImm(R1, 0, "yes"), MINUS_ONE, 0n, true],
  ["jlt extends the immediate's sign", asm.jltImm(R1, -1, "yes"), 0xffff_ffffn, 0n, true],
  ["jlt32 does not see the high half", asm.jlt32Imm(R1, 5, "yes"), 0xf_0000_0001n, 0n, true],
  ["jset", asm.jsetImm(R1, 6, "yes"), 8n, 0n, false],
  ["jge", asm.jgeReg(R1, R2, "yes"), 3n, 3n, true],
  ["jle", asm.jleReg(R1, R2, "yes"), 4n, 3n, false],
];

test.each(JUMPS)("%s", (_, jump, left, right, expected) => {
  const program = [jump, asm.mov64Imm(R0, 0), asm.exit(), asm.withLabel("yes", asm.mov64Imm(R0, 1))];
  expect(r0(program, { args: [left, right] })).toBe(expected ? 1n : 0n);
});

describe("memory", () => {
  test("is little endian, narrow loads clear, signed loads extend", () => {
    const memory = [{ base: 0x1000n, bytes: Uint8Array.of(0x80, 0x01, 0x02, 0x03, 4, 5, 6, 7) }];
    const load = (instruction: Instruction): bigint => r0([instruction], { args: [0x1000n], memory });
    expect(load(asm.ldxH(R0, R1, 0))).toBe(0x0180n);
    expect(load(asm.ldxDw(R0, R1, 0))).toBe(0x0706_0504_0302_0180n);
    expect(load(asm.ldxsB(R0, R1, 0))).toBe(MINUS_ONE - 127n);
  });

  test("stores go to the stack and to what was given", () => {
    const bytes = new Uint8Array(8);
    const program = [asm.stDw(R10, -8, -2), asm.ldxDw(R0, R10, -8), asm.stxW(R1, 4, R0)];
    expect(r0(program, { args: [0x1000n], memory: [{ base: 0x1000n, bytes }] })).toBe(MINUS_ONE - 1n);
    expect(bytes).toEqual(Uint8Array.of(0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff));
  });

  test("atomics fetch, exchange and compare", () => {
    const at = (instruction: Instruction): bigint[] => {
      const bytes = Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0);
      const memory = [{ base: 0x1000n, bytes }];
      const program = [asm.mov64Imm(R0, 5), instruction, asm.lsh64Imm(R0, 8), asm.or64Reg(R0, R2)];
      return [r0(program, { args: [0x1000n, 3n], memory }), BigInt(bytes[0]!)];
    };
    expect(at(asm.atomicAddDw(R1, 0, R2))).toEqual([0x503n, 8n]);
    expect(at(asm.atomicFetchXorDw(R1, 0, R2))).toEqual([0x505n, 6n]);
    expect(at(asm.xchgW(R1, 0, R2))).toEqual([0x505n, 3n]);
    expect(at(asm.cmpxchgDw(R1, 0, R2))).toEqual([0x503n, 3n]);
  });

  test.each([
    ["below the stack", [asm.ldxB(R0, R10, -4097)]],
    ["above the stack", [asm.ldxDw(R0, R10, -7)]],
    ["at null", [asm.mov64Imm(R1, 0), asm.stB(R1, 0, 1)]],
  ])("traps %s", (_, program) => {
    expect(() => r0(program)).toThrow(Trap);
  });
});

describe("calls", () => {
  test("to helpers and symbols pass R1 to R5 and take R0", () => {
    const program = [
      asm.callHelper(7),
      asm.mov64Reg(R6, R0),
      asm.mov64Imm(R1, 1),
      asm.callSymbol("slot"),
      asm.add64Reg(R0, R6),
    ];
    const seen: bigint[] = [];
    const result = r0(program, {
      args: [40],
      helpers: { 7: ([first]) => first! + 2n },
      calls: (symbol) => (symbol === "slot" ? ([first]) => seen.push(first!) * 100 : undefined),
    });
    expect([result, seen]).toEqual([142n, [1n]]);
    expect(() => r0([asm.callSymbol("nowhere")])).toThrow(/nothing to call for nowhere/);
  });

  test("to subprograms keep R6 to R10 and lose R1 to R5 to the callee", () => {
    const program = [
      asm.mov64Imm(R6, 1),
      asm.stDw(R10, -8, 5),
      asm.callLocal("sub"),
      asm.add64Reg(R0, R6),
      asm.ldxDw(R2, R10, -8),
      asm.add64Reg(R0, R2),
      asm.exit(),
      asm.withLabel("sub", asm.mov64Imm(R6, 100)),
      asm.stDw(R10, -8, 1000),
      asm.mov64Imm(R0, 10),
    ];
    expect(r0(program)).toBe(16n);
  });

  test("deeper than eight frames, or for ever, trap", () => {
    expect(() => r0([asm.withLabel("sub", asm.callLocal("sub"))])).toThrow(/more than 8 frames/);
    expect(() => r0([asm.withLabel("top", asm.ja("top"))], { maxSteps: 50 })).toThrow(/more than 50 instructions/);
    expect(() => run([asm.mov64Imm(R0, 0)])).toThrow(/instruction 1 of 1 does not exist/);
  });
});

test("a jump over ld_imm64 counts two slots, and bytes run as instructions do", () => {
  const program = layout([
    asm.mov64Imm(R0, 1),
    asm.ja("end"),
    asm.ldImm64(R0, 2n ** 40n),
    asm.mov64Imm(R3, 0),
    asm.withLabel("end", asm.exit()),
  ]);
  expect(run(program)).toEqual({ r0: 1n, code: 1, steps: 3 });
  expect(run(encode(program))).toEqual(run(program));
});

test("the verdict is the low half of R0", () => {
  expect(run(layout([asm.ldImm64(R0, 0x7_0000_0002n), asm.exit()])).code).toBe(2);
});

test("a symbol's address is the caller's, plus the addend", () => {
  expect(r0([asm.ldSymbol(R0, ".bss", 8)], { address: (name) => (name === ".bss" ? 0x2000n : undefined) })).toBe(
    0x2008n,
  );
});
