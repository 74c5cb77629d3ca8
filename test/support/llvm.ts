/** LLVM's assembler and disassembler for BPF, as witnesses. Their absence fails a test: install Debian's package `llvm`. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_END,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP32,
  BPF_JSET,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_MOD,
  BPF_ST,
  BPF_STORE_REL,
  type Instruction,
  classOf,
  isAlu,
  isJump,
  modeOf,
  operationOf,
} from "../../src/codegen/asm/index.ts";
import { SHF_ALLOC, SHF_EXECINSTR, SHT_PROGBITS, readElf, writeElf } from "../../src/codegen/elf/index.ts";

/** The instruction set's newest version that this LLVM knows. */
export const LLVM_VERSION = Number(
  /LLVM version (\d+)/.exec(execFileSync("llvm-mc", ["--version"], { encoding: "utf8" }))?.[1],
);
const CPU = LLVM_VERSION >= 18 ? "v4" : "v3";

/** Runs `use` with the path of a temporary file that holds `content`. */
export function withFile<T>(content: string | Uint8Array, use: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-test-"));
  try {
    const path = join(folder, "input.o");
    writeFileSync(path, content);
    return use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The object that llvm-mc makes of assembly text. Throws with its messages. */
export function assembleObject(text: string): Uint8Array {
  return withFile(text, (path) => {
    const output = `${path}.obj`;
    execFileSync("llvm-mc", ["-triple", "bpfel", "-filetype=obj", `-mcpu=${CPU}`, "-o", output, path], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return new Uint8Array(readFileSync(output));
  });
}

/** The bytes of `.text` that llvm-mc makes. */
export function assemble(text: string): Uint8Array {
  return readElf(assembleObject(text)).sections.find((section) => section.name === ".text")!.data;
}

/** Which of these lines llvm-mc refuses, each taken alone. */
export function refusedLines(lines: readonly string[]): Set<number> {
  return withFile(lines.join("\n"), (path) => {
    try {
      execFileSync("llvm-mc", ["-triple", "bpfel", `-mcpu=${CPU}`, path], { stdio: ["ignore", "ignore", "pipe"] });
      return new Set();
    } catch (error) {
      const messages = String((error as { stderr: Buffer }).stderr);
      return new Set([...messages.matchAll(/:(\d+):\d+: error:/g)].map(([, line]) => Number(line) - 1));
    }
  });
}

/** Whether this LLVM knows the instruction: 14 has the instruction set's version 3 without remainders, 20 has all. */
export function knowsInstruction(i: Instruction): boolean {
  if (LLVM_VERSION >= 20) return true;
  const operation = operationOf(i.opcode);
  if (isAlu(i.opcode)) return i.off === 0 && operation !== BPF_MOD && i.opcode !== (BPF_ALU64 | BPF_END);
  if (isJump(i.opcode)) return operation !== BPF_JCOND && operation !== BPF_JSET && i.opcode !== (BPF_JMP32 | BPF_JA);
  if (classOf(i.opcode) === BPF_ST || modeOf(i.opcode) === BPF_MEMSX) return false;
  return modeOf(i.opcode) !== BPF_ATOMIC || (i.imm !== BPF_LOAD_ACQ && i.imm !== BPF_STORE_REL);
}

/** What llvm-objdump calls the instructions of a section: one line each, without addresses, immediates in decimal. */
export function disassemble(code: Uint8Array): string[] {
  const section = {
    name: ".text",
    type: SHT_PROGBITS,
    flags: SHF_ALLOC | SHF_EXECINSTR,
    data: code,
    size: code.length,
    align: 8,
    entrySize: 0,
    relocations: [],
  };
  const object = writeElf({ sections: [section], symbols: [] });
  const text = withFile(object, (path) =>
    execFileSync("llvm-objdump", ["-d", "--no-show-raw-insn", `--mcpu=${CPU}`, "--mattr=+alu32", path], {
      encoding: "utf8",
    }),
  );
  return text
    .split("\n")
    .map((line) => /^\s+[0-9a-f]+:\s+(.*?)(?:\s+<\S+>)?\s*$/.exec(line)?.[1])
    .filter((line) => line !== undefined)
    .map((line) => line.replaceAll(/0x[0-9a-f]+/g, (hex) => BigInt(hex).toString()));
}
