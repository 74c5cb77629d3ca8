import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as asm from "../../../src/codegen/asm/index.ts";
import type { Instruction } from "../../../src/codegen/asm/index.ts";
import { R0, R1, R2, R9, R10, decode, encode } from "../../../src/codegen/asm/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { cornerInstructions, instruction } from "../../support/instructions.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

/** Written by hand from the tables of RFC 9669. */
const VECTORS: readonly (readonly [string, Instruction, string])[] = [
  ["mov64 r0, 2", asm.mov64Imm(R0, 2), "b700000002000000"],
  ["mov64 r9, r10", asm.mov64Reg(R9, R10), "bfa9000000000000"],
  ["mov32 r0, -1", asm.mov32Imm(R0, -1), "b4000000ffffffff"],
  ["add64 r2, r1", asm.add64Reg(R2, R1), "0f12000000000000"],
  ["sdiv64 r1, 3", asm.sdiv64Imm(R1, 3), "3701010003000000"],
  ["smod32 r1, r2", asm.smod32Reg(R1, R2), "9c21010000000000"],
  ["arsh32 r1, 31", asm.arsh32Imm(R1, 31), "c40100001f000000"],
  ["neg64 r1", asm.neg64(R1), "8701000000000000"],
  ["movsx64 r1, r2, 16", asm.movsx64Reg(R1, R2, 16), "bf21100000000000"],
  ["be16 r1", asm.be16(R1), "dc01000010000000"],
  ["le64 r1", asm.le64(R1), "d401000040000000"],
  ["bswap32 r1", asm.bswap32(R1), "d701000020000000"],
  ["ja -1", asm.ja(-1), "0500ffff00000000"],
  ["gotol 65536", asm.jaLong(65536), "0600000000000100"],
  ["jeq r1, 2, 3", asm.jeqImm(R1, 2, 3), "1501030002000000"],
  ["jne32 r1, r2, -4", asm.jne32Reg(R1, R2, -4), "5e21fcff00000000"],
  ["jset r1, 1, 1", asm.jsetImm(R1, 1, 1), "4501010001000000"],
  ["jsle r1, -1, 0", asm.jsleImm(R1, -1, 0), "d5010000ffffffff"],
  ["call helper 12", asm.callHelper(asm.BPF_FUNC_tail_call), "850000000c000000"],
  ["call pc+1", asm.callLocal(1), "8510000001000000"],
  ["call symbol", asm.callSymbol("slot"), "85100000ffffffff"],
  ["exit", asm.exit(), "9500000000000000"],
  ["ldxdw r0, [r1 - 8]", asm.ldxDw(R0, R1, -8), "7910f8ff00000000"],
  ["ldxsb r0, [r1 + 1]", asm.ldxsB(R0, R1, 1), "9110010000000000"],
  ["stxw [r10 - 4], r1", asm.stxW(R10, -4, R1), "631afcff00000000"],
  ["stb [r10 - 1], 7", asm.stB(R10, -1, 7), "720affff07000000"],
  ["ldabsh 12", asm.ldAbsH(12), "280000000c000000"],
  ["atomic fetch add", asm.atomicFetchAddDw(R1, 0, R2), "db21000001000000"],
  ["cmpxchg32", asm.cmpxchgW(R1, 4, R2), "c3210400f1000000"],
  ["ld_imm64", asm.ldImm64(R1, 0x1122334455667788n), "18010000887766550000000044332211"],
  ["ld_imm64 of 2^64 - 1", asm.ldImm64(R1, 2n ** 64n - 1n), "18010000ffffffff00000000ffffffff"],
  ["ld_map_fd", asm.ldMapFd(R1, 5), "18110000050000000000000000000000"],
  ["ld_map_value", asm.ldMapValue(R1, 5, 16), "18210000050000000000000010000000"],
  ["ld_btf_id", asm.ldBtfId(R1, 77, 3), "183100004d0000000000000003000000"],
  ["ld_btf_id of vmlinux", asm.ldBtfId(R1, 77), "183100004d0000000000000000000000"],
  ["ld_map_idx", asm.ldMapIndex(R1, 5), "18510000050000000000000000000000"],
  ["ld_map_idx_value", asm.ldMapIndexValue(R1, 5, 16), "18610000050000000000000010000000"],
  ["addr_space_cast r1, r2, 1, 0", asm.addrSpaceCast(R1, R2, 1, 0), "bf21010000000100"],
];

describe("encode", () => {
  test.each(VECTORS)("%s", (_, value, expected) => {
    expect(hex(encode([value]))).toBe(expected);
  });

  test.each([
    ["a target that layout has not resolved", asm.ja("end"), /instruction 1, `goto end`.*layout/],
    ["an immediate of 33 bits", asm.mov64Imm(R1, 0x8000_0000), /imm is 2147483648/],
    ["a fraction", asm.mov64Imm(R1, 1.5), /imm is 1.5/],
    ["an offset of 17 bits", asm.ldxW(R1, R2, 0x8000), /off is 32768/],
    ["a register that is not there", asm.mov64Imm(11 as never, 0), /dst is 11/],
    ["a source register that is not there", asm.mov64Reg(R1, 15 as never), /src is 15/],
    ["an opcode that is not there", { ...asm.exit(), opcode: 0xff }, /opcode 0xff is not in the instruction set/],
    ["ld_imm64 without its high half", { ...asm.exit(), opcode: 0x18 }, /needs immHigh/],
    ["a high half elsewhere", { ...asm.exit(), immHigh: 0 }, /only ld_imm64/],
    ["a reserved field in use", { ...asm.exit(), imm: 1 }, /imm is 1 and must be 0/],
  ] satisfies [string, Instruction, RegExp][])("refuses %s", (_, value, message) => {
    expect(() => encode([asm.exit(), value])).toThrow(message);
  });

  test.each([[2n ** 64n], [-(2n ** 63n) - 1n], [2 ** 60], [0.5]])("ldImm64 refuses %s", (value) => {
    expect(() => asm.ldImm64(R1, value)).toThrow(XdpgenError);
  });
});

describe("decode", () => {
  test("gives back what was encoded", () => {
    const all = cornerInstructions();
    expect(decode(encode(all))).toEqual(all);
    fc.assert(
      fc.property(fc.array(instruction), (list) => {
        expect(decode(encode(list))).toEqual(list);
      }),
    );
  });

  test.each([
    ["half a slot", "b70000000200", /byte 0: 6 bytes/],
    ["half of ld_imm64", "1801000088776655", /byte 0: ld_imm64 lacks its second slot/],
    ["an opcode in the second slot", "1801000088776655b700000044332211", /byte 8: the second slot/],
    ["an unknown opcode after a good one", "9500000000000000fe00000000000000", /byte 8: opcode 0xfe/],
    ["register 12", "b70c000000000000", /dst is 12/],
    ["an unknown atomic operation", "db21000002000000", /imm 2 is no atomic operation/],
    ["an atomic addition of 16 bits", "cb21000000000000", /imm 0 is no atomic operation/],
    ["a swap of 8 bits", "d401000008000000", /imm is 8/],
    ["a negation of another register", "8f21000000000000", /opcode 0x8f/],
    ["a 32-bit sign extension to 32 bits", "bc21200000000000", /off is 32/],
    ["a sign extension of a multiplication", "2f21080000000000", /off is 8/],
    ["a load of 64 bits that extends the sign", "9921000000000000", /opcode 0x99/],
    ["a packet load of 64 bits", "380000000c000000", /opcode 0x38/],
    ["a jump with both distances", "0500010001000000", /imm is 1/],
    ["a call of an unknown kind", "8530000001000000", /src is 3/],
    ["an ld_imm64 of an unknown kind", "18710000050000000000000000000000", /src is 7/],
  ])("refuses %s", (_, input, message) => {
    expect(() => decode(bytes(input))).toThrow(message);
  });

  test("reads a view into a larger buffer", () => {
    const larger = bytes("ffffff9500000000000000ff");
    expect(decode(larger.subarray(3, 11))).toEqual([asm.exit()]);
  });
});
