/** Figures side by side, each a bar of one part or of several, with the figure behind it. */
import { textWidth } from "../../../src/codegen/plan/svg-text.ts";
import { drawPage, drawText, type Heading, MARGIN, round, shortFigure, tickText, TOP, WIDTH } from "./frame.ts";
import type { Look } from "./look.ts";
import { linear } from "./scale.ts";

export interface BarChart extends Heading {
  /** What the bars are as long as, with its unit. */
  readonly label: string;
  readonly groups: readonly Group[];
}

interface Group {
  /** Empty for one that needs no name. */
  readonly name: string;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly name: string;
  readonly parts: readonly Part[];
  /** The interval that the whole may as well be in. */
  readonly low?: number;
  readonly high?: number;
}

interface Part {
  /** Where bars have several, in the order of the legend. */
  readonly name?: string;
  readonly value: number;
  readonly hue: Look["hue"];
}

const BAR = 16;
const STEP = 22;
const GROUP = 26;
/** Right of the longest bar, for its figure. */
const FIGURE = 70;

export function drawBars(chart: BarChart): string {
  const { groups, label } = chart;
  const bars = groups.flatMap((group) => group.bars);
  const left = MARGIN + 10 + Math.max(...bars.map(({ name }) => textWidth(name, 12)));
  const scale = linear(bars.map((bar) => Math.max(whole(bar), bar.high ?? 0)));
  const across = (value: number): number => round(left + scale.at(value) * (WIDTH - FIGURE - left));
  const notes = legend(bars);
  const top = TOP + 8 + (notes.length === 0 ? 0 : 26);
  const body: string[] = [];
  let y = top;
  for (const { name, bars: members } of groups) {
    if (name !== "") body.push(drawText(MARGIN, (y += GROUP) - 8, name, "strong"));
    // Lines of the grid stop before the next group's name.
    const end = y + STEP * members.length;
    body.push(...scale.ticks.map((tick) => `<path class="grid" d="M${across(tick)} ${y - 3}V${end}"/>`));
    for (const bar of members) {
      body.push(drawText(left - 8, y + BAR - 4, bar.name, "", "end"), ...drawBar(bar, y, across));
      y += STEP;
    }
  }
  const axis = scale.ticks.map((tick) => drawText(across(tick), y + 18, tickText(tick), "", "middle"));
  const said = groups.flatMap(({ name, bars: members }) =>
    members.map((bar) => `${name === "" ? "" : `${name}, `}${bar.name}: ${shortFigure(whole(bar))}`),
  );
  return drawPage(chart, y + 52, said, [
    ...notes,
    ...body,
    ...axis,

    drawText((left + WIDTH - FIGURE) / 2, y + 38, label, "muted", "middle"),
  ]);
}

const whole = ({ parts }: Bar): number => parts.reduce((sum, { value }) => sum + value, 0);

function drawBar(bar: Bar, y: number, across: (value: number) => number): readonly string[] {
  let begin = 0;
  const parts = bar.parts.map(({ value, hue }) => {
    const [from, to] = [across(begin), across((begin += value))];
    return `<rect class="bar ${bar.parts.length > 1 ? "part " : ""}${hue}" x="${from}" y="${y}" width="${round(to - from)}" height="${BAR}"/>`;
  });
  const { low, high } = bar;
  const [middle, end] = [y + BAR / 2, Math.max(begin, high ?? 0)];
  const whisker =
    low === undefined || high === undefined || low === high
      ? []
      : ["halo", "whisker"].map(
          (look) => `<path class="${look}" d="M${across(low)} ${middle - 4}v8m0 -4H${across(high)}m0 -4v8"/>`,
        );
  return [...parts, ...whisker, drawText(across(end) + 6, y + BAR - 4, shortFigure(begin))];
}

/** A sample of each named part, from left to right. */
function legend(bars: readonly Bar[]): readonly string[] {
  const parts = bars.reduce(
    (longest, bar) => (bar.parts.length > longest.length ? bar.parts : longest),
    bars[0]!.parts,
  );
  let x = MARGIN;
  return parts.flatMap(({ name, hue }) => {
    if (name === undefined) return [];
    const drawn = [
      `<rect class="bar ${hue}" x="${x}" y="${TOP}" width="14" height="12"/>`,
      drawText(x + 20, TOP + 10, name),
    ];
    x += 20 + textWidth(name, 12) + 18;
    return drawn;
  });
}
