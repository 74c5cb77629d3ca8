/** Results as Markdown: tables, and where their figures come from. */
import { quartiles } from "../contest/figures.ts";
import type { Kept } from "../kept.ts";
import type { Spread } from "../statistics.ts";

export type Lines = readonly string[];

/** The first column to the left, figures to the right. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): Lines {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), `|${head.map((_, k) => (k === 0 ? "---" : "--:")).join("|")}|`, ...rows.map(line)];
}

export const picture = (name: string, says: string, folder = "charts"): string => `![${says}](${folder}/${name}.svg)`;

/** What a reader has to know of a section: the command, the machine, how it was measured, how far to trust it. */
export function provenance(result: Kept<unknown>, spread?: string): Lines {
  const { command, method, caveats, environment } = result;
  return [
    `\`${command}\`, ${environment.machine}, kernel ${environment.kernel}, load ${environment.load}, at ${environment.versions.xdpgen}.`,
    "",
    method,
    "",
    ...(spread === undefined ? [] : [`Spread: ${spread}`, ""]),
    ...caveats.map((caveat) => `* ${caveat}`),
    "",
  ];
}

/** `12.3 (11.9 to 14.0)`: median, minimum and maximum. */
export function spreadText({ min, median, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`;
}

/** How far figures of rounds lie apart, of all rows of a section. */
export function spreadOf(spreads: readonly Spread[], rounds: string): string {
  const shares = spreads.map(({ min, median, max }) => (max - min) / median);
  const { median, q3 } = quartiles(shares);
  return (
    `of half of the rows ${rounds} lie within ${percent(median)} of the median from the lowest to the highest, ` +
    `of three quarters within ${percent(q3)}; the farthest ${percent(Math.max(...shares))}.`
  );
}

export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
