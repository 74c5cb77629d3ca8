/** Instructions without an object around them: bytes of a file, or digits that a person copied. */
import {
  decode,
  encode,
  format,
  formatInstruction,
  type Instruction,
  labelTargets,
  slotOffsets,
} from "../../codegen/asm/index.ts";
import { XdpgenError } from "../../errors.ts";
import { hexBytes } from "./hex.ts";

export interface TextOptions {
  readonly dialect: "llvm" | "kernel";
  /** Show source lines. */
  readonly source: boolean;
  /** Number the instructions by slot. */
  readonly slots: boolean;
}

/**
 * Instructions from bytes, or from hexadecimal digits as people and tools write them.
 * @throws XdpgenError `asm-invalid` for what is neither
 */
export function decodeInput(bytes: Uint8Array, file: string): Instruction[] {
  if (bytes.length === 0)
    throw invalid(`${file} is empty: give an object, bytes of instructions or hexadecimal digits`);
  const isText = bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d));
  const digits = isText ? hexBytes(new TextDecoder().decode(bytes)) : undefined;
  if (isText && digits === undefined) {
    throw invalid(`${file} is text, neither an object nor hexadecimal digits: \`xdpgen asm\` assembles text`);
  }
  try {
    const instructions = decode(digits ?? bytes);
    return labelled(instructions);
  } catch (error) {
    if (!(error instanceof XdpgenError)) throw error;
    throw new XdpgenError(error.code, `${file} is no object, and as instructions it is wrong: ${error.message}`, {
      cause: error,
    });
  }
}

/** With labels where every distance leads to an instruction, which a part of a program need not do. */
function labelled(instructions: Instruction[]): Instruction[] {
  try {
    return labelTargets(instructions);
  } catch {
    return instructions;
  }
}

export function renderCode(instructions: readonly Instruction[], { dialect, slots }: TextOptions): string {
  return format(instructions, { dialect, slots });
}

/** One object per instruction: where it is, its bytes, its fields, its text. */
export function jsonCode(instructions: readonly Instruction[], { dialect }: TextOptions): object[] {
  const offsets = slotOffsets(instructions);
  return instructions.map((instruction, index) => jsonInstruction(instruction, offsets[index]!, dialect));
}

/** @param bytes of the instruction, where its fields do not hold them any more */
export function jsonInstruction(
  instruction: Instruction,
  slot: number,
  dialect: TextOptions["dialect"],
  bytes?: Uint8Array,
): object {
  const { opcode, dst, src, off, imm, immHigh, label, target, symbol, comment } = instruction;
  const shown = bytes ?? bytesOf(instruction);
  return {
    slot,
    ...(label !== undefined && { label }),
    ...(shown && { bytes: Buffer.from(shown).toString("hex") }),
    opcode,
    dst,
    src,
    off,
    imm,
    ...(immHigh !== undefined && { immHigh }),
    ...(target !== undefined && { target }),
    ...(symbol !== undefined && { symbol }),
    text: formatInstruction(instruction, dialect),
    ...(comment !== undefined && { comment }),
  };
}

/** Not there for what the kernel has rewritten into something that is no instruction of the set. */
function bytesOf(instruction: Instruction): Uint8Array | undefined {
  const { target: _, ...resolved } = instruction;
  try {
    return encode([resolved]);
  } catch {
    return undefined;
  }
}

function invalid(message: string): XdpgenError {
  return new XdpgenError("asm-invalid", message);
}
