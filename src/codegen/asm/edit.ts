/** Labels and comments, put on instructions that exist. */
import { XdpgenError } from "../../errors.ts";
import { copyOf, type Instruction } from "./instruction.ts";

/**
 * The instruction with a label before it, where jumps and local calls can go.
 * @throws XdpgenError `asm-invalid` if it already has another one
 */
export function withLabel(label: string, instruction: Instruction): Instruction {
  if (instruction.label !== undefined && instruction.label !== label) {
    throw new XdpgenError(
      "asm-invalid",
      `cannot put label ${label} before an instruction that has label ${instruction.label}: aim the jumps at one of them`,
    );
  }
  const copy = copyOf(instruction);
  copy.label = label;
  return copy;
}

/** The instruction with a comment behind it, in place of the one that it may have. `format` shows it; bytes have none. */
export function withComment(comment: string, instruction: Instruction): Instruction {
  const copy = copyOf(instruction);
  copy.comment = comment;
  return copy;
}
