/**
 * LLVM's assembler and disassembler for BPF, as witnesses. In: text or bytes, and which LLVM (test/support/llvm-tools.ts);
 * without a word, the system's. Out: what it makes of them, or which lines it refuses.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BPF_PSEUDO_FUNC } from "../../src/codegen/asm/index.ts";
import {
  type ElfObject,
  R_BPF_64_64,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHT_PROGBITS,
  readElf,
  writeElf,
} from "../../src/codegen/elf/index.ts";
import { LLVMS, type LlvmTool, type LlvmTools } from "./llvm-tools.ts";

const SYSTEM = LLVMS[0]!;

/** The newest instruction set that an LLVM knows by name; v4 came with 18. */
const cpu = ({ version }: LlvmTools): string => (version >= 18 ? "v4" : "v3");

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

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(llvm: LlvmTools, tool: LlvmTool, words: readonly string[]): Outcome {
  const [file, ...first] = llvm.command(tool);
  const done = spawnSync(file, [...first, ...words], { encoding: "utf8", maxBuffer: 2 ** 30 });
  if (done.error) throw done.error;
  if (done.signal)
    throw new Error(`${tool} ${llvm.version} was ended by ${done.signal}:\n${done.stderr.slice(0, 2000)}`);
  return { status: done.status!, stdout: done.stdout, stderr: done.stderr };
}

/** What llvm-mc says about assembly text: an object, or the refused lines, counted from 0, each with its message. */
export type Assembled = { readonly object: Uint8Array } | { readonly refused: ReadonlyMap<number, string> };

export function tryAssemble(text: string, llvm = SYSTEM): Assembled {
  return withFile(text, (path) => {
    const output = `${path}.obj`;
    const words = ["-triple", "bpfel", "-filetype=obj", `-mcpu=${cpu(llvm)}`, "-o", output, path];
    const { status, stderr } = run(llvm, "llvm-mc", words);
    if (status === 0) return { object: new Uint8Array(readFileSync(output)) };
    const errors = [...stderr.matchAll(/:(\d+):\d+: error: (.*)/g)];
    if (errors.length === 0) throw new Error(`llvm-mc ${llvm.version} failed without naming a line:\n${stderr}`);
    return { refused: new Map(errors.map(([, line, message]) => [Number(line) - 1, message!])) };
  });
}

/** The object that llvm-mc makes of assembly text. Throws with its first message. */
export function assembleObject(text: string, llvm = SYSTEM): Uint8Array {
  const assembled = tryAssemble(text, llvm);
  if ("object" in assembled) return assembled.object;
  const [[line, message]] = assembled.refused as unknown as [[number, string]];
  throw new Error(`llvm-mc ${llvm.version} refuses line ${line + 1}, \`${text.split("\n")[line]}\`: ${message}`);
}

/** The bytes of `.text` that llvm-mc makes. */
export function assemble(text: string, llvm = SYSTEM): Uint8Array {
  return linkedText(readElf(assembleObject(text, llvm)));
}

/**
 * The bytes of `.text` with the addresses of its own functions filled in, as a loader does it: llvm-mc leaves them to
 * relocations, which hold byte offsets, and the kernel reads distances in slots.
 */
export function linkedText({ sections, symbols }: ElfObject): Uint8Array {
  const index = sections.findIndex((section) => section.name === ".text");
  const { data, relocations } = sections[index]!;
  const bytes = data.slice();
  const view = new DataView(bytes.buffer);
  for (const { offset, type, symbol } of relocations) {
    const { section, value } = symbols[symbol]!;
    if (type !== R_BPF_64_64 || section !== index) continue;
    const address = value + view.getInt32(offset + 4, true);
    bytes[offset + 1]! |= BPF_PSEUDO_FUNC << 4;
    view.setInt32(offset + 4, (address - offset) / 8 - 1, true);
  }
  return bytes;
}

/** What llvm-objdump prints about code that is the whole `.text` of an object: two lines before, then one per instruction. */
export function objdump(code: Uint8Array, llvm = SYSTEM, words: readonly string[] = []): string {
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
  const { status, stdout, stderr } = withFile(writeElf({ sections: [section], symbols: [] }), (path) =>
    // Without alu32 it names the whole register in narrow loads and stores, as no assembler text does.
    run(llvm, "llvm-objdump", ["-d", `--mcpu=${cpu(llvm)}`, "--mattr=+alu32", ...words, path]),
  );
  if (status !== 0) throw new Error(`llvm-objdump ${llvm.version} failed: ${stderr}`);
  return stdout;
}

/** The instructions of `objdump` alone, by the slot in which each begins: without addresses and annotations. */
export function disassemble(code: Uint8Array, llvm = SYSTEM): Map<number, string> {
  const lines = objdump(code, llvm, ["--no-show-raw-insn"]).matchAll(/^\s+(\d+):\s+(.*?)(?:\s+<\S+>)?\s*$/gm);
  return new Map([...lines].map(([, slot, text]) => [Number(slot), text!]));
}

/**
 * Whether two lines say the same, whichever way they write numbers and the half of a register that a narrow load or store
 * takes: newer LLVMs print hexadecimal, and versions differ in `r1 = *(u8 *)` and `w1 = *(u8 *)`, which are one encoding.
 */
export function sameText(ours: string, theirs: string): boolean {
  return ours === theirs || normalized(ours) === normalized(theirs);
}

function normalized(line: string): string {
  const bits = line.endsWith(" ll") ? 64 : 32;
  const number = (digits: string): string =>
    BigInt.asIntN(bits, digits.startsWith("-") ? -BigInt(digits.slice(1)) : BigInt(digits)).toString();
  const plain = line.replaceAll("\t", " ").replaceAll(/(?<![\w.])-?(?:0x[0-9a-f]+|\d+)\b/g, number);
  return /^\w+ = \*\(u|^\*\(/.test(plain) ? plain.replaceAll(/\bw(?=\d)/g, "r") : plain;
}
