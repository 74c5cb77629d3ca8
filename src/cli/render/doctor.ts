/** The report of `xdpgen doctor` as a person wants to read it. */
import type { DoctorEntry, DoctorReport } from "../../loader/index.ts";
import type { Painter, Style } from "./style.ts";
import { wrap } from "./table.ts";

/** Ends with a line feed. */
export function renderDoctor({ entries, linkage }: DoctorReport, columns: number, paint: Style): string {
  const width = Math.max(...entries.map(({ name }) => name.length));
  const margin = " ".repeat(width + 5);
  const lines = entries.flatMap((entry) => {
    const { mark, color } = look(entry, paint);
    const head = `${color(mark)} ${paint.bold(entry.name.padEnd(width))}   `;
    // Found, what it means, what to do: each begins on a line of its own.
    const value = wrap(entry.value, columns - margin.length);
    const told = [entry.meaning, entry.advice && `to do: ${entry.advice}`].filter(Boolean);
    const rest = told.flatMap((text) => wrap(text, columns - margin.length)).map((line) => margin + paint.dim(line));
    return [head + value[0], ...value.slice(1).map((line) => margin + line), ...rest];
  });
  return `${[...lines, "", ...wrap(verdict(entries, linkage), columns)].join("\n")}\n`;
}

function look({ state }: DoctorEntry, paint: Style): { readonly mark: string; readonly color: Painter } {
  switch (state) {
    case "ok":
      return { mark: "✓", color: paint.green };
    case "limited":
      return { mark: "!", color: paint.yellow };
    case "missing":
      return { mark: "✗", color: paint.red };
  }
}

function verdict(entries: readonly DoctorEntry[], linkage: string): string {
  const missing = entries.filter(({ state }) => state === "missing").map(({ name }) => name);
  if (missing.length > 0) return `This machine cannot run a chain as it is: see ${missing.join(", ")}.`;
  return `This machine runs chains; linkage auto is ${linkage}.`;
}
