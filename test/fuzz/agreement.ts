/**
 * Our assembler against one of LLVM's, claim by claim. Each function takes as many instructions as one call of LLVM's tool
 * is worth, and throws an Error with the one that they disagree about.
 */
import {
  type Instruction,
  decode,
  encode,
  format,
  formatInstruction,
  layout,
  parse,
  slotOffsets,
} from "../../src/codegen/asm/index.ts";
import { readElf } from "../../src/codegen/elf/index.ts";
import { refusal } from "../support/damage.ts";
import { llvmText, onlyLlvm } from "../support/llvm-gaps.ts";
import type { LlvmTools } from "../support/llvm-tools.ts";
import { disassemble, linkedText, objdump, sameText, tryAssemble } from "../support/llvm.ts";
import { showBytes, shrinkList } from "./shrink.ts";

/** llvm-objdump shows our bytes as our text. */
export function prints(llvm: LlvmTools, list: readonly Instruction[]): void {
  const theirs = disassemble(encode(list), llvm);
  const offsets = slotOffsets(list);
  for (const [index, i] of list.entries()) {
    const text = theirs.get(offsets[index]!) ?? "nothing";
    if (sameText(llvmText(i), text)) continue;
    throw new Error(
      `llvm-objdump ${llvm.version} prints \`${text}\` and we print \`${llvmText(i)}\` for ${showBytes(encode([i]))}`,
    );
  }
}

/** `parse` reads all that llvm-objdump prints, with and without bytes, as the instructions that it shows. */
export function isReadBack(llvm: LlvmTools, list: readonly Instruction[]): void {
  const code = encode(list);
  for (const words of [["--no-show-raw-insn"], []]) {
    const back = parse(objdump(code, llvm, words));
    for (const [index, i] of list.entries()) {
      const read = back[index];
      if (read && refusal(() => encode([read])) === undefined && sameBytes(encode([read]), encode([i]))) continue;
      const shown = disassemble(encode([i]), llvm).get(0);
      throw new Error(
        `parse reads \`${shown}\` of llvm-objdump ${llvm.version} as \`${read && formatInstruction(read)}\``,
      );
    }
    if (back.length > list.length) throw new Error(`parse reads ${back.length} of ${list.length} instructions`);
  }
}

/** An instruction and the text that llvm-mc gets for it. */
export interface Line {
  readonly instruction: Instruction;
  readonly text: string;
}

/** llvm-mc makes our bytes of each text. */
export function reads(llvm: LlvmTools, lines: readonly Line[]): void {
  const theirs = assembled(llvm, lines.map(({ text }) => text).join("\n"));
  const offsets = slotOffsets(lines.map(({ instruction }) => instruction));
  for (const [index, { instruction, text }] of lines.entries()) {
    const bytes = theirs.slice(offsets[index]! * 8, offsets[index + 1]! * 8);
    const ours = encode([instruction]);
    if (sameBytes(bytes, ours)) continue;
    throw new Error(`llvm-mc ${llvm.version} makes of \`${text}\` ${showBytes(bytes)}, and we make ${showBytes(ours)}`);
  }
  if (theirs.length !== offsets.at(-1)! * 8) throw new Error(`llvm-mc ${llvm.version} makes more bytes than we do`);
}

/**
 * What LLVM both prints and reads is an instruction to us, with the same text. That it prints something is not enough: its
 * disassembler does not look at bits that only some encodings of an opcode use.
 * @param candidates bytes of one instruction each, or of none
 */
export function knowsNoOther(llvm: LlvmTools, candidates: readonly Uint8Array[]): void {
  const printed = disassemble(Buffer.concat(candidates), llvm);
  let slot = 0;
  const shown: { text: string; bytes: Uint8Array }[] = [];
  for (const bytes of candidates) {
    const text = printed.get(slot);
    if (text !== undefined && text !== "<unknown>" && !onlyLlvm(text)) shown.push({ text, bytes });
    slot += bytes.length / 8;
  }
  const first = tryAssemble(shown.map(({ text }) => text).join("\n"), llvm);
  const accepted = "refused" in first ? shown.filter((_, line) => !first.refused.has(line)) : shown;
  const again = assembled(llvm, accepted.map(({ text }) => text).join("\n"));
  let offset = 0;
  for (const { text, bytes } of accepted) {
    const size = /\bll$|^ld_pseudo/.test(text) ? 16 : 8;
    const same = sameBytes(again.subarray(offset, (offset += size)), bytes);
    if (!same) continue;
    let ours = "nothing";
    refusal(() => (ours = llvmText(decode(bytes)[0]!)));
    if (sameText(ours, text)) continue;
    throw new Error(`LLVM ${llvm.version} has \`${text}\` for ${showBytes(bytes)} and we have \`${ours}\``);
  }
}

/** llvm-mc resolves the labels of programs, jumps, local calls and addresses of functions, to the distances of `layout`. */
export function resolves(llvm: LlvmTools, programs: readonly (readonly Instruction[])[]): void {
  const all = programs.flat();
  // Whole programs must lay out; `difference` lets pass what does not.
  encode(layout(all));
  if (difference(llvm, all) === undefined) return;
  for (const program of programs) {
    if (difference(llvm, program) === undefined) continue;
    const least = shrinkList(program, (list) => difference(llvm, list) !== undefined);
    throw new Error(`${difference(llvm, least)}\n${format(least)}`);
  }
  throw new Error(`${difference(llvm, all)}; each program alone is resolved alike`);
}

function difference(llvm: LlvmTools, list: readonly Instruction[]): string | undefined {
  let ours: Uint8Array;
  // What is left of a program may lack a label.
  if (refusal(() => (ours = encode(layout(list)))) !== undefined) return undefined;
  const outcome = tryAssemble(format(list), llvm);
  if ("refused" in outcome) return `llvm-mc ${llvm.version} refuses what we write: ${[...outcome.refused.values()][0]}`;
  const theirs = linkedText(readElf(outcome.object));
  if (sameBytes(ours!, theirs)) return undefined;
  const offsets = slotOffsets(list);
  const index = list.findIndex((_, at) => {
    const [start, end] = [offsets[at]! * 8, offsets[at + 1]! * 8];
    return !sameBytes(ours.slice(start, end), theirs.slice(start, end));
  });
  const part = (bytes: Uint8Array): string => showBytes(bytes.slice(offsets[index]! * 8, offsets[index + 1]! * 8));
  if (index < 0) return `llvm-mc ${llvm.version} makes ${theirs.length} bytes and we make ${ours!.length}`;
  return `at instruction ${index}, \`${formatInstruction(list[index]!)}\`, llvm-mc ${llvm.version} makes ${part(theirs)} and we make ${part(ours!)}`;
}

function assembled(llvm: LlvmTools, text: string): Uint8Array {
  const outcome = tryAssemble(text, llvm);
  if ("object" in outcome) return linkedText(readElf(outcome.object));
  const [line, message] = [...outcome.refused][0]!;
  throw new Error(`llvm-mc ${llvm.version} refuses \`${text.split("\n")[line]}\`: ${message}`);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
