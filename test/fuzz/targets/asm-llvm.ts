import { type Instruction, LD_IMM64, decode, formatInstruction, mov64Imm } from "../../../src/codegen/asm/index.ts";
import { refusal } from "../../support/damage.ts";
import {
  type Call,
  cornerInstructions,
  randomCall,
  randomInstruction,
  randomProgram,
} from "../../support/instructions.ts";
import { gap, llvmText } from "../../support/llvm-gaps.ts";
import { LLVMS } from "../../support/llvm-tools.ts";
import { llvmWords } from "../../support/llvm-words.ts";
import { type Random, random } from "../../support/random.ts";
import { type Line, isReadBack, knowsNoOther, prints, reads, resolves } from "../agreement.ts";
import type { FuzzTarget } from "../target.ts";

/** Instructions for one round of calls of LLVM's tools: to start one costs as much as a thousand of them. */
const ROUND = 8000;

/**
 * Our assembler and LLVM's are one. Every LLVM of this machine is asked; what is excused stands in
 * test/support/llvm-gaps.ts with its reason. Half of the cases are single, the other half stand in programs.
 */
const target: FuzzTarget = {
  name: "asm-llvm",
  claim:
    "LLVM reads builders and text as our bytes, prints our bytes as our text, knows the same bytes, resolves labels alike",
  cases: 8000,
  run(seed, cases) {
    const from = random(seed);
    let done = 0;
    while (done < cases) {
      const size = Math.ceil(Math.min(ROUND, cases - done) / 6);
      const calls = Array.from({ length: size }, () => randomCall(from));
      const candidates = Array.from({ length: size }, () => anySlots(from));
      const any = Array.from({ length: size }, () => randomInstruction(from));
      const list = [...(done === 0 ? cornerInstructions() : []), ...any, ...candidates.flatMap(decoded)];
      const programs = programsOf(from, size * 3);
      for (const llvm of LLVMS) {
        const has = (doing: "reading" | "printing", i: Instruction): boolean =>
          gap(i, llvm.version, doing) === undefined;
        const printed = list.filter((i) => has("printing", i));
        prints(llvm, printed);
        isReadBack(llvm, printed.filter(isToldWhole));
        const lines = [...calls.flatMap(inWords), ...list.map((i) => ({ instruction: i, text: formatInstruction(i) }))];
        reads(
          llvm,
          lines.filter(({ instruction }) => has("reading", instruction)),
        );
        knowsNoOther(llvm, candidates);
        // In place of what it lacks stands what it has, so that labels and distances stay.
        resolves(
          llvm,
          programs.map((program) => program.map((i) => (has("reading", i) ? i : inPlaceOf(i)))),
        );
      }
      done += size + list.length + candidates.length + programs.flat().length;
    }
    return done;
  },
};
export default target;

/** The instruction that bytes are, if they are one. */
function decoded(bytes: Uint8Array): Instruction[] {
  let list: Instruction[] = [];
  refusal(() => (list = decode(bytes)));
  return list;
}

function inWords({ builder, args, instruction }: Call): Line[] {
  const text = llvmWords(builder, args);
  return text === undefined ? [] : [{ instruction, text }];
}

/** Whether LLVM's text is of this instruction and no other: of a pseudo `ld_imm64` it leaves out the upper half. */
function isToldWhole(i: Instruction): boolean {
  return llvmText(i) === formatInstruction(i) || (i.opcode === LD_IMM64 && i.immHigh === 0);
}

function inPlaceOf({ label }: Instruction): Instruction {
  return { ...mov64Imm(0, 0), ...(label === undefined ? {} : { label }) };
}

/** Programs of `total` instructions together, most of them short; one in thirty has jumps nearly as far as they reach. */
function programsOf(from: Random, total: number): Instruction[][] {
  const programs: Instruction[][] = [];
  for (let left = total; left > 0; left -= programs.at(-1)!.length) {
    const longest = from.chance(1 / 30) ? 16_000 : from.chance(0.2) ? 500 : 30;
    programs.push(randomProgram(from, 1 + from.int(longest), `p${programs.length}_`));
  }
  return programs;
}

/** Bytes that may be an instruction: any opcode, and in each field zero as often as something else. */
function anySlots(from: Random): Uint8Array {
  const opcode = from.int(256);
  const bytes = new Uint8Array(opcode === LD_IMM64 ? 16 : 8);
  const view = new DataView(bytes.buffer);
  const maybe = (value: number): number => (from.chance(0.5) ? 0 : value);
  bytes[0] = opcode;
  bytes[1] = maybe(from.int(11)) | (maybe(from.int(11)) << 4);
  view.setInt16(2, maybe(from.pick([1, 8, 16, 32, -1, from.int(0x8000)])), true);
  view.setInt32(4, maybe(from.pick([1, 8, 16, 32, 64, 0x50, 0xe1, 0xf1, 0x100, 0x110, from.bits32() | 0])), true);
  // LLVM 14 may crash at an ld_imm64 of 0, see its gaps.
  if (opcode === LD_IMM64 && bytes[4] === 0) bytes[4] = 1;
  if (opcode === LD_IMM64) view.setInt32(12, maybe(from.bits32() | 0), true);
  return bytes;
}
