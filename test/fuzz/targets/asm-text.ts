import { isDeepStrictEqual } from "node:util";
import {
  CALL,
  type Dialect,
  type Instruction,
  LD_IMM64,
  encode,
  format,
  layout,
  parse,
} from "../../../src/codegen/asm/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { cornerInstructions, randomProgram } from "../../support/instructions.ts";
import { type Random, random } from "../../support/random.ts";
import { guided } from "../guided.ts";
import { valueOrMistakes } from "../places.ts";
import { shrinkList } from "../shrink.ts";
import type { FuzzTarget } from "../target.ts";

/** Four cases of five are programs that are written and read; the rest, which cost more, are texts bred from valid ones. */
const target: FuzzTarget = {
  name: "asm-text",
  claim: "parse reads whatever format writes, and of any text it makes instructions or says where the mistakes are",
  cases: 10_000,
  run(seed, cases) {
    const from = random(seed);
    const programs = Math.floor(cases * 0.8);
    for (let nth = 0; nth < programs; nth++) checkProgram(namedProgram(from));
    const texts = guided({
      name: target.name,
      seeds: parents(),
      check: checkText,
      cases: cases - programs,
      seed,
      files: /src\/codegen\/asm\//,
    });
    return programs + texts;
  },
};
export default target;

const WRITINGS = (["llvm", "kernel"] as const).flatMap((dialect) =>
  [false, true].map((slots): { readonly dialect: Dialect; readonly slots: boolean } => ({ dialect, slots })),
);

/** Labels end with a number, which no symbol here does in the same way: a symbol that is a label would be one when read. */
const LABELS = ["L", ".L", "a b", "r", "w", 'é"\\', "pc", "be1", "map_", "\n"];
const SYMBOLS = ["counts", ".text", "a map", "r99", "pc", "ll", "kfunc", "func", "bswap16", "é\u0000", "u64", "if", ""];
const COMMENTS = ["c", "a // b # c ; d", '"', "(b7) r0 = 0", "; R0=1", "*/ /*", "é"];

function namedProgram(from: Random): readonly Instruction[] {
  return randomProgram(from, 1 + from.int(8), from.pick(LABELS)).map((instruction) => {
    let i = instruction;
    if ((i.opcode === CALL || i.opcode === LD_IMM64) && from.chance(0.3)) {
      const { target: _, ...aimless } = i;
      i = { ...aimless, symbol: from.pick(SYMBOLS), imm: from.pick([0, -1, 1, i.imm, 0x7fff_ffff, -0x8000_0000]) };
    }
    return from.chance(0.2) ? { ...i, comment: from.pick(COMMENTS) } : i;
  });
}

function checkProgram(program: readonly Instruction[]): void {
  for (const options of WRITINGS) {
    if (unread(program, options) === undefined) continue;
    // A shorter program may lack the label of a jump, which is another failure.
    const least = shrinkList(program, (list) => complete(list) && unread(list, options) !== undefined);
    throw new Error(`${unread(least, options)}\n${JSON.stringify(options)} of ${JSON.stringify(least)}`);
  }
}

function complete(list: readonly Instruction[]): boolean {
  const labels = new Set(list.map(({ label }) => label));
  return list.every(({ target: to }) => to === undefined || labels.has(to));
}

/** How what is read differs from what was written, if it does. */
function unread(program: readonly Instruction[], options: (typeof WRITINGS)[number]): string | undefined {
  const text = format(program, options);
  try {
    const read = parse(text);
    return isDeepStrictEqual(read, positiveZeros(program)) ? undefined : `${text}is read as ${JSON.stringify(read)}`;
  } catch (error) {
    return `${text}is refused: ${error instanceof Error ? error.stack : String(error)}`;
  }
}

/** The generators give -0 for a field now and then; bytes and text know one zero. */
function positiveZeros(program: readonly Instruction[]): readonly Instruction[] {
  return program.map((i) => ({
    ...i,
    off: i.off + 0,
    imm: i.imm + 0,
    ...(i.immHigh !== undefined && { immHigh: i.immHigh + 0 }),
  }));
}

function parents(): Uint8Array[] {
  const all = cornerInstructions();
  const starts = Array.from({ length: Math.ceil(all.length / 16) }, (_, nth) => nth * 16);
  const texts = starts.map((start, nth) => format(all.slice(start, start + 8), WRITINGS[nth % WRITINGS.length]));
  return [...texts, ...HANDWRITTEN].map((text) => new TextEncoder().encode(text));
}

/** What `format` does not write and `parse` reads. */
const HANDWRITTEN = [
  "a.o:\tfile format elf64-bpf\n\nDisassembly of section xdp:\n\n0000000000000000 <f>:\n       0:\tb7 00 00 00 02 00 00 00\tr0 = 2\n",
  "       1:\t18 01 00 00 05 00 00 00 00 00 00 00 00 00 00 00\tr1 = 5 ll\n\t\t0000000000000008:  R_BPF_64_64\tm\n",
  "       2:\td7 01 00 00 10 00 00 00\t<unknown>\n   3: (05) goto pc+0\n       05 00 00 00 00 00 00 00\n",
  "1: r0 = 1; goto 1b # back\n; int x = 5;\n12: (b7) r0 = 0  ; R0_w=0\n13: (95) exit ; (95) exit\n",
  'start: "a b": if r1 == 5 goto "a b"\n.section x, "a;b" // c\n/* x\n */ call start; r1 = start + 8 ll\nld_pseudo r1, 1, 5\r\n',
  "goto nowhere\nr1 = 0x1ffffffff\nr0 = 010\nlast:",
];

/** @throws Error when the text is neither read nor refused as it should be */
function checkText(bytes: Uint8Array): void {
  const text = new TextDecoder().decode(bytes);
  const result = valueOrMistakes(() => parse(text), text, "asm-invalid");
  if ("mistakes" in result) return;
  const read = result.value;
  try {
    encode(layout(read));
  } catch (error) {
    // A label may be too far; what stands in an instruction may not be wrong.
    if (!(error instanceof XdpgenError) || !/cannot lay out/.test(error.message)) throw error;
  }
  const again = parse(format(read));
  if (!isDeepStrictEqual(again, read)) {
    throw new Error(`${JSON.stringify(text)} is read as ${JSON.stringify(read)}, and that as ${JSON.stringify(again)}`);
  }
}
