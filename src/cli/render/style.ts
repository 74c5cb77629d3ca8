/** Colours, or none. */
import type { Action } from "../../chain/index.ts";

export type Painter = (text: string) => string;

export interface Style {
  readonly bold: Painter;
  readonly dim: Painter;
  readonly red: Painter;
  readonly green: Painter;
  readonly yellow: Painter;
  /** As in the pictures: hues that people with any colour vision can tell apart. */
  readonly actions: Readonly<Record<Action, Painter>>;
}

export function style(on: boolean): Style {
  const ansi =
    (code: number | string): Painter =>
    (text) =>
      on && text !== "" ? `\u001B[${code}m${text}\u001B[0m` : text;
  // The nearest of the 256 colours that can be read on black and on white.
  const actions = {
    aborted: ansi("38;5;136"),
    drop: ansi("38;5;166"),
    pass: ansi("38;5;35"),
    tx: ansi("38;5;32"),
    redirect: ansi("38;5;169"),
  };
  return { bold: ansi(1), dim: ansi(2), red: ansi(31), green: ansi(32), yellow: ansi(33), actions };
}
