/**
 * The frame of a chart: one SVG file without scripts, fonts or links. Text is text, so it can be selected and searched; a title
 * and a description say the same to those who do not see it.
 */
import { escapeXml } from "../../../src/codegen/plan/svg-text.ts";
import { styleSheet } from "./style.ts";

export interface Heading {
  readonly title: string;
  /** Where and how it was measured, in few words. */
  readonly note: string;
}

export const WIDTH = 820;
export const MARGIN = 20;
/** Where what is below the heading may begin. */
export const TOP = 62;

/** @param said the figures in words, a line for each thing that is compared */
export function drawPage(
  { title, note }: Heading,
  height: number,
  said: readonly string[],
  body: readonly string[],
): string {
  const id = title.toLowerCase().replaceAll(/[^a-z]+/g, "-");
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="${WIDTH}" height="${height}" ` +
      `viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${id}-title ${id}-desc">`,
    `<title id="${id}-title">${escapeXml(title)}</title>`,
    `<desc id="${id}-desc">${escapeXml([note, ...said].join("\n"))}</desc>`,
    `<style>\n${styleSheet()}\n</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}" rx="8"/>`,
    drawText(MARGIN, 27, title, "title"),
    drawText(MARGIN, 46, note, "muted"),
    ...body,
    "</svg>",
  ].join("\n")}\n`;
}

export function drawText(
  x: number,
  y: number,
  text: string,
  look = "",
  anchor: "start" | "middle" | "end" = "start",
): string {
  const classes = look === "" ? "" : ` class="${look}"`;
  const anchored = anchor === "start" ? "" : ` text-anchor="${anchor}"`;
  return `<text${classes} x="${round(x)}" y="${round(y)}"${anchored}>${escapeXml(text)}</text>`;
}

/** Pixels with one decimal. */
export const round = (pixels: number): number => Math.round(10 * pixels) / 10;

/** As it is, thousands apart. */
export const tickText = (value: number): string => value.toLocaleString("en");

/** With three significant digits and no more than two decimals: `1,240`, `36.5`, `0.61`. */
export function shortFigure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const digits = Math.min(2, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
