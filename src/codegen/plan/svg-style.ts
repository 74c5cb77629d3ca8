/**
 * The colours of a picture, for light pages and dark ones. The hues are those of Okabe and Ito ("Color Universal
 * Design", 2008), which people with any colour vision can tell apart, made darker or lighter until their text has a
 * contrast of at least 4.5 to 1 with the page. Words stand beside every colour.
 */
import { ACTIONS, type Action } from "../../chain/chain.ts";

type Colours = Readonly<Record<Action | "page" | "card" | "border" | "text" | "muted" | "line" | "group", string>>;

export const LIGHT: Colours = {
  aborted: "#8a6100",
  drop: "#b84300",
  pass: "#00734f",
  tx: "#0067a3",
  redirect: "#a03c78",
  page: "#ffffff",
  card: "#f6f8fa",
  border: "#afb8c1",
  text: "#1f2328",
  muted: "#59636e",
  line: "#6e7781",
  group: "#f0f3f6",
};

export const DARK: Colours = {
  aborted: "#e5b54a",
  drop: "#ff8f57",
  pass: "#35c79a",
  tx: "#62b8f4",
  redirect: "#e49ac6",
  page: "#0d1117",
  card: "#1c2129",
  border: "#4b535d",
  text: "#e6edf3",
  muted: "#9198a1",
  line: "#848d97",
  group: "#151b23",
};

/** The rules of a picture. Every selector begins with `.xdpgen`, so that a page that embeds it keeps its own. */
export function styleSheet(): string {
  return [
    ...rules(SHAPES),
    ...rules(colourRules(LIGHT)),
    "@media (prefers-color-scheme:dark){",
    ...rules(colourRules(DARK)),
    "}",
  ].join("\n");
}

const rules = (list: readonly (readonly [string, string])[]): readonly string[] =>
  list.map(([selector, body]) => `${selector.replaceAll(/^|(?<=,)/g, ".xdpgen ")}{${body}}`);

const SHAPES = [
  ["text", 'font:12px system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif'],
  [".title", "font-size:16px;font-weight:600"],
  [".small", "font-size:11px"],
  [".name", 'font:600 14px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace'],
  [".group", "stroke-dasharray:1 3;stroke-linecap:round"],
  [".way", "fill:none;stroke-width:1.6"],
  [".halo", "fill:none;stroke-width:5"],
  [".keep", "stroke-dasharray:6 4"],
  [".kept", "stroke-dasharray:4 2.5"],
  [".verdict", "font-size:11px;font-weight:600;text-anchor:middle"],
] as const;

/** No custom properties: what turns an SVG into a page of a book need not know them. */
function colourRules(c: Colours): readonly (readonly [string, string])[] {
  return [
    [".page", `fill:${c.page}`],
    ["text", `fill:${c.text}`],
    [".muted", `fill:${c.muted}`],
    [".card", `fill:${c.card};stroke:${c.border}`],
    [".group", `fill:${c.group};stroke:${c.line}`],
    [".way", `stroke:${c.line}`],
    [".halo", `stroke:${c.page}`],
    [".head", `fill:${c.line}`],
    [".pill", `fill:${c.page};stroke:${c.line}`],
    [".kept", `stroke:${c.text}`],
    ...ACTIONS.flatMap((action): (readonly [string, string])[] => [
      [`.way.${action}`, `stroke:${c[action]}`],
      [`.pill.${action}`, `stroke:${c[action]};fill:${c[action]};fill-opacity:.1`],
      [`text.${action},tspan.${action},.head.${action}`, `fill:${c[action]}`],
    ]),
  ];
}
