/** Rows of text as aligned columns within a width. */
import type { Painter } from "./style.ts";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** May be made narrower, down to this many characters; its cells then wrap. */
  readonly min?: number;
  readonly paint?: Painter;
}

const GAP = 2;

/** Lines without line feeds. Where even the narrowest columns do not fit, lines are longer than `width`. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  head: Painter,
): readonly string[] {
  const widths = columnWidths(columns, rows, width);
  const line = (cells: readonly string[], paint: (column: Column) => Painter): string =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? "";
        const blank = " ".repeat(widths[i]! - cell.length);
        const painted = paint(column)(cell);
        return column.align === "right" ? blank + painted : painted + blank;
      })
      .join(" ".repeat(GAP))
      .trimEnd();
  const body = rows.flatMap((row) => {
    const wrapped = row.map((cell, i) => wrap(cell, widths[i]!));
    const height = Math.max(...wrapped.map((cell) => cell.length));
    return Array.from({ length: height }, (_, y) =>
      line(
        wrapped.map((cell) => cell[y] ?? ""),
        ({ paint }) => paint ?? ((text) => text),
      ),
    );
  });
  return [
    line(
      columns.map(({ title }) => title),
      () => head,
    ),
    ...body,
  ];
}

/** How wide the table is when all that may give has given, if it must. */
export function tableWidth(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): number {
  return sum(columnWidths(columns, rows, width));
}

function sum(widths: readonly number[]): number {
  return widths.reduce((total, each) => total + each + GAP, -GAP);
}

/** Takes what is too much from the widest column that may give. */
function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): readonly number[] {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const least = ({ min, title }: Column, i: number): number => Math.max(title.length, min ?? widths[i]!);
  while (sum(widths) > width) {
    const giving = columns
      .map((column, i) => ({ i, spare: widths[i]! - least(column, i) }))
      .filter(({ spare }) => spare > 0)
      .toSorted((a, b) => widths[b.i]! - widths[a.i]!)[0];
    if (!giving) break;
    widths[giving.i]!--;
  }
  return widths;
}

/** Breaks at spaces, and a word that is too long after a hyphen or underscore if it has one; never gives an empty list. */
export function wrap(text: string, width: number): readonly string[] {
  const room = Math.max(1, width);
  const lines: string[] = [];
  let line = "";
  for (let word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length <= room) {
      line += ` ${word}`;
      continue;
    }
    if (line !== "") lines.push(line);
    while (word.length > room) {
      const seam = Math.max(word.lastIndexOf("-", room - 1), word.lastIndexOf("_", room - 1)) + 1;
      const cut = seam > 0 ? seam : room;
      lines.push(word.slice(0, cut));
      word = word.slice(cut);
    }
    line = word;
  }
  return line !== "" || lines.length === 0 ? [...lines, line] : lines;
}
