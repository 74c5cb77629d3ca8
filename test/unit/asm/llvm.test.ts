/**
 * The assembler against LLVM's on chosen programs, with every LLVM of this machine; the fuzz target asm-llvm holds it to
 * the same over every builder and at random. And the excuses of that comparison, which must be true.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_MAP_VALUE,
  CALL,
  type Instruction,
  LD_IMM64,
  R0,
  R1,
  R6,
  atomicAddDw,
  callLocal,
  encode,
  exit,
  format,
  formatInstruction,
  ja,
  jaLong,
  jeqImm,
  jgtReg,
  layout,
  ldFunction,
  ldImm64,
  ldSymbol,
  mov64Imm,
  mov64Reg,
  withComment,
  withLabel,
} from "../../../src/codegen/asm/index.ts";
import { R_BPF_64_64, readElf } from "../../../src/codegen/elf/index.ts";
import { cornerInstructions } from "../../support/instructions.ts";
import { gap } from "../../support/llvm-gaps.ts";
import { INCOMPLETE, LLVMS } from "../../support/llvm-tools.ts";
import { assemble, assembleObject, disassemble, sameText, tryAssemble } from "../../support/llvm.ts";
import { everyForm, formOf } from "../../support/verifier-dialect.ts";

test("builders and pseudo forms make every form of instruction that docs/asm.md counts", () => {
  const made = new Set(cornerInstructions().map(formOf));
  const forms = everyForm().map(formOf);
  expect(forms.filter((form) => !made.has(form))).toEqual([]);
  const page = readFileSync(new URL("../../../docs/asm.md", import.meta.url), "utf8");
  expect(page).toContain(`makes it another instruction: ${forms.length})`);
});

test("one of the LLVMs knows the whole instruction set", (context) => {
  context.skip(INCOMPLETE !== undefined, INCOMPLETE);
  expect(LLVMS.at(-1)!.version).toBeGreaterThanOrEqual(20);
});

describe.each(LLVMS)("LLVM $version", (llvm) => {
  const program = [
    mov64Reg(R6, R1),
    withLabel("again", ldImm64(R0, -(2n ** 63n))),
    jgtReg(R0, R6, "again"),
    withComment('a comment with // and "quotes"\nand a second line', jeqImm(R0, 2, "out")),
    callLocal("sub"),
    ldFunction(R1, "sub"),
    ja("again"),
    withLabel("out", exit()),
    withLabel("sub", mov64Imm(R0, 0)),
    atomicAddDw(R1, -8, R0),
    exit(),
  ];

  test("resolves labels as layout does", () => {
    expect(assemble(format(program), llvm)).toEqual(encode(layout(program)));
  });

  test("keeps symbols as relocations, with the addend in the immediate", () => {
    const { sections, symbols } = readElf(
      assembleObject(format([ldSymbol(R1, "counts", 12), ldSymbol(R1, "a map")]), llvm),
    );
    const text = sections.find((section) => section.name === ".text")!;
    expect(text.data.slice(0, 16)).toEqual(encode([ldSymbol(R1, "counts", 12)]));
    expect(text.relocations.map(({ offset, type, symbol }) => [offset, type, symbols[symbol]!.name])).toEqual([
      [0, R_BPF_64_64, "counts"],
      [16, R_BPF_64_64, "a map"],
    ]);
  });

  test("a local call is marked as one", () => {
    const [, , , , call] = layout(program);
    expect(call).toMatchObject({ opcode: CALL, src: BPF_PSEUDO_CALL, imm: 4 });
  });

  test("a gotol reaches farther than 16 bits", (context) => {
    const far = [jaLong("end"), ...Array.from({ length: 0x9000 }, () => mov64Imm(R0, 0)), withLabel("end", exit())];
    const reason = gap(far[0]!, llvm.version, "reading");
    context.skip(reason !== undefined, `LLVM ${llvm.version} lacks ${reason}`);
    expect(Buffer.compare(assemble(format(far), llvm), encode(layout(far)))).toBe(0);
  });

  test("lacks what it is excused for", () => {
    const excused = (doing: "reading" | "printing"): Instruction[] =>
      cornerInstructions().filter((i) => gap(i, llvm.version, doing) !== undefined);
    const unread = excused("reading");
    const outcome = tryAssemble(unread.map((i) => formatInstruction(i)).join("\n"), llvm);
    const refused = "refused" in outcome ? outcome.refused : new Map<number, string>();
    const accepted = unread.filter((_, line) => !refused.has(line));
    // It takes `pc` in `call pc+1` for a symbol, and has no distance for it.
    const read = accepted.filter((i) => Buffer.compare(assemble(formatInstruction(i), llvm), encode([i])) === 0);
    expect(read.map((i) => formatInstruction(i))).toEqual([]);
    const crash = (i: Instruction): boolean => i.opcode === LD_IMM64 && i.src === BPF_PSEUDO_MAP_VALUE && i.imm === 0;
    const unprinted = excused("printing").filter((i) => !crash(i));
    const lines = [...disassemble(encode(unprinted), llvm).values()];
    expect(unprinted.filter((i) => lines.some((line) => sameText(formatInstruction(i), line)))).toEqual([]);
  });
});
