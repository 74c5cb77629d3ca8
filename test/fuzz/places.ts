/** Where mistakes may point. */
import { type Diagnostic, linesOf, Mistakes } from "../../src/diagnostic.ts";
import { type ErrorCode, XdpgenError } from "../../src/errors.ts";

/** @throws Error if one of them, or what it is related to, does not lie in the text */
export function expectInside(diagnostics: readonly Diagnostic[], text: string): void {
  const lines = linesOf(text);
  for (const diagnostic of diagnostics) {
    for (const { line, column, length } of [diagnostic, ...(diagnostic.related ? [diagnostic.related] : [])]) {
      // An empty line has a first column to point at.
      const width = Math.max(1, lines[line - 1]?.length ?? 0);
      const inside = line >= 1 && line <= lines.length && column >= 1 && length >= 1 && column + length - 1 <= width;
      if (!inside) throw new Error(`${JSON.stringify(diagnostic)} lies outside of ${JSON.stringify(text)}`);
    }
  }
}

/**
 * What `work` makes of a text, or the mistakes with which the text is refused.
 * @throws Error when it is refused in another way than a text may be, or for nothing
 */
export function valueOrMistakes<T>(
  work: () => T,
  text: string,
  code: ErrorCode,
): { readonly value: T } | { readonly mistakes: readonly Diagnostic[] } {
  try {
    return { value: work() };
  } catch (error) {
    if (!(error instanceof XdpgenError) || error.code !== code || !(error.cause instanceof Mistakes)) throw error;
    const { diagnostics } = error.cause;
    if (diagnostics.length === 0) throw new Error("refused for nothing", { cause: error });
    expectInside(diagnostics, text);
    return { mistakes: diagnostics };
  }
}
