/**
 * A picture of a chain as SVG: one file without scripts, fonts or links, for light pages and dark ones. Text is text, so
 * it can be selected and searched; a title and a description say the same to those who do not see it.
 */
import { ACTIONS } from "../../chain/chain.ts";
import { laneOf } from "./layout.ts";
import { outcomeWords, type Picture, type PictureOptions, pictureOfPlan, type Way } from "./picture.ts";
import type { Plan } from "./plan.ts";
import {
  type Card,
  cardDetail,
  GROUP_SIDE,
  isLabelled,
  KEEPS,
  laneX,
  layoutSvg,
  MARGIN,
  pillWidth,
  STEM,
  type SvgLayout,
  verdictWords,
} from "./svg-layout.ts";
import { drawLegend, legend, legendHeight, legendWidth } from "./svg-legend.ts";
import { styleSheet } from "./svg-style.ts";
import { escapeXml } from "./svg-text.ts";
import { wayText } from "./text.ts";

/** An SVG document in UTF-8, the same for the same plan. Its size is in pixels at 100 %. */
export function planToSvg(plan: Plan, options: PictureOptions = {}): string {
  return pictureToSvg(pictureOfPlan(plan, options));
}

/** `planToSvg` of a picture. */
export function pictureToSvg(picture: Picture): string {
  const layout = layoutSvg(picture);
  const { chain, programs } = picture;
  const id = escapeXml(chain);
  const notes = legend(picture);
  const width = Math.max(layout.width, legendWidth(notes));
  const height = layout.bottom + MARGIN + legendHeight(notes);
  const heading = `${programs.length} program${programs.length === 1 ? "" : "s"}`;
  const told = programs.map((program) => {
    const ways = program.ways.map((way) => wayText(picture, way)).join("; ");
    return `${program.name}${program.group === undefined ? "" : ` in group ${program.group}`}: ${ways}.`;
  });
  const stemX = layout.cardX + STEM;
  const firstTop = layout.cards[0]!.top;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" class="xdpgen" width="${width}" height="${height}" ` +
      `viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-title ${id}-desc">`,
    `<title id="${id}-title">Chain ${escapeXml(chain)}: ${heading}</title>`,
    `<desc id="${id}-desc">${escapeXml(told.join("\n"))}</desc>`,
    `<style>\n${styleSheet()}\n</style>`,
    `<rect class="page" width="${width}" height="${height}" rx="8"/>`,
    `<text class="title" x="${MARGIN}" y="${MARGIN + 12}">${escapeXml(chain)}` +
      `<tspan class="muted" dx="10" font-size="12" font-weight="400">${heading}</tspan></text>`,
    ...layout.groups.flatMap((group) => drawGroup(layout, group)),
    `<text class="muted" x="${stemX}" y="${layout.packetY}" text-anchor="middle">packet</text>`,
    drawLine(`M${stemX} ${layout.packetY + 7}V${firstTop - HEAD}`, "", false),
    drawHead(stemX, firstTop, "down", ""),
    ...drawLanes(picture, layout),
    ...layout.cards.flatMap((card, index) => [
      ...card.returns.flatMap((way, k) => drawReturn(layout, way, card.returnsAt[k]!)),
      ...card.down.flatMap((way, k) => drawDown(layout, card, layout.cards[index + 1]!, way, k)),
      ...drawCard(layout, card, programs[index]!),
    ]),
    ...drawLegend(notes, layout.bottom + MARGIN + 12),
    "</svg>",
  ].join("\n")}\n`;
}

/** Length of an arrowhead. */
const HEAD = 8;
/** Radius of a bend. */
const BEND = 8;

/** A line of one action has its colour; of several, none. */
function wayClass({ outcomes }: Way): string {
  return outcomes.length === 1 && outcomes[0] !== "no-verdict" ? outcomes[0]! : "";
}

/** The colour of a lane: that of its ways, where they have one in common. */
function laneClass({ programs }: Picture, target: number, keep: boolean): string {
  const classes = programs.flatMap(({ ways }, index) =>
    ways
      .filter(({ to }) => to.kind === "node" && to.node === target && to.keep === keep && index + 1 !== target)
      .map(wayClass),
  );
  return new Set(classes).size === 1 ? classes[0]! : "";
}

function drawLine(path: string, look: string, keep: boolean): string {
  return `<path class="${["way", look, keep ? "keep" : ""].filter(Boolean).join(" ")}" d="${path}"/>`;
}

/** An arrowhead whose point is at a place. */
function drawHead(x: number, y: number, to: "down" | "right", look: string): string {
  const path =
    to === "down"
      ? `M${x} ${y}l-4.5 ${-HEAD - 1}h9z` //
      : `M${x} ${y}l${-HEAD - 1} -4.5v9z`;
  return `<path class="${look ? `head ${look}` : "head"}" d="${path}"/>`;
}

function drawCard({ cardX, cardWidth }: SvgLayout, { top, height }: Card, program: Picture["programs"][number]) {
  const middle = top + height / 2;
  return [
    `<rect class="card" x="${cardX}" y="${top}" width="${cardWidth}" height="${height}" rx="8"/>`,
    `<text class="name" x="${cardX + 16}" y="${middle - 3}">${escapeXml(program.name)}</text>`,
    `<text class="muted small" x="${cardX + 16}" y="${middle + 14}">${cardDetail(program)}</text>`,
  ];
}

function drawGroup({ cardX, cardWidth }: SvgLayout, { name, top, bottom }: SvgLayout["groups"][number]) {
  const x = cardX - GROUP_SIDE;
  const width = cardWidth + 2 * GROUP_SIDE;
  return [
    `<rect class="group" x="${x}" y="${top}" width="${width}" height="${bottom - top}" rx="12"/>`,
    `<text class="muted small" x="${x + width - 14}" y="${top + 19}" text-anchor="end">group ` +
      `<tspan font-weight="600">${escapeXml(name)}</tspan></text>`,
  ];
}

/**
 * The ways that pass programs by: from the left side of a card along a lane to the card that it leads to. Lines to the
 * side pass over those that go down, with a margin in the colour of the page; so joining a lane is not crossing it.
 */
function drawLanes(picture: Picture, layout: SvgLayout): readonly string[] {
  const { cardX, cards, lanes, groups } = layout;
  const edge = cardX - (groups.length > 0 ? GROUP_SIDE : 0);
  const down: string[] = [];
  const over: string[] = [];
  const side: string[] = [];
  for (const lane of lanes) {
    const x = laneX(layout, lane);
    const look = laneClass(picture, lane.target, lane.keep);
    const to = cards[lane.target]!.arrivals.find((arrival) => arrival.lane === lane)!.y;
    const leaving = lane.sources.flatMap((source) => {
      const { aside, asideAt } = cards[source]!;
      return aside.flatMap((way, k) => (laneOf(lanes, way) === lane ? [{ way, y: asideAt[k]! }] : []));
    });
    down.push(drawLine(`M${x} ${leaving[0]!.y + BEND}V${to - BEND}`, look, lane.keep));
    over.push(...[to, ...leaving.map(({ y }) => y)].map((y) => `<path class="halo" d="M${edge} ${y}H${x + BEND}"/>`));
    for (const { way, y } of leaving) {
      side.push(drawLine(`M${cardX} ${y}H${x + BEND}Q${x} ${y} ${x} ${y + BEND}`, wayClass(way), lane.keep));
      side.push(drawLabel(way, edge - 8, y - 5, "end"));
    }
    side.push(drawLine(`M${x} ${to - BEND}Q${x} ${to} ${x + BEND} ${to}H${cardX - HEAD}`, look, lane.keep));
    side.push(drawHead(cardX, to, "right", look));
  }
  return [...down, ...over, ...side];
}

function drawDown({ cardX }: SvgLayout, from: Card, to: Card, way: Way, k: number): readonly string[] {
  const x = cardX + from.downAt[k]!;
  const start = from.top + from.height;
  return [
    drawLine(`M${x} ${start}V${to.top - HEAD}`, wayClass(way), way.to.kind === "node" && way.to.keep),
    drawHead(x, to.top, "down", wayClass(way)),
    drawLabel(way, x + 10, start + 27, "start"),
  ];
}

function drawReturn({ cardX, cardWidth, pillX }: SvgLayout, way: Way, y: number): readonly string[] {
  const start = cardX + cardWidth;
  // Of several own verdicts each pill says which action it was.
  const look = wayClass(way);
  const words = verdictWords(way);
  let x = pillX;
  const pills = words.flatMap((word) => {
    const width = pillWidth(word);
    const [first] = word.split(" ");
    const action = ACTIONS.find((known) => known === first);
    const kept = word.startsWith("kept");
    const names = ["pill", action ?? "", kept ? "kept" : ""].filter(Boolean).join(" ");
    const text = action ? word.toUpperCase() : word;
    const drawn = [
      `<rect class="${names}" x="${x}" y="${y - 10}" width="${width}" height="20" rx="10"/>`,
      `<text class="${["verdict", action ?? ""].filter(Boolean).join(" ")}" x="${x + width / 2}" y="${y + 4}">${text}</text>`,
    ];
    x += width + 6;
    return drawn;
  });
  return [
    drawLine(`M${start} ${y}H${pillX - 2 - HEAD}`, look, false),
    drawHead(pillX - 2, y, "right", look),
    ...(isLabelled(way) ? [drawLabel(way, pillX - 16, y - 5, "end")] : []),
    ...pills,
  ];
}

function drawLabel(way: Way, x: number, y: number, anchor: "start" | "end"): string {
  const words = outcomeWords(way).map(({ text, action }) =>
    action ? `<tspan class="${action}">${text}</tspan>` : text,
  );
  const keeps = way.to.kind === "node" && way.to.keep ? ` <tspan class="muted">${KEEPS}</tspan>` : "";
  return `<text x="${x}" y="${y}"${anchor === "end" ? ' text-anchor="end"' : ""}>${words.join(", ")}${keeps}</text>`;
}
