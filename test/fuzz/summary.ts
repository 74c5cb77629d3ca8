/** The table at the end of `npm run fuzz`. */
import type { Result } from "./campaign.ts";

/** One line per target, the reasons of those that did not run, and the count. Ends with a line feed. */
export function summary(results: readonly Result[], seed: number): string {
  const rows = [
    ["target", "cases", "seconds", "cases/s", ""],
    ...results.map(({ name, cases, seconds, state }) => [
      name,
      cases.toLocaleString("en"),
      seconds.toFixed(1),
      seconds > 0 ? Math.round(cases / seconds).toLocaleString("en") : "",
      state,
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column % 4 === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
  const reasons = results.flatMap((result) =>
    result.state === "skipped" ? [`${result.name} did not run: ${result.reason}`] : [],
  );
  const count = (state: Result["state"]): number => results.filter((result) => result.state === state).length;
  const skipped = count("skipped");
  const counts = [
    `${count("passed")} passed`,
    `${count("failed")} failed`,
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  return `\n${[...lines, ...reasons].join("\n")}\n\n${counts.join(", ")}; first seed ${seed}\n`;
}
