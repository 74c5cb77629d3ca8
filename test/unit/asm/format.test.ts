/** The two dialects of the text form, each against its source: bytes by hand, text as LLVM and the kernel's disasm.c write it. */
import { describe, expect, it } from "vitest";
import {
  type Instruction,
  callHelper,
  callKernel,
  callLocal,
  callSymbol,
  decode,
  exit,
  format,
  formatInstruction,
  ja,
  ldFunction,
  ldImm64,
  ldMapFd,
  ldMapValue,
  ldSymbol,
  mov64Imm,
  parse,
  withComment,
  withLabel,
} from "../../../src/codegen/asm/index.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.split(" "), (pair) => Number.parseInt(pair, 16));

/** Every kind of instruction: RFC 9669's bytes, BPFInstrInfo.td's text, print_bpf_insn's text. */
const ROWS: readonly (readonly [hex: string, llvm: string, kernel: string])[] = [
  ["b7 00 00 00 02 00 00 00", "r0 = 2", "(b7) r0 = 2"],
  ["b4 03 00 00 ff ff ff ff", "w3 = -1", "(b4) w3 = -1"],
  ["bf 61 00 00 00 00 00 00", "r1 = r6", "(bf) r1 = r6"],
  ["0f 21 00 00 00 00 00 00", "r1 += r2", "(0f) r1 += r2"],
  ["0c 21 00 00 00 00 00 00", "w1 += w2", "(0c) w1 += w2"],
  ["c7 01 00 00 08 00 00 00", "r1 s>>= 8", "(c7) r1 s>>= 8"],
  ["3f 21 01 00 00 00 00 00", "r1 s/= r2", "(3f) r1 s/= r2"],
  ["94 01 01 00 03 00 00 00", "w1 s%= 3", "(94) w1 s%= 3"],
  ["87 01 00 00 00 00 00 00", "r1 = -r1", "(87) r1 = -r1"],
  ["84 01 00 00 00 00 00 00", "w1 = -w1", "(84) w1 = -w1"],
  ["bf 21 08 00 00 00 00 00", "r1 = (s8)r2", "(bf) r1 = (s8)r2"],
  ["bc 21 10 00 00 00 00 00", "w1 = (s16)w2", "(bc) w1 = (s16)w2"],
  ["dc 01 00 00 10 00 00 00", "r1 = be16 r1", "(dc) r1 = be16 r1"],
  ["d4 01 00 00 20 00 00 00", "r1 = le32 r1", "(d4) r1 = le32 r1"],
  ["d7 01 00 00 40 00 00 00", "r1 = bswap64 r1", "(d7) r1 = bswap64 r1"],
  ["bf 21 01 00 00 00 01 00", "r1 = addr_space_cast(r2, 1, 0)", "(bf) r1 = addr_space_cast(r2, 1, 0)"],
  ["61 61 04 00 00 00 00 00", "r1 = *(u32 *)(r6 + 4)", "(61) r1 = *(u32 *)(r6 +4)"],
  ["79 a1 f8 ff 00 00 00 00", "r1 = *(u64 *)(r10 - 8)", "(79) r1 = *(u64 *)(r10 -8)"],
  ["91 21 00 00 00 00 00 00", "r1 = *(s8 *)(r2 + 0)", "(91) r1 = *(s8 *)(r2 +0)"],
  ["6b 1a fe ff 00 00 00 00", "*(u16 *)(r10 - 2) = r1", "(6b) *(u16 *)(r10 -2) = r1"],
  ["72 0a ff ff 07 00 00 00", "*(u8 *)(r10 - 1) = 7", "(72) *(u8 *)(r10 -1) = 7"],
  ["30 00 00 00 0c 00 00 00", "r0 = *(u8 *)skb[12]", "(30) r0 = *(u8 *)skb[12]"],
  ["48 10 00 00 00 00 00 00", "r0 = *(u16 *)skb[r1]", "(48) r0 = *(u16 *)skb[r1 + 0]"],
  ["40 10 00 00 fe ff ff ff", "r0 = *(u32 *)skb[r1 - 2]", "(40) r0 = *(u32 *)skb[r1 + -2]"],
  ["c3 21 04 00 00 00 00 00", "lock *(u32 *)(r1 + 4) += w2", "(c3) lock *(u32 *)(r1 +4) += r2"],
  ["db 21 00 00 a0 00 00 00", "lock *(u64 *)(r1 + 0) ^= r2", "(db) lock *(u64 *)(r1 +0) ^= r2"],
  [
    "db 21 00 00 01 00 00 00",
    "r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)",
    "(db) r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)",
  ],
  [
    "c3 21 00 00 41 00 00 00",
    "w2 = atomic_fetch_or((u32 *)(r1 + 0), w2)",
    "(c3) r2 = atomic_fetch_or((u32 *)(r1 +0), r2)",
  ],
  ["db 21 f8 ff e1 00 00 00", "r2 = xchg_64(r1 - 8, r2)", "(db) r2 = atomic64_xchg((u64 *)(r1 -8), r2)"],
  ["c3 21 00 00 e1 00 00 00", "w2 = xchg32_32(r1 + 0, w2)", "(c3) r2 = atomic_xchg((u32 *)(r1 +0), r2)"],
  ["db 21 00 00 f1 00 00 00", "r0 = cmpxchg_64(r1 + 0, r0, r2)", "(db) r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)"],
  ["c3 21 00 00 f1 00 00 00", "w0 = cmpxchg32_32(r1 + 0, w0, w2)", "(c3) r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)"],
  ["d3 21 04 00 00 01 00 00", "w1 = load_acquire((u8 *)(r2 + 4))", "(d3) r1 = load_acquire((u8 *)(r2 +4))"],
  ["db 21 fc ff 10 01 00 00", "store_release((u64 *)(r1 - 4), r2)", "(db) store_release((u64 *)(r1 -4), r2)"],
  ["05 00 03 00 00 00 00 00", "goto +3", "(05) goto pc+3"],
  ["06 00 00 00 fe ff ff ff", "gotol -2", "(06) gotol pc-2"],
  ["e5 00 01 00 00 00 00 00", "may_goto +1", "(e5) may_goto pc+1"],
  ["55 01 ff ff 02 00 00 00", "if r1 != 2 goto -1", "(55) if r1 != 0x2 goto pc-1"],
  ["c6 01 00 00 ff ff ff ff", "if w1 s< -1 goto +0", "(c6) if w1 s< 0xffffffff goto pc+0"],
  ["45 02 05 00 08 00 00 00", "if r2 & 8 goto +5", "(45) if r2 & 0x8 goto pc+5"],
  ["3d 21 05 00 00 00 00 00", "if r1 >= r2 goto +5", "(3d) if r1 >= r2 goto pc+5"],
  ["85 00 00 00 01 00 00 00", "call 1", "(85) call bpf_map_lookup_elem#1"],
  ["85 00 00 00 d2 00 00 00", "call 210", "(85) call bpf_cgrp_storage_get#210"],
  ["85 00 00 00 d4 00 00 00", "call 212", "(85) call unknown#212"],
  ["85 10 00 00 03 00 00 00", "call pc+3", "(85) call pc+3"],
  ["85 20 00 00 d2 04 00 00", "call kfunc(1234)", "(85) call kfunc(1234)"],
  ["85 20 02 00 d2 04 00 00", "call kfunc(1234, 2)", "(85) call kfunc(1234, 2)"],
  ["95 00 00 00 00 00 00 00", "exit", "(95) exit"],
  ["18 01 00 00 05 00 00 00 00 00 00 00 00 00 00 00", "r1 = 5 ll", "(18) r1 = 0x5"],
  ["18 01 00 00 fe ff ff ff 00 00 00 00 ff ff ff ff", "r1 = -2 ll", "(18) r1 = 0xfffffffffffffffe"],
  ["18 01 00 00 00 00 00 80 00 00 00 00 00 00 00 00", "r1 = 2147483648 ll", "(18) r1 = 0x80000000"],
  ["18 01 00 00 05 00 00 00 00 00 00 00 01 00 00 00", "r1 = 4294967301 ll", "(18) r1 = 0x100000005"],
  ["18 11 00 00 05 00 00 00 00 00 00 00 00 00 00 00", "r1 = map_fd(5) ll", "(18) r1 = map_fd(5) ll"],
  ["18 21 00 00 05 00 00 00 00 00 00 00 0c 00 00 00", "r1 = map_value(5, 12) ll", "(18) r1 = map_value(5, 12) ll"],
  ["18 31 00 00 4d 00 00 00 00 00 00 00 03 00 00 00", "r1 = btf_id(77, 3) ll", "(18) r1 = btf_id(77, 3) ll"],
  ["18 41 00 00 03 00 00 00 00 00 00 00 00 00 00 00", "r1 = func(pc+3) ll", "(18) r1 = func(pc+3) ll"],
  ["18 51 00 00 03 00 00 00 00 00 00 00 00 00 00 00", "r1 = map_idx(3) ll", "(18) r1 = map_idx(3) ll"],
  [
    "18 61 00 00 03 00 00 00 00 00 00 00 00 00 00 00",
    "r1 = map_idx_value(3, 0) ll",
    "(18) r1 = map_idx_value(3, 0) ll",
  ],
];

describe.each(ROWS)("%s", (hex, llvm, kernel) => {
  const [instruction] = decode(bytes(hex));

  it(`is \`${llvm}\` in LLVM's dialect`, () => {
    expect(formatInstruction(instruction!)).toBe(llvm);
    expect(parse(llvm)).toEqual([instruction]);
  });

  it(`is \`${kernel}\` in the kernel's`, () => {
    expect(formatInstruction(instruction!, "kernel")).toBe(kernel);
    expect(parse(kernel)).toEqual([instruction]);
  });
});

describe("names", () => {
  it.each<readonly [Instruction, string]>([
    [callSymbol("count"), "call count"],
    [{ ...callSymbol(".text"), imm: 2 }, "call .text+24"],
    [{ ...callLocal("sub") }, "call sub"],
    [{ ...callKernel(0, 1), symbol: "bpf_fancy" }, "call kfunc(bpf_fancy, 1)"],
    [{ ...callHelper(0), symbol: "late" }, "call helper(late)"],
    [ldSymbol(1, "counts", 12), "r1 = counts+12 ll"],
    [ldSymbol(1, "counts", -12), "r1 = counts-12 ll"],
    [{ ...ldSymbol(1, "counts", 4), immHigh: 1 }, "r1 = counts+4294967300 ll"],
    [ldFunction(1, "sub"), "r1 = sub ll"],
    [{ ...ldFunction(1, "sub"), immHigh: 7 }, "r1 = func(sub, 7) ll"],
    [{ ...ldMapFd(1, 8), symbol: "m" }, "r1 = map_fd(m+8) ll"],
    [{ ...ldMapValue(1, 0, 4), symbol: "a map" }, 'r1 = map_value("a map", 4) ll'],
    [ja("drop now"), 'goto "drop now"'],
    [ldSymbol(1, "r2"), 'r1 = "r2" ll'],
    [ldSymbol(1, "be16"), 'r1 = "be16" ll'],
    [callSymbol("pc"), 'call "pc"'],
    [callSymbol("W10"), 'call "W10"'],
    [callSymbol('say "hi"'), 'call "say \\"hi\\""'],
  ])("%o is %s", (instruction, text) => {
    expect(formatInstruction(instruction)).toBe(text);
  });
});

const program: readonly Instruction[] = [
  withComment("a comment\n  in two lines", mov64Imm(0, 2)),
  withLabel("drop now", ldImm64(1, 5)),
  ja("drop now"),
  exit(),
];

it("writes labels on lines of their own, and comments in one line", () => {
  expect(format(program)).toBe(
    '    r0 = 2 // a comment in two lines\n"drop now":\n    r1 = 5 ll\n    goto "drop now"\n    exit\n',
  );
});

it("numbers slots as each dialect's listings do", () => {
  expect(format(program.slice(1), { slots: true })).toBe(
    '"drop now":\n       0:  r1 = 5 ll\n       2:  goto "drop now"\n       3:  exit\n',
  );
  expect(format(program.slice(1), { slots: true, dialect: "kernel" })).toBe(
    '"drop now":\n0: (18) r1 = 0x5\n2: (05) goto "drop now"\n3: (95) exit\n',
  );
});

describe("what does not exist", () => {
  it.each<readonly [Instruction, string]>([
    [{ opcode: 0xff, dst: 1, src: 2, off: 3, imm: 4 }, "opcode 0xff dst 1 src 2 off 3 imm 4"],
    [{ ...mov64Imm(0, 1), imm: 2 ** 40 }, "opcode 0xb7 dst 0 src 0 off 0 imm 1099511627776"],
    [{ ...ldImm64(1, 5), src: 9 }, "opcode 0x18 dst 1 src 9 off 0 imm 5 immHigh 0"],
    [{ ...exit(), opcode: Number.NaN }, "opcode 0xNaN dst 0 src 0 off 0 imm 0"],
  ])("%o is shown field by field", (instruction, text) => {
    const shown = [formatInstruction(instruction), formatInstruction(instruction, "kernel")];
    expect(shown).toEqual([text, text]);
  });

  it("but for what the verifier puts into programs, which the kernel's dialect has words for", () => {
    const perCpu: Instruction = { opcode: 0xbf, dst: 0, src: 1, off: -1, imm: 0 };
    expect(formatInstruction(perCpu, "kernel")).toBe("(bf) r0 = &(void __percpu *)(r1)");
    expect(formatInstruction({ ...exit(), opcode: 0xc2 }, "kernel")).toBe("(c2) nospec");
  });
});
