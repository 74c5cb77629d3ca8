/** Directives one by one, what is refused, and where. LLVM's assembler is the witness for the bytes: see the fuzz target too. */
import { describe, expect, it } from "vitest";
import { type ElfObject, readElf, writeElf } from "../../../src/codegen/elf/index.ts";
import { parseObject, type ParseObjectOptions } from "../../../src/codegen/source/index.ts";
import { Mistakes } from "../../../src/diagnostic.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { LLVMS } from "../../support/llvm-tools.ts";
import { assembleObject } from "../../support/llvm.ts";
import { meaning } from "./same.ts";

describe("the same as LLVM", () => {
  const SOURCES: readonly (readonly [string, string])[] = [
    ["no section said", "r0 = 2\nexit\n"],
    [
      "calls of every binding",
      "call l\ncall g\ncall w\ncall u\ncall 5\n.globl g\n.weak w\nl: exit\ng: exit\nw: exit\n",
    ],
    ["a call into another section", '.section a,"ax"\nexit\nf: exit\n.text\ncall f\ncall f + 8\n'],
    ["a call behind a name", "call f + 8\nf: exit\nexit\n"],
    [
      "addresses",
      ".data\n.zero 4\nd: .zero 4\n.text\nr1 = d ll\nr1 = d + 2 ll\nr1 = .data + 2 ll\nr1 = u - 8 ll\nr1 = .Lhere ll\n.Lhere: exit\n",
    ],
    ["an absolute address", ".set five, 5\nr1 = five ll\nr1 = five + 2 ll\nexit\n"],
    [
      "addresses in data",
      ".data\na: .quad a, a + 1, u, .\n.long a, u, .\n.text\nf: exit\n.Lf: exit\n.data\n.long f, .Lf, .Lf + 8\n.quad f\n",
    ],
    ["merged strings", '.section .s,"aMS",@progbits,1\n.asciz "x"\n.Ls: .asciz "y"\n.data\n.quad .Ls, .Ls + 1\n'],
    ["distances", "a: exit\nb: exit\n.data\n.long b - a, a - b\n.quad . - 4\n.byte b - a + 1\n.short (b - a) * 3\n"],
    ["numeric labels", "1: goto 1f\ngoto 1b\n1: if r1 == 0 goto 1b\ngoto 1f\n1: exit\n"],
    [
      "numbers",
      ".byte 1, -1, 0x1f, 017, 0b11, 'a', '\\n', '\\'', 255, -128\n.short 0xffff\n.long 1 << 31\n.quad 0xffffffffffffffff\n",
    ],
    [
      "operators",
      ".byte 1+2*3, 1|2+4, 8>>1+1, -7/2, 7%4, ~1 & 0xff, 5-3-1, 0x10&0xff^1, !0, !5, (1+2)*3, +4, 1+1<<2, 1<<2*3, 6&3+1\n",
    ],
    ["strings", '.ascii "a\\n\\t\\"\\\\\\101\\0\\08", "b"\n.asciz "c", ""\n.string "é # ; // no comment"\n'],
    ["long numbers", ".uleb128 0, 127, 128, 0xffffffffffffffff\n.sleb128 0, 63, 64, -64, -65, -1\n"],
    ["distances as long numbers", ".data\n.uleb128 .Lb - .La\n.La: .zero 200\n.Lb: .uleb128 .Lb - .La + 20000\n"],
    ["alignment of data", ".data\n.byte 1\n.p2align 2\n.byte 1\n.balign 8, 0xff\n.byte 1\n.p2align 4,,3\n.align 2\n"],
    ["alignment of code", ".text\nexit\n.p2align 4\nexit\n.p2align 5, 1\n"],
    ["fillings", ".data\n.zero 3\n.skip 2, 5\n.space 1\n.fill 3, 2, 0x1234\n.fill 2\n.fill 1, 8, 0x12345678\n"],
    [
      "sections by name alone",
      ".section .text.a\nexit\n.section .rodata.x\n.section .data.x\n.section .bss.x\n.section .note.x\n.section other\n.bss\n.zero 4\n.rodata\n.byte 1\n",
    ],
    [
      "sections by flags",
      '.section a,"awx",@nobits\n.zero 4\n.section b,"",@note\n.section c,"aR"\n.section d,"a",@8\n.section e,"a",@0x7000001e\n.section "f g","a"\n.section h,"0x3"\n',
    ],
    [
      "sections again",
      '.section a,"aw"\n.byte 1\n.text\nexit\n.section a\n.byte 2\n.previous\nexit\n.pushsection b,"a"\n.byte 3\n.popsection\nexit\n',
    ],
    [
      "sections of one name",
      '.section a,"ax",@progbits,unique,1\nf: exit\n.section a,"ax",@progbits,unique,2\ncall f\n',
    ],
    [
      "symbols",
      ".globl a\n.type a,@function\n.size a, 1f - a\na: exit\n1: .weak b\n.hidden b\n.type b,%object\n.protected c\nc: exit\n.internal d\nd: exit\n.type e,STT_FUNC\n.size f, 8\n",
    ],
    ["local said aloud", ".local l\ncall l\nr1 = l ll\nl: exit\n.data\n.quad l\n"],
    ["weak after global", ".globl a\n.weak a\na: exit\n"],
    [
      "other names",
      ".data\nd: .quad 1\n.type d,@object\n.size d, 8\n.set e, d\n.globl e\n.set f, d + 4\n.set n, 5\n.quad e, f, n\n.set u, v\n.quad u\n",
    ],
    ["a number given twice", ".set n, 1\n.byte n\n.set n, 2\n.byte n\n"],
    ["commons", ".comm a, 8, 8\n.comm b, 3\n.local c\n.comm c, 4, 4\n.lcomm d, 4\n"],
    ["files and idents", '.file "a.c"\n.ident "x 1"\n.ident "y"\n'],
    ["what is ignored", ".addrsig\n"],
    ["quoted names", '.globl "a b"\n"a b": exit\ngoto c\n"c": call "a b"\nr1 = "a b" ll\n'],
    ["an addend that no double holds", ".data\na: .quad a - 0x7fffffff00000001\n"],
    ["statements in one line", "r0 = 1; r1 = 2; exit # the end; of it\n.byte 1; .byte 2 // three\n"],
  ];

  it.each(SOURCES)("%s", (_, text) => {
    for (const llvm of LLVMS) expect(meaning(parseObject(text))).toEqual(meaning(readElf(assembleObject(text, llvm))));
  });

  it("a fill of zero in code that is written down", (context) => {
    const llvm = LLVMS.at(-1)!;
    context.skip(llvm.version < 20, `LLVM ${llvm.version} takes it for none, and pads with instructions`);
    const text = ".text\nexit\n.p2align 4, 0\nexit\n";
    expect(meaning(parseObject(text))).toEqual(meaning(readElf(assembleObject(text, llvm))));
  });
});

/** The bytes of a section, in hexadecimal digits. */
const hex = (object: ElfObject, name: string): string =>
  Buffer.from(object.sections.find((section) => section.name === name)!.data).toString("hex");

describe("long jumps", () => {
  const far = (count: number): string => `${"r0 = 0\n".repeat(count)}end: exit\n`;

  it("are refused unless they are asked for, and the message says how", () => {
    expect(() => parseObject(`goto end\n${far(32_768)}`)).toThrow(/end is 32768 slots away.*[\s\S]*long jumps/);
    expect(hex(parseObject(`goto end\n${far(32_767)}`), ".text").slice(0, 16)).toBe("0500ff7f00000000");
  });

  it("are gotol, behind the opposite compare where there is one, and numbers are counted anew", () => {
    const text = `if r1 > 5 goto end\nif r1 & 5 goto end\ngoto +40000\n`.replace("+40000", "end");
    const object = parseObject(`goto -1\n${text}goto -5\n${far(32_768)}`, { longJumps: true });
    expect(hex(object, ".text").match(/.{16}/g)!.slice(0, 8)).toEqual([
      "0500ffff00000000",
      "b501010005000000", // if r1 <= 5 goto +1
      "0600000005800000",
      "4501010005000000", // if r1 & 5 goto +1
      "0500010000000000",
      "0600000002800000",
      "0600000001800000",
      "0500f8ff00000000", // to what was slot 0, five instructions before
    ]);
  });
});

describe("a text without directives", () => {
  const program = { section: "xdp" };
  const functions = (text: string, more: Partial<ParseObjectOptions["program"]> = {}): string[] => {
    const object = parseObject(text, { program: { ...program, ...more } });
    writeElf(object);
    return meaning(object).symbols.filter((line) => line.includes(" func "));
  };

  it("is one program", () => {
    expect(functions("r0 = 2\nexit\n")).toEqual(["xdp_prog func global default 0+16 in xdp"]);
  });

  it("is named by its first label, or as it is said", () => {
    expect(functions("pass: r0 = 2\nexit\n")).toEqual(["pass func global default 0+16 in xdp"]);
    expect(functions("pass: r0 = 2\nexit\n", { name: "other" })).toEqual(["other func global default 0+16 in xdp"]);
    expect(functions("0: (b7) r0 = 2\n1: (95) exit\n")).toEqual(["xdp_prog func global default 0+16 in xdp"]);
  });

  it("has what it calls in .text, where loaders look for it", () => {
    const text = "r1 = 1\ncall twice\nexit\ntwice: r0 = r1\nr0 += r0\nexit\n";
    expect(functions(text)).toEqual([
      "twice func local default 0+24 in .text",
      "xdp_prog func global default 0+24 in xdp",
    ]);
  });

  it("has a license if one is given", () => {
    const object = parseObject("r0 = 2\nexit\n", { program: { ...program, license: 'a "GPL"' } });
    expect(hex(object, "license")).toBe(Buffer.from('a "GPL"\0').toString("hex"));
  });

  it("is left alone when it has a directive, or nobody says what it is", () => {
    expect(functions(".text\nr0 = 2\nexit\n")).toEqual([]);
    expect(parseObject("r0 = 2\nexit\n").sections.map(({ name }) => name)).toEqual([".text"]);
  });
});

describe("our own words", () => {
  it(".reloc makes the relocation that it says", () => {
    const object = parseObject(
      "f: r1 = 0 ll\nexit\n.data\nd: .quad 7\n.text\n.reloc 0, R_BPF_64_64, d\n.reloc f + 16, R_BPF_64_32, f\n",
    );
    expect(meaning(object).sections[".text"]).toMatchObject({
      relocations: ["0: 1 d notype local default 0+0 in .data", "16: 10 f notype local default 0+0 in .text"],
    });
  });
});

interface Wrong {
  readonly text: string;
  /** `line:column:length code`, for each mistake. */
  readonly places: readonly string[];
  readonly words: RegExp;
}

describe("mistakes", () => {
  const WRONG: readonly Wrong[] = [
    {
      text: ".globll a\n",
      places: ["1:1:7 unknown-directive"],
      words: /no directive \.globll[\s\S]*did you mean \.globl\?/,
    },
    { text: "  .macro m\n", places: ["1:3:6 unknown-directive"], words: /\.macro/ },
    { text: ".section\n", places: ["1:1:8 syntax"], words: /a section's name is missing/ },
    { text: '.section a,"aq"\n', places: ["1:12:4 unknown-flag"], words: /no section has a flag "q"/ },
    { text: '.section a,"aG",@progbits,g,comdat\n', places: ["1:12:4 unsupported"], words: /groups of sections/ },
    { text: '.section a,"a",@progbit\n', places: ["1:16:1 unknown-type"], words: /did you mean progbits/ },
    { text: '.section a,"a"\n.section a,"aw"\n', places: ["2:1:15 section-changed"], words: /began with flags 0x2/ },
    { text: "exit\n.popsection\n", places: ["2:1:11 no-section"], words: /\.pushsection/ },
    { text: ".globl\n", places: ["1:1:6 syntax"], words: /a symbol's name is missing/ },
    { text: ".local a\n.globl a\na: exit\n", places: ["2:8:1 binding-changed"], words: /a is already local/ },
    { text: ".type a,@func\n", places: ["1:9:1 unknown-type"], words: /did you mean function/ },
    { text: ".size a\n", places: ["1:7:1 syntax"], words: /`,` is missing/ },
    { text: ".size a, u\na: exit\n", places: ["1:10:1 not-a-number"], words: /the address of u is not known/ },
    {
      text: ".byte 256, 1\n.byte -129\n",
      places: ["1:7:3 out-of-range", "2:7:1 out-of-range"],
      words: /256 does not fit 1 byte/,
    },
    { text: ".byte a\na: exit\n", places: ["1:7:1 unsupported"], words: /1 bytes cannot hold the address of a/ },
    { text: ".byte 1 +\n", places: ["1:9:1 syntax"], words: /a number or a name is missing/ },
    { text: ".byte 1 1\n", places: ["1:9:1 syntax"], words: /one operand too many/ },
    { text: ".byte 08\n", places: ["1:7:2 syntax"], words: /octal/ },
    { text: ".byte 1 / 0\n", places: ["1:1:11 out-of-range"], words: /1 \/ 0 has no value/ },
    { text: ".quad 0x10000000000000000\n", places: ["1:7:19 out-of-range"], words: /does not fit 64 bits/ },
    { text: ".ascii a\n", places: ["1:8:1 syntax"], words: /in double quotes/ },
    { text: '.ascii "\\q"\n', places: ["1:8:4 syntax"], words: /\\q is no escape/ },
    { text: ".zero -1\n", places: ["1:1:8 out-of-range"], words: /-1 times 1 bytes/ },
    { text: ".zero u\n", places: ["1:7:1 not-a-number"], words: /write a number/ },
    { text: ".balign 3\n", places: ["1:1:9 out-of-range"], words: /3, no power of two/ },
    { text: "exit\n.byte 1\n.p2align 3\n", places: ["3:1:10 out-of-range"], words: /7 bytes between instructions/ },
    {
      text: '"": exit\n.globl ""\ncall ""\n.quad "\\u0000"\n.section "a\\u0000"\n.file "\\000"\n',
      places: ["1:1:2 no-name", "2:8:2 no-name", "3:1:7 no-name", "4:1:14 no-name", "5:1:18 no-name", "6:1:12 no-name"],
      words: /a symbol has no name[^]*"\\u0000" is no name[^]*NUL ends a name/,
    },
    { text: ".bss\n.byte 1\n", places: ["2:7:1 unsupported"], words: /only zeros/ },
    { text: 'exit\n.bss\n.asciz "", "x"\n', places: ["3:12:3 unsupported"], words: /only zeros/ },
    {
      text: "a: exit\n  a: exit\n",
      places: ["2:3:1 duplicate-label"],
      words: /a is defined twice[\s\S]*:1:1: note: it is first defined here/,
    },
    {
      text: "goto lop\nloop: exit\n",
      places: ["1:6:3 undefined-label"],
      words: /no label lop[\s\S]*did you mean loop\?/,
    },
    { text: "goto 1b\n1: exit\n", places: ["1:6:2 undefined-label"], words: /no label 1/ },
    { text: ".long .Lx\n", places: ["1:7:3 undefined-label"], words: /no label \.Lx/ },
    { text: 'goto f\n.section a,"ax"\nf: exit\n', places: ["1:6:1 wrong-section"], words: /f is in section a/ },
    {
      text: ".data\n.long a - b\na: .zero 1\n.text\nb: exit\n",
      places: ["2:11:1 no-distance"],
      words: /a is in section \.data and b is in section \.text/,
    },
    {
      text: ".set a, b\n.set b, a\n.quad a\n",
      places: ["1:9:1 syntax", "2:9:1 syntax", "2:9:1 syntax"],
      words: /depends on/,
    },
    {
      text: ".byte 1\nf: exit\n.byte 1\ncall f\ngoto f\n",
      places: ["4:1:6 out-of-range", "5:1:6 out-of-range"],
      words: /not a number of whole slots/,
    },
    {
      text: ".byte 1\n1: exit\n.byte 1\ngoto 1b\n.data\n.byte 1b\n.zero 1b\n.long 1b - b\nb: .zero 1\n",
      places: ["4:1:7 out-of-range", "6:7:2 unsupported", "7:7:2 not-a-number", "8:12:1 no-distance"],
      words: /1 is -9 bytes away[^]*the address of 1\n[^]*the address of 1 is not known[^]*error: 1 is in section/,
    },
    { text: ".reloc 0, R_BPF_64_46, a\nexit\n", places: ["1:11:11 unknown-type"], words: /did you mean R_BPF_64_64/ },
    {
      text: ".reloc 4, R_BPF_64_64, a\nexit\n",
      places: ["1:1:24 out-of-range"],
      words: /bytes 4 to 20 are not in section \.text/,
    },
    { text: "call five\n.set five, 5\n", places: ["1:1:9 syntax"], words: /five is the number 5/ },
  ];

  function refusal(text: string): { error: XdpgenError; mistakes: Mistakes } {
    try {
      parseObject(text, { file: "a.s" });
    } catch (error) {
      if (error instanceof XdpgenError && error.cause instanceof Mistakes) return { error, mistakes: error.cause };
      throw error;
    }
    throw new Error("nothing was refused");
  }

  it.each(WRONG)("$text", ({ text, places, words }) => {
    const { error, mistakes } = refusal(text);
    expect(error.code).toBe("asm-invalid");
    const found = mistakes.diagnostics.map(({ line, column, length, code }) => `${line}:${column}:${length} ${code}`);
    expect(found).toEqual(places);
    expect(error.message).toMatch(words);
  });

  it("are shown all at once, those of instructions too", () => {
    const { mistakes } = refusal("r0 = \n.byte 300\ngoto nowhere\n.nothing\na: exit\na: exit\n");
    expect(mistakes.diagnostics.map(({ line }) => line)).toEqual([1, 2, 3, 4, 6]);
  });

  it.each([
    [
      "names set through each other",
      `${Array.from({ length: 60 }, (_, n) => `.set a${n}, a${n + 1} - a${n + 1}\n`).join("")}.quad a0\na60: exit\n`,
    ],
    ["brackets", `.quad ${"(".repeat(100_000)}\n`],
    ["terms", `.quad 1${"+1".repeat(100_000)}\n`],
    ["a long line", `.ascii "${"x".repeat(1_000_000)}\n`],
    ["memory", ".zero 0x7fffffffffffffff\n"],
  ])("end soon: %s", (_, text) => {
    try {
      parseObject(text);
    } catch (error) {
      expect(error).toBeInstanceOf(XdpgenError);
    }
  });
});
