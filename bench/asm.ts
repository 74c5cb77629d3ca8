/**
 * The assembler on the code that clang made of the sample programs: instructions per second of each step, in one process,
 * and LLVM's tools on the same instructions. Theirs is the time of a process, from its start to its end.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  callHelper,
  decode,
  encode,
  exit,
  format,
  type Instruction,
  jeqImm,
  labelTargets,
  layout,
  ldxDw,
  mov64Imm,
  parse,
  R0,
  R1,
} from "../src/codegen/asm/index.ts";
import { readElf, SHF_EXECINSTR } from "../src/codegen/elf/index.ts";
import { kept } from "./kept.ts";
import { milliseconds, type Spread } from "./statistics.ts";

export interface AsmRow {
  readonly step: string;
  readonly instructions: number;
  /** Of all the instructions. */
  readonly milliseconds: Spread;
}

const WORDS = {
  method:
    "The instructions of the sample programs, over and over, 51 calls of each step in one process; five runs of LLVM's tools.",
  caveats: ["LLVM's times are those of processes, from their start to their end."],
};

export const asm = kept<AsmRow>("asm", WORDS, {
  measure({ smoke, progress }) {
    const rounds = smoke ? 1 : 51;
    const laidOut = sampleCode(smoke ? 100 : 20_000);
    const labelled = labelTargets(laidOut);
    const bytes = encode(laidOut);
    const text = format(labelled);
    const row = (step: string, calls: number, run: () => unknown): AsmRow => {
      progress(step);
      return { step, instructions: laidOut.length, milliseconds: milliseconds(calls, run) };
    };
    return [
      row("build", rounds, () => built(laidOut.length)),
      row("layout", rounds, () => layout(labelled)),
      row("encode", rounds, () => encode(laidOut)),
      row("decode", rounds, () => decode(bytes)),
      row("format", rounds, () => format(labelled)),
      row("parse", rounds, () => parse(text)),
      ...withFolder((folder) => {
        const [source, object, empty] = [join(folder, "a.s"), join(folder, "a.o"), join(folder, "empty.s")];
        writeFileSync(source, text);
        writeFileSync(empty, "");
        const tool = (name: string, ...words: string[]): Buffer =>
          execFileSync(name, words, { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"] });
        const assemble = (file: string): Buffer =>
          tool("llvm-mc", "-triple=bpf", "-mcpu=v3", "-filetype=obj", "-o", object, file);
        const few = smoke ? 1 : 5;
        return [
          row("llvm-mc, of nothing", few, () => assemble(empty)),
          row("llvm-mc", few, () => assemble(source)),
          row("llvm-objdump -d", few, () => tool("llvm-objdump", "-d", object)),
        ];
      }),
    ];
  },
  show: (rows) => [
    `${rows[0]!.instructions} instructions of compiled programs: millions per second, and ms by the median (minimum to maximum)`,
    ...rows.map(({ step, instructions, milliseconds: { min, median, max } }) => {
      const rate = (instructions / median / 1000).toFixed(2).padStart(8);
      return `${step.padEnd(20)} ${rate}  ${median.toFixed(2).padStart(8)}  (${min.toFixed(2)} to ${max.toFixed(2)})`;
    }),
    "llvm-mc and llvm-objdump: whole processes; take `of nothing` off for the work alone.",
  ],
});

/** As a program that makes code writes it. */
function built(count: number): readonly Instruction[] {
  const code: Instruction[] = [];
  while (code.length < count) {
    code.push(mov64Imm(R0, 2), ldxDw(R1, R1, 8), jeqImm(R0, 1, "end"), callHelper(1), exit());
  }
  return code;
}

/** At least `count` instructions of the sample programs, of whole functions, over and over. */
function sampleCode(count: number): readonly Instruction[] {
  const folder = "bpf/.output";
  const sections = readdirSync(folder)
    .filter((file) => file.endsWith(".bpf.o"))
    .toSorted()
    .flatMap((file) => readElf(new Uint8Array(readFileSync(join(folder, file)))).sections)
    .filter((section) => (section.flags & SHF_EXECINSTR) !== 0 && section.size > 0);
  const once = sections.flatMap((section) => decode(section.data));
  return Array.from({ length: Math.ceil(count / once.length) }, () => once).flat();
}

function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-bench-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
