/** Lines of C in one line of a comment. */
export interface SourceLine {
  readonly file: string;
  /** Line and column count from 1; 0 where the compiler did not say. */
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** Whether the compiler knew the line: what it made itself has line 0. */
export const isKnown = ({ line }: SourceLine): boolean => line > 0;

/** `prog.c:12: return XDP_PASS;` */
export function formatLine({ file, line, text }: SourceLine): string {
  return `${file}:${line}: ${text.trim()}`.trimEnd();
}
