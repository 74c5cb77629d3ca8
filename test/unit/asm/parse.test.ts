/** Text to instructions: what the grammar takes, beside what `format` writes (format.test.ts) and what fuzzing tries. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  CALL,
  type Instruction,
  callHelper,
  callKernel,
  callLocal,
  callSymbol,
  decode,
  encode,
  exit,
  format,
  ja,
  jaLong,
  jeqImm,
  layout,
  ldFunction,
  ldImm64,
  ldMapFd,
  ldMapValue,
  ldSymbol,
  ldxW,
  mov32Imm,
  mov64Imm,
  mov64Reg,
  parse,
  readStatements,
  resolveNames,
  stW,
  stxW,
  withComment,
  withLabel,
  R0,
} from "../../../src/codegen/asm/index.ts";
import { Mistakes } from "../../../src/diagnostic.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { cornerInstructions } from "../../support/instructions.ts";
import { INCOMPLETE, LLVMS, type LlvmTools } from "../../support/llvm-tools.ts";
import { assembleObject, withFile } from "../../support/llvm.ts";

describe("one instruction", () => {
  it.each<readonly [string, Instruction]>([
    ["r0=2", mov64Imm(0, 2)],
    ["\t R0 \t= 0x2 ", mov64Imm(0, 2)],
    ["r0 = 0b101", mov64Imm(0, 5)],
    ["r0 = -0x80000000", mov64Imm(0, -0x8000_0000)],
    ["r0 = - 1", mov64Imm(0, -1)],
    ["r0 = -0", mov64Imm(0, 0)],
    // Where 32 bits are all there is, a number says them with or without sign.
    ["w0 = 0xffffffff", mov32Imm(0, -1)],
    ["*(u32 *)(r1 + 0) = 4294967295", stW(1, 0, -1)],
    ["r0 = 0xffffffffffffffff ll", ldImm64(0, -1)],
    ["r0 = 9007199254740993 ll", ldImm64(0, 9007199254740993n)],
    ["r1 = /* the context */ r6", mov64Reg(1, 6)],
    // Four bytes are the same, whatever the register is called.
    ["w1 = *(u32 *)(r2+0x4)", ldxW(1, 2, 4)],
    ["r1 = *( u32 * ) ( r2 + -4 )", ldxW(1, 2, -4)],
    ["r1 = *(u32 *)(r2)", ldxW(1, 2, 0)],
    ["*(u32*)(r1-4)=w2", stxW(1, -4, 2)],
    ["goto 3", ja(3)],
    ["goto pc - 3", ja(-3)],
    ["goto +0x3", ja(3)],
    ["gotol -100000", jaLong(-100_000)],
    ["call 0x1", callHelper(1)],
    ["call bpf_map_lookup_elem#1", callHelper(1)],
    ["call bpf_dynptr_slice#78563", callKernel(78_563)],
    [
      "call count # a comment, with no number behind",
      withComment("a comment, with no number behind", callSymbol("count")),
    ],
    ["call .text+24", { ...callSymbol(".text"), imm: 2 }],
    ["call kfunc", callSymbol("kfunc")],
    ["r1 = counts + 4 ll", ldSymbol(1, "counts", 4)],
    ["r1 = map_fd ll", ldSymbol(1, "map_fd")],
    ["ld_pseudo r1, 1, 5", ldMapFd(1, 5)],
    ["ld_pseudo\tr1, 2, 51539607557", ldMapValue(1, 5, 12)],
    ["(18) r1 = 0x5", ldImm64(1, 5)],
    ["(b7) r1 = 5", mov64Imm(1, 5)],
    ["(55) if r1 != 0xffffffff goto pc+1", { ...jeqImm(1, -1, 1), opcode: 0x55 }],
  ])("%s", (text, instruction) => {
    expect(parse(text)).toEqual([instruction]);
  });
});

describe("labels", () => {
  it("stand before the next instruction, in any notation", () => {
    const text = 'start: r0 = 0\n.L1 :\n"a b":\tif r0 == 1 goto "a b"; goto .L1\n_$x.2: exit';
    expect(parse(text)).toEqual([
      withLabel("start", mov64Imm(0, 0)),
      withLabel(".L1", jeqImm(0, 1, ".L1")),
      ja(".L1"),
      withLabel("_$x.2", exit()),
    ]);
  });

  it("may be numbers, which 1b and 1f tell apart by direction", () => {
    const read = parse("1: goto 1b\ngoto 1f\n1: goto 1b\nr1 = 1f ll\ncall 1f\n1: exit");
    const byHand = layout([
      withLabel("a", ja("a")),
      ja("b"),
      withLabel("b", ja("b")),
      ldFunction(1, "c"),
      callLocal("c"),
      withLabel("c", exit()),
    ]);
    expect(encode(layout(read))).toEqual(encode(byHand));
  });

  it("name functions of the text for call and ld_imm64, and everything else is a symbol", () => {
    expect(parse("call sub\nr1 = sub ll\nr2 = sub+8 ll\ncall other\nr3 = counts ll\nsub: exit")).toEqual([
      callLocal("sub"),
      ldFunction(1, "sub"),
      ldSymbol(2, "sub", 8),
      callSymbol("other"),
      ldSymbol(3, "counts"),
      withLabel("sub", exit()),
    ]);
  });

  it("resolveNames does the same to a list, and leaves it alone otherwise", () => {
    const list = [callSymbol("sub"), callSymbol("other"), withLabel("sub", exit())];
    expect(resolveNames(list)).toEqual([callLocal("sub"), callSymbol("other"), withLabel("sub", exit())]);
    expect(resolveNames(resolveNames(list))).toEqual(resolveNames(list));
  });
});

describe("what stands around instructions", () => {
  it("comments end lines, and those behind an instruction are kept", () => {
    const text = "# one\nr0 = 0 // zero # yes\r\n/* a\n * block */ r0 = 1\nexit #\n\t// end";
    expect(parse(text)).toEqual([withComment("zero # yes", mov64Imm(0, 0)), mov64Imm(0, 1), exit()]);
  });

  it("`;` separates statements, but for lines of C and the verifier's states", () => {
    const text = [
      "r0 = 1; r0 = 2 ;; exit",
      "; return verdict; @ xdp.c:12",
      "12: (b7) r0 = 3                       ; R0_w=3 refs=2",
      "13: (b7) r0 = 4 ; (95) exit",
    ].join("\n");
    expect(parse(text)).toEqual(
      [1, 2].map((n) => mov64Imm(0, n)).concat(exit(), mov64Imm(0, 3), mov64Imm(0, 4), exit()),
    );
  });

  it("bytes in front are checked, and say what the text hides", () => {
    const text = [
      "       0:\t85 10 00 00 ff ff ff ff\tcall -1",
      "       1:\t85 20 00 00 05 00 00 00\tcall 5",
      "       2:\td7 01 00 00 10 00 00 00\t<unknown>",
      "   3: (18) r1 = 0x100000005",
      "       18 01 00 00 05 00 00 00 00 00 00 00 01 00 00 00",
      "   5: (18) r1 = 0x100000005",
      "       18 01 00 00 05 00 00 00",
      "       00 00 00 00 01 00 00 00",
    ].join("\n");
    expect(parse(text)).toEqual([
      callLocal(-1),
      callKernel(5),
      { opcode: 0xd7, dst: 1, src: 0, off: 0, imm: 16 },
      ldImm64(1, 0x1_0000_0005),
      ldImm64(1, 0x1_0000_0005),
    ]);
  });

  it("readStatements keeps directives and names as they are", () => {
    const text = '.section "a;b","ax" # c\nmain: call main; .globl\tmain // d\n7: goto 7b';
    expect(readStatements(text)).toEqual({
      diagnostics: [],
      statements: [
        { kind: "directive", name: ".section", args: '"a;b","ax"', span: { line: 1, column: 1, length: 20 } },
        { kind: "label", name: "main", span: { line: 2, column: 1, length: 4 } },
        { kind: "instruction", instruction: callSymbol("main"), span: { line: 2, column: 7, length: 9 } },
        { kind: "directive", name: ".globl", args: "main", span: { line: 2, column: 18, length: 12 } },
        { kind: "label", name: "7", numeric: true, span: { line: 3, column: 1, length: 1 } },
        {
          kind: "instruction",
          instruction: ja("7b"),
          span: { line: 3, column: 4, length: 7 },
          targetSpan: { line: 3, column: 9, length: 2 },
          numbered: true,
        },
      ],
    });
  });
});

function disassembly(object: Uint8Array, llvm: LlvmTools): string {
  return withFile(object, (path) => {
    const [file, ...words] = llvm.command("llvm-objdump");
    return execFileSync(file, [...words, "-dr", "--mattr=+alu32", path], { encoding: "utf8" });
  });
}

describe.each(LLVMS)("llvm-objdump $version", (llvm) => {
  it("prints listings that are read whole, headings, bytes, annotations and relocations", () => {
    const source = "xdp: call count\nr1 = counts+4 ll\nif r1 == 5 goto .Lout\nr0 = 1\n.Lout: exit\ntwo: goto two\n";
    const read = parse(disassembly(assembleObject(source), llvm));
    expect(read[0]).toEqual(withLabel("xdp", { ...callSymbol("count") }));
    expect(read[1]).toEqual(ldSymbol(1, "counts", 4));
    expect(read.map(({ label }) => label)).toEqual(["xdp", undefined, undefined, undefined, undefined, "two"]);
    expect(encode(read)).toEqual(encode(layout(parse(source))));
  });
});

it("the newest llvm-objdump prints every instruction so that it is read back", (context) => {
  context.skip(INCOMPLETE !== undefined, INCOMPLETE);
  const all = cornerInstructions();
  const code = all.flatMap((i) => [...encode([i])].map((byte) => `.byte ${byte}`));
  const listing = disassembly(assembleObject(`f:\n${code.join("\n")}\n`), LLVMS.at(-1)!);
  expect(parse(listing)).toEqual([withLabel("f", all[0]!), ...all.slice(1)]);
});

describe("a mistake", () => {
  /** Code and place of each mistake of a text. */
  function mistakes(text: string): string[] {
    try {
      parse(text);
    } catch (error) {
      if (!(error instanceof XdpgenError) || !(error.cause instanceof Mistakes)) throw error;
      expect(error.code).toBe("asm-invalid");
      expect(error.message).toBe(error.cause.message);
      return error.cause.diagnostics.map(({ code, line, column, length }) => `${code} ${line}:${column}+${length}`);
    }
    return [];
  }

  it.each([
    ["r1 = 0x80000000", "missing-ll 1:6+10"],
    ["r1 = counts", "missing-ll 1:6+6"],
    ["r1 = map_fd(5)", "missing-ll 1:14+1"],
    ["r1 = 0x10000000000000000 ll", "out-of-range 1:6+19"],
    ["w1 = 0x100000000", "out-of-range 1:6+11"],
    ["if r1 == 0x80000000 goto +1", "out-of-range 1:10+10"],
    ["goto 32768", "out-of-range 1:6+5"],
    ["r1 = *(u8 *)(r2 - 32769)", "out-of-range 1:17+7"],
    ["call f+4", "out-of-range 1:7+2"],
    ["r11 = 1", "unknown-register 1:1+3"],
    ["r1 += w10", "register-width 1:7+3"],
    ["*(u64 *)(r1 + 0) = w2", "register-width 1:20+2"],
    ["*(u32 *)(w1 + 0) = w2", "register-width 1:10+2"],
    ["w1 = *(s8 *)(r2 + 0)", "register-width 1:1+2"],
    ["w1 = 5 ll", "register-width 1:1+2"],
    ["r1 = *(u12 *)(r2 + 0)", "unknown-size 1:8+3"],
    ["*(s8 *)(r1 + 0) = r2", "unknown-size 1:3+5"],
    ["w1 = (s32)w2", "unknown-size 1:7+3"],
    ["lock *(u8 *)(r1 + 0) += r2", "unknown-size 1:7+6"],
    ["r2 = atomic64_fetch_add((u32 *)(r1 + 0), r2)", "unknown-size 1:25+7"],
    ["r1 = be16 r2", "same-register 1:11+2"],
    ["r2 = xchg_64(r1 + 0, r3)", "same-register 1:22+2"],
    ["r1 = cmpxchg_64(r1 + 0, r0, r3)", "same-register 1:1+2"],
    ["r1 = *(u8 *)skb[0]", "same-register 1:1+2"],
    ["(b4) r0 = 1", "opcode-mismatch 1:1+4"],
    ["0: b7 00 00 00 01 00 00 00 r0 = 2", "opcode-mismatch 1:28+6"],
    ["call bpf_map_lookup_elm#1", "unknown-helper 1:6+18"],
    ["call bpf_map_lookup_elem#290016", "unknown-helper 1:6+19"],
    ["r0 = 010", "number 1:6+3"],
    ["r0 = 12ab", "number 1:6+4"],
    ["mov r0, 1", "unknown-instruction 1:1+3"],
    ["0: ff 00 00 00 00 00 00 00 <unknown>", "unknown-instruction 1:28+9"],
    ['goto "out', "unterminated 1:6+1"],
    ["exit /* and", "unterminated 1:6+2"],
    ["exit exit", "syntax 1:6+4"],
    ["if r1 = 5 goto +1", "syntax 1:7+1"],
    ["r0 =", "syntax 1:4+1"],
    ["= 5", "syntax 1:1+1"],
    ["0000000000000000 <f", "syntax 1:18+2"],
    ["b7 00 00 00 01 00 00 00", "syntax 1:1+23"],
    ["0000000000000008:  R_BPF_64_64 m", "syntax 1:20+13"],
    [".text", "directive 1:1+5"],
    ["goto nowhere", "undefined-label 1:6+7"],
    ["goto 1f", "undefined-label 1:6+2"],
    ["a: exit\na: exit", "duplicate-label 2:1+1"],
    ["exit\nout:", "label-at-end 2:1+3"],
  ])("%s", (text, mistake) => {
    expect(mistakes(text)).toEqual([mistake]);
  });

  it("does not hide the others", () => {
    expect(mistakes("r0 =; goto x\nexit\nr12 = 1 ; exti\n")).toHaveLength(4);
  });

  it("takes with it what a listing says of the same instruction", () => {
    expect(
      mistakes(
        "0: (18) r1 = map[id:5]\n   18 11 00 00 05 00 00 00 00 00 00 00 00 00 00 00\n2: exit\n   95 00 00 00 00 00 00 00",
      ),
    ).toEqual(["missing-ll 1:14+3"]);
    expect(mistakes("0: r1 = m\n\t\t0000000000000000:  R_BPF_64_64\tm")).toEqual(["missing-ll 1:9+1"]);
  });

  it("is shown ten times of one line and a thousand times of a text, and then no more", () => {
    expect(mistakes("x;".repeat(5000))).toHaveLength(10);
    const many = mistakes("x\n".repeat(5000));
    expect(many).toHaveLength(1000);
    expect(many.at(-1)).toBe("too-many 1000:1+1");
  });
});

it("reads what it writes", () => {
  const all = cornerInstructions();
  expect(parse(format(all))).toEqual(all);
  expect(decode(encode(parse(format(all, { dialect: "kernel", slots: true }))))).toEqual(all);
  expect(all.some(({ opcode }) => opcode === CALL)).toBe(true);
});

describe("names of digits", () => {
  it("are names in quotes, and numeric labels without", () => {
    const program = [ja("1"), mov64Imm(R0, 0), withLabel("1", callSymbol("1b")), exit()];
    expect(parse(format(program))).toEqual(program);
    expect(parse('goto 1f\n1:\ncall "1f"\n"2":\nexit\n')).toEqual([
      { ...ja(".L1_1") },
      { ...callSymbol("1f"), label: ".L1_1" },
      { ...exit(), label: "2" },
    ]);
  });
});
