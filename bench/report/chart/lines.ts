/** Figures that depend on another: a line for each thing that is compared, named on the right in the order of their ends. */
import { drawPage, drawText, type Heading, MARGIN, round, shortFigure, tickText, TOP, WIDTH } from "./frame.ts";
import { dashOf, drawMarker, type Look } from "./look.ts";
import { linear, logarithmic, type Scale } from "./scale.ts";

export interface LineChart extends Heading {
  readonly x: Axis & { readonly ticks: readonly Tick[] };
  readonly y: Axis;
  readonly lines: readonly Line[];
}

interface Axis {
  /** With its unit. */
  readonly label: string;
  readonly scale: "linear" | "logarithmic";
}

export interface Tick {
  readonly at: number;
  readonly text: string;
}

export interface Line {
  readonly name: string;
  readonly look: Look;
  readonly points: readonly Point[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** The interval that it may as well be in. */
  readonly low?: number;
  readonly high?: number;
}

const HEIGHT = 440;
const LEFT = 84;
const RIGHT = WIDTH - 204;
const BOTTOM = HEIGHT - 54;
/** Height of an entry of the legend. */
const ENTRY = 22;

export function drawLines(chart: LineChart): string {
  const { x, y, lines } = chart;
  const shown = lines.filter(({ points }) => points.length > 0);
  const scale = { linear, logarithmic }[y.scale](shown.flatMap(({ points }) => points.flatMap(extent)));
  const across = acrossOf(chart.x);
  const place = ({ x: along, y: value }: Point): readonly [number, number] => [across(along), up(scale, value)];
  // The line that is named first is drawn last, over the others.
  const drawn = shown.toReversed().flatMap(({ look, points }) => {
    const places = points.map(place);
    const path = places.map(([left, top], k) => `${k === 0 ? "M" : "L"}${left} ${top}`).join("");
    return [
      ...band(look, points, across, scale),
      `<path class="line ${look.hue}"${dashOf(look)} d="${path}"/>`,
      ...places.map(([left, top]) => drawMarker(look, left, top)),
    ];
  });
  const said = shown.map(({ name, points }) => `${name}: ${points.map((point) => spoken(chart, point)).join(", ")}`);
  return drawPage(chart, HEIGHT, said, [
    ...gridOf(scale),
    drawText(MARGIN, TOP + 8, y.label, "muted"),
    ...x.ticks.flatMap(({ at, text }) => [
      `<path class="axis" d="M${across(at)} ${BOTTOM}v5"/>`,
      drawText(across(at), BOTTOM + 20, text, "", "middle"),
    ]),
    drawText((LEFT + RIGHT) / 2, BOTTOM + 40, x.label, "muted", "middle"),
    ...drawn,
    ...legend(shown),
  ]);
}

const PLOT = TOP + 22;
const extent = ({ y, low, high }: Point): readonly number[] => [
  y,
  ...(low && low > 0 ? [low] : []),
  ...(high ? [high] : []),
];
const up = (scale: Scale, value: number): number => round(BOTTOM - scale.at(value) * (BOTTOM - PLOT));

/** Places from left to right; the first and the last tick are a little away from the ends. */
function acrossOf({ scale, ticks }: LineChart["x"]): (value: number) => number {
  const [first, last] = [ticks[0]!.at, ticks.at(-1)!.at];
  const share = (value: number): number =>
    scale === "linear" ? (value - first) / (last - first) : Math.log(value / first) / Math.log(last / first);
  return (value) => round(LEFT + 14 + share(value) * (RIGHT - LEFT - 28));
}

const gridOf = (scale: Scale): readonly string[] =>
  scale.ticks.flatMap((tick) => [
    `<path class="grid" d="M${LEFT} ${up(scale, tick)}H${RIGHT}"/>`,
    drawText(LEFT - 8, up(scale, tick) + 4, tickText(tick), "", "end"),
  ]);

/** Between the ends of the intervals, where there are any to see. */
function band({ hue }: Look, points: readonly Point[], across: (x: number) => number, scale: Scale): readonly string[] {
  const known = points.filter(({ low, high }) => low !== undefined && high !== undefined && low > 0 && low < high);
  if (known.length < 2) return [];
  const edge = (list: readonly Point[], end: "low" | "high"): readonly string[] =>
    list.map((point) => `${across(point.x)} ${up(scale, point[end]!)}`);
  const corners = [...edge(known, "high"), ...edge(known.toReversed(), "low")];
  return [`<path class="band ${hue}" d="M${corners.join("L")}z"/>`];
}

/** In the order of what is highest where the line ends. */
function legend(lines: readonly Line[]): readonly string[] {
  const reach = (line: Line): number => line.points.at(-1)!.x;
  const last = Math.min(...lines.map(reach));
  const height = ({ points }: Line): number => points.find(({ x }) => x >= last)!.y;
  const x = RIGHT + 16;
  return lines
    .toSorted((a, b) => height(b) - height(a))
    .flatMap(({ name, look }, k) => {
      const y = PLOT + 8 + ENTRY * k;
      return [
        `<path class="line ${look.hue}"${dashOf(look)} d="M${x} ${y}h26"/>`,
        drawMarker(look, x + 13, y),
        drawText(x + 34, y + 4, name),
      ];
    });
}

function spoken({ x }: LineChart, point: Point): string {
  const tick = x.ticks.find(({ at }) => at === point.x);
  return `${tick ? tick.text : point.x}: ${shortFigure(point.y)}`;
}
