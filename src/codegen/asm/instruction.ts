/**
 * An eBPF instruction as a plain value (RFC 9669, section 3).
 *
 * One value is one instruction of the text form. `ld_imm64` is one value too and takes two slots of eight bytes when
 * encoded, so an index into a list of instructions is not an offset: `layout` knows offsets.
 *
 * To change a value, change a copy by `copyOf`. Spreads cost ten times as much on Node 20, and one that gets new keys after
 * it makes an object of a kind of its own, which slows every later read.
 */

/** R0 to R10. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

export interface Instruction {
  /** The opcode byte. */
  readonly opcode: number;
  readonly dst: Register;
  /** A register, or one of the kernel's pseudo values (`BPF_PSEUDO_CALL`, `BPF_PSEUDO_MAP_FD`, …). */
  readonly src: number;
  /** Signed 16 bit. */
  readonly off: number;
  /** Signed 32 bit; for `ld_imm64` the low half. */
  readonly imm: number;
  /** `ld_imm64` only: the high half, signed 32 bit. */
  readonly immHigh?: number;
  /** The label that stands before this instruction. */
  readonly label?: string;
  /** The label that a jump goes to or a local call enters; resolved by `layout`. */
  readonly target?: string;
  /** The ELF symbol that this instruction's immediate refers to: a map, a variable's section, a function elsewhere. */
  readonly symbol?: string;
  readonly comment?: string;
}

type Mutable = { -readonly [K in keyof Instruction]: Instruction[K] };

/** A copy to change. */
export function copyOf(instruction: Instruction): Mutable {
  const copy = copyWithoutTarget(instruction);
  if (instruction.target !== undefined) copy.target = instruction.target;
  return copy;
}

/** A copy to change, of an instruction whose target is said in another way. */
export function copyWithoutTarget(instruction: Instruction): Mutable {
  const { opcode, dst, src, off, imm, immHigh, label, symbol, comment } = instruction;
  const copy: Mutable = { opcode, dst, src, off, imm };
  if (immHigh !== undefined) copy.immHigh = immHigh;
  if (label !== undefined) copy.label = label;
  if (symbol !== undefined) copy.symbol = symbol;
  if (comment !== undefined) copy.comment = comment;
  return copy;
}
