/** Where everything of a picture stands, in pixels: sizes from the widths of texts, places from the lanes. */
import { type Directions, directions, type Lane, layLanes } from "./layout.ts";
import { outcomeWords, type Picture, type Way } from "./picture.ts";
import { monoWidth, textWidth } from "./svg-text.ts";

/** A program, and what leads to it and on from it. Ports are heights. */
export interface Card extends Directions {
  readonly top: number;
  readonly height: number;
  readonly arrivals: readonly { readonly lane: Lane; readonly y: number }[];
  /** How far from the left edge each way of `down` runs: one that keeps the verdict has a line of its own. */
  readonly downAt: readonly number[];
  /** Of `aside` and of `returns`, in the same order. */
  readonly asideAt: readonly number[];
  readonly returnsAt: readonly number[];
}

export interface GroupBox {
  readonly name: string;
  readonly top: number;
  readonly bottom: number;
}

export interface SvgLayout {
  readonly width: number;
  readonly lanes: readonly Lane[];
  readonly cards: readonly Card[];
  readonly groups: readonly GroupBox[];
  /** Left edge and width of all cards. */
  readonly cardX: number;
  readonly cardWidth: number;
  /** Where the verdicts begin. */
  readonly pillX: number;
  /** Where the packet comes in: the middle of its word. */
  readonly packetY: number;
  /** Below all programs. */
  readonly bottom: number;
}

export const MARGIN = 24;
/** Between two lines that leave or enter a card on one side. */
const PORT = 26;
const CARD_HEIGHT = 50;
const LANE = 16;
/** What a box of a group has around its cards, and above them for its name. */
export const GROUP_SIDE = 14;
const GROUP_TOP = 30;
const GROUP_BOTTOM = 14;
/** Between the words of a line down and the next such line. */
const DOWN_GAP = 34;
/** Between cards, with a line down and its words or without. */
const GAP = 22;
const GAP_WITH_WAY = 46;
const TITLE = 52;
const PACKET = 44;

/** How far from the left edge of a card the way of the packet runs. */
export const STEM = 28;

const LABEL = 12;
const VERDICT = 11;

/** `tx, redirect, keeping the verdict`: what stands at a line. */
function wayLabel(way: Way): string {
  const { to } = way;
  const words = outcomeWords(way).map(({ text }) => text);
  return `${words.join(", ")}${to.kind === "node" && to.keep ? ` ${KEEPS}` : ""}`;
}

export const KEEPS = "· keeps verdict";

/** What stands below a program's name. */
export function cardDetail({ priority }: Picture["programs"][number]): string {
  return priority === "none" ? "no priority" : `priority ${priority}`;
}

/** The words in the verdicts of a way, one for each pill. `return` of one action is a pill of that action. */
export function verdictWords(way: Way): readonly string[] {
  const { to } = way;
  if (to.kind === "node") return [];
  if (to.verdict !== "own") return [to.verdict === "kept" ? "kept verdict" : to.verdict.replaceAll("-", " ")];
  return outcomeWords(way).map(({ text }) => (text === "any action" ? "own verdict" : text));
}

export function pillWidth(word: string): number {
  return textWidth(word.toUpperCase(), VERDICT) + 18;
}

/** Whether a return says more than its pills: what it is that ends so. */
export function isLabelled({ to }: Way): boolean {
  return to.kind === "return" && to.verdict !== "own";
}

export function layoutSvg(picture: Picture): SvgLayout {
  const lanes = layLanes(picture);
  const columns = Math.max(0, ...lanes.map(({ column }) => column + 1));
  const ways = [...picture.programs.keys()].map((index) => directions(picture, index));
  const widest = (list: readonly number[]): number => Math.max(0, ...list);
  const labels = (list: readonly Way[]): number => widest(list.map((way) => textWidth(wayLabel(way), LABEL)));
  const side = picture.programs.some(({ group }) => group !== undefined) ? GROUP_SIDE : 0;
  const asideLabel = labels(ways.flatMap(({ aside }) => aside));
  const gutter = columns === 0 ? 0 : side + asideLabel + 34;
  const cardX = MARGIN + Math.max(side, columns * LANE + gutter);
  const downAt = ways.map(({ down }) => down.map((_, k) => STEM + (k === 0 ? 0 : labels(down.slice(0, k)) + DOWN_GAP)));
  const texts = picture.programs.map((p) => Math.max(monoWidth(p.name, 14), textWidth(cardDetail(p), 11)));
  const downEnds = ways.flatMap(({ down }, i) => down.map((way, k) => downAt[i]![k]! + 10 + labels([way])));
  // The words at a line between two cards of a group stay within its box.
  const boxed = side === 0 ? 0 : widest(downEnds) + 10 - side;
  const cardWidth = Math.max(120, widest(texts) + 32, widest(downAt.flat()) + STEM, boxed);
  const returnLabel = labels(ways.flatMap(({ returns }) => returns.filter(isLabelled)));
  const pillX = cardX + cardWidth + side + Math.max(36, returnLabel + 34);
  const pills = widest(
    ways.flatMap(({ returns }) =>
      returns.map((way) => verdictWords(way).reduce((sum, word) => sum + pillWidth(word) + 6, -6)),
    ),
  );
  const right = Math.max(pillX + pills, cardX + widest(downEnds), cardX + cardWidth + side);

  const groups: { name: string; top: number; bottom: number }[] = [];
  let y = TITLE + PACKET;
  const cards = ways.map((way, index): Card => {
    const { group } = picture.programs[index]!;
    const begins = group !== undefined && group !== picture.programs[index - 1]?.group;
    if (begins) {
      groups.push({ name: group, top: y, bottom: 0 });
      y += GROUP_TOP;
    }
    const entering = lanes.filter(({ target }) => target === index);
    const left = entering.length + way.aside.length;
    const height = Math.max(CARD_HEIGHT, PORT * left + 4, PORT * way.returns.length + 4);
    const top = y;
    const ports = (count: number): readonly number[] =>
      Array.from({ length: count }, (_, k) => top + height / 2 + (k - (count - 1) / 2) * PORT);
    const leftPorts = ports(left);
    y += height;
    if (group !== undefined && group !== picture.programs[index + 1]?.group) {
      y += GROUP_BOTTOM;
      groups.at(-1)!.bottom = y;
    }
    y += index + 1 === ways.length ? 0 : way.down.length > 0 ? GAP_WITH_WAY : GAP;
    return {
      ...way,
      top,
      height,
      downAt: downAt[index]!,
      arrivals: entering.map((lane, k) => ({ lane, y: leftPorts[k]! })),
      asideAt: leftPorts.slice(entering.length),
      returnsAt: ports(way.returns.length),
    };
  });
  return {
    width: right + MARGIN,
    lanes,
    cards,
    groups,
    cardX,
    cardWidth,
    pillX,
    packetY: TITLE + 10,
    bottom: y,
  };
}

/** The middle of a lane. */
export function laneX({ lanes }: SvgLayout, { column }: Lane): number {
  const columns = Math.max(...lanes.map((lane) => lane.column + 1));
  // Lanes fill their part of the page from the left; what is between them and the cards is for words.
  return MARGIN + (columns - 1 - column + 0.5) * LANE;
}
