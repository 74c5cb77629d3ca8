/** A function that the dispatcher brings itself: its main, or a stub. */
import type { Instruction } from "../asm/index.ts";
import type { LineInfo } from "../btf/types.ts";
import type { ReturnType } from "../object/signature.ts";

export interface DispatcherFunction {
  readonly symbol: string;
  /** What it returns: the kernel lets an extension replace only a function that returns the same kind. */
  readonly returns: ReturnType;
  readonly instructions: readonly Instruction[];
  /** Source lines, by the index of their first instruction. Those of a program's own code say where it stands. */
  readonly lines: readonly { readonly index: number; readonly text: string; readonly source?: LineInfo }[];
}

export const INT: ReturnType & { readonly kind: "int" } = {
  kind: "int",
  name: "int",
  size: 4,
  bits: 32,
  bitOffset: 0,
  encoding: 1,
};
