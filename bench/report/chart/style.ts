/**
 * How charts look, on light pages and on dark ones. What is compared differs in hue, in lightness, and in its marker or dash, so
 * that it is told apart in greyscale and with any colour vision; each colour has a contrast of at least 3 to 1 with its page.
 */
import { DARK, LIGHT } from "../../../src/codegen/plan/svg-style.ts";
import type { Look } from "./look.ts";

type Hues = Readonly<Record<Look["hue"], string>>;

const ON_LIGHT: Hues = {
  blue: "#0a3a75",
  orange: "#c04c00",
  green: "#2a9d78",
  purple: "#6d2a63",
  black: "#1f2328",
  ochre: "#8a6100",
  grey: "#77818c",
  sky: "#1c86c0",
};

const ON_DARK: Hues = {
  blue: "#4f8fe8",
  orange: "#ff9a5c",
  green: "#6fe0b8",
  purple: "#c568b4",
  black: "#e6edf3",
  ochre: "#c79a3a",
  grey: "#7d8792",
  sky: "#a5d8ff",
};

/** Every selector begins with `.chart`, so that a page that embeds one keeps its own rules. */
export function styleSheet(): string {
  return [
    ...rules(SHAPES),
    ...rules(colours(LIGHT, ON_LIGHT)),
    "@media (prefers-color-scheme:dark){",
    ...rules(colours(DARK, ON_DARK)),
    "}",
  ].join("\n");
}

type Rule = readonly [selector: string, body: string];

const rules = (list: readonly Rule[]): readonly string[] =>
  list.map(([selector, body]) => `${selector.replaceAll(/^|(?<=,)/g, ".chart ")}{${body}}`);

const SHAPES: readonly Rule[] = [
  ["text", 'font:12px system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif'],
  [".title", "font-size:15px;font-weight:600"],
  [".strong", "font-weight:600"],
  [".grid", "stroke-width:1;shape-rendering:crispEdges"],
  [".line", "fill:none;stroke-width:2;stroke-linejoin:round"],
  [".marker", "stroke-width:1.6"],
  [".whisker", "fill:none;stroke-width:1.4"],
  [".halo", "fill:none;stroke-width:3.4"],
  [".band", "fill-opacity:.16"],
  [".part", "stroke-width:1"],
];

/** No custom properties: what turns an SVG into a page of a book need not know them. */
function colours(page: typeof LIGHT, hues: Hues): readonly Rule[] {
  return [
    [".page", `fill:${page.page}`],
    ["text", `fill:${page.text}`],
    [".muted", `fill:${page.muted}`],
    [".grid", `stroke:${page.border};stroke-opacity:.45`],
    [".axis", `stroke:${page.line}`],
    [".whisker", `stroke:${page.text}`],
    [".halo", `stroke:${page.page}`],
    [".part", `stroke:${page.page}`],
    [".hollow", `fill:${page.page}`],
    ...Object.entries(hues).flatMap(([hue, colour]): readonly Rule[] => [
      [`.line.${hue},.marker.${hue}`, `stroke:${colour}`],
      [`.bar.${hue},.full.${hue},.band.${hue}`, `fill:${colour}`],
    ]),
  ];
}
