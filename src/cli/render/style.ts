/** Colours, or none. */

export type Painter = (text: string) => string;

export interface Style {
  readonly bold: Painter;
  readonly dim: Painter;
  readonly red: Painter;
  readonly green: Painter;
  readonly yellow: Painter;
}

export function style(on: boolean): Style {
  const ansi =
    (code: number): Painter =>
    (text) =>
      on && text !== "" ? `\u001B[${code}m${text}\u001B[0m` : text;
  return { bold: ansi(1), dim: ansi(2), red: ansi(31), green: ansi(32), yellow: ansi(33) };
}
