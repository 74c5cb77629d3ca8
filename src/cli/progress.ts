/** What is going on, on stderr: one live line on a terminal, plain lines elsewhere, and notes that stay. */
import type { Stream } from "./io.ts";

export interface Progress extends Disposable {
  /** What is being done now; on a terminal it replaces the step before. */
  step(text: string): void;
  /** What a user should know afterwards too. */
  note(text: string): void;
}

const CLEAR_LINE = "\r\u001B[K";

export function progress(stream: Stream): Progress {
  let live = false;
  const clear = (): void => {
    if (live) stream.write(CLEAR_LINE);
    live = false;
  };
  return {
    step(text) {
      if (!stream.isTerminal) {
        stream.write(`${text}\n`);
        return;
      }
      // A line that wraps could not be taken back.
      stream.write(`${CLEAR_LINE}${text.slice(0, stream.columns - 1)}`);
      live = true;
    },
    note(text) {
      clear();
      stream.write(`${text}\n`);
    },
    [Symbol.dispose]: clear,
  };
}
