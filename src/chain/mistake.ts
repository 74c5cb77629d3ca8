/** One thing that is wrong with a chain, and where: a path into the document, whatever text or value it was. */

export type MistakeCode =
  | "syntax"
  | "empty-file"
  | "duplicate-key"
  | "bad-alias"
  | "unknown-key"
  | "missing-key"
  | "wrong-type"
  | "bad-value"
  | "equal-names"
  /** A name that is nobody's, or that cannot stand there. */
  | "bad-reference"
  /** Two things that cannot both hold. */
  | "contradiction"
  /** Edges that lead in a circle. */
  | "cycle"
  /** A program that no edge leads to. */
  | "unreachable"
  /** `return kept` where no edge before it keeps anything. */
  | "nothing-kept";

/** Keys and list indices from the top of the document. */
export type Path = readonly (string | number)[];

export interface Mistake {
  readonly code: MistakeCode;
  readonly path: Path;
  /** Whether the key itself or its value is wrong. */
  readonly at: "key" | "value";
  readonly message: string;
  /** What to do; a short clause without a full stop. */
  readonly hint?: string;
  /** Another place that the mistake involves. */
  readonly other?: { readonly path: Path; readonly at: "key" | "value"; readonly message: string };
}
