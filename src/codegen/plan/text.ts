/**
 * A picture of a chain in characters. What leads to the program below goes down, what ends the chain to the right, and
 * what passes programs by runs in lanes on the left.
 *
 *        packet
 *          │
 *          ▼
 *        firewall ──▶ aborted, drop: return
 *     ┌────┤ tx, redirect: ids (verdict kept)
 *     │    │ pass
 *     │    ▼
 *     │  counter ───▶ any action: return
 *     │
 *     └▶ ids ───────▶ aborted, drop, tx, redirect: return
 *            ───────▶ pass: return kept
 */
import type { Action } from "../../chain/chain.ts";
import { directions, type Lane, laneOf, layLanes } from "./layout.ts";
import { outcomeWords, type Picture, type PictureOptions, pictureOfPlan, type Way } from "./picture.ts";
import type { Plan } from "./plan.ts";

/** A piece of a line, and what it is, for whoever paints it. */
export interface Piece {
  readonly text: string;
  readonly kind: "line" | "name" | "group" | "kept" | "plain" | Action;
}

/** Lines with line feeds. */
export function planToText(plan: Plan, options: PictureOptions = {}): string {
  return pictureToPieces(pictureOfPlan(plan, options))
    .map((line) => `${line.map(({ text }) => text).join("")}\n`)
    .join("");
}

/** Where lanes take more room than this, they stand close together: twenty programs then fit into 80 columns. */
const WIDE_LANES = 16;
/** Between the innermost lane and a name. */
const ENTRY = 3;
/** How far behind the beginning of a name its line goes down. */
const STEM = 2;

const line = (text: string): Piece => ({ text, kind: "line" });
const plain = (text: string): Piece => ({ text, kind: "plain" });

/** The lines of a picture, in pieces. */
export function pictureToPieces(picture: Picture): readonly (readonly Piece[])[] {
  const lanes = layLanes(picture);
  const gutter = gutterOf(lanes);
  const widest = Math.max(...picture.programs.map(({ name }) => name.length));
  const stem = " ".repeat(STEM);
  const start = gutter([]);
  const rows: (readonly Piece[])[] = [
    [plain(`${start}packet`)],
    [line(`${start}${stem}│`)],
    [line(`${start}${stem}▼`)],
  ];
  for (const [index, { name, group }] of picture.programs.entries()) {
    const { returns, down, aside } = directions(picture, index);
    const running = lanes.filter(({ target, sources }) => sources[0]! < index && target > index);
    const arriving = lanes.filter(({ target }) => target === index);
    const head = [line(gutter(running, arriving, "└")), { text: name, kind: "name" } as const];
    const below = [line(gutter(running)), plain(" ".repeat(name.length))];
    const member: readonly Piece[] = group === undefined ? [] : [{ text: `  [${group}]`, kind: "group" }];
    const shaft = line(` ${"─".repeat(widest - name.length + 2)}▶ `);
    if (returns.length === 0) rows.push([...head, ...member]);
    returns.forEach((way, k) => {
      rows.push(k === 0 ? [...head, shaft, ...say(picture, way), ...member] : [...below, shaft, ...say(picture, way)]);
    });
    aside.forEach((way, k) => {
      const lane = laneOf(lanes, way);
      const joins = running.includes(lane);
      const end = k === aside.length - 1 && down.length === 0 ? "┘" : "┤";
      const left = gutter(running, [lane], joins ? "├" : "┌");
      rows.push([line(`${left}${"─".repeat(STEM)}${end} `), ...say(picture, way)]);
      if (!joins) running.push(lane);
    });
    for (const way of down) rows.push([line(`${gutter(running)}${stem}│ `), ...say(picture, way, true)]);
    if (down.length > 0) rows.push([line(`${gutter(running)}${stem}▼`)]);
    else if (index + 1 < picture.programs.length) rows.push([line(gutter(running).trimEnd())]);
  }
  return rows;
}

/**
 * What stands left of the names in a line: the lanes that run through, and those that turn to the right, the outermost
 * with the given corner.
 */
function gutterOf(lanes: readonly Lane[]) {
  const columns = Math.max(0, ...lanes.map(({ column }) => column + 1));
  const step = columns * 2 > WIDE_LANES ? 1 : 2;
  const width = columns === 0 ? 0 : (columns - 1) * step + ENTRY;
  const at = ({ column }: Lane): number => (columns - 1 - column) * step;
  return (running: readonly Lane[], turning: readonly Lane[] = [], corner = ""): string => {
    const cells = Array.from({ length: width }, () => " ");
    const outermost = turning.toSorted((a, b) => at(a) - at(b))[0];
    if (outermost) cells.fill("─", at(outermost) + 1);
    for (const lane of running) cells[at(lane)] = cells[at(lane)] === "─" ? "┼" : "│";
    for (const lane of turning) cells[at(lane)] = lane === outermost ? corner : "┴";
    // Only arrivals have an arrow: departures go on to the line below the name.
    if (corner === "└" && outermost) cells.splice(-2, 2, "▶", " ");
    return cells.join("");
  };
}

/** A way in words: `tx, redirect: ids (verdict kept)`. */
export function wayText(picture: Picture, way: Way): string {
  return say(picture, way)
    .map(({ text }) => text)
    .join("");
}

/** To the program below without its name. */
function say({ programs }: Picture, way: Way, below = false): readonly Piece[] {
  const { to } = way;
  const words = outcomeWords(way).flatMap(({ text, action }, i): Piece[] => [
    ...(i > 0 ? [plain(", ")] : []),
    { text, kind: action ?? "plain" },
  ]);
  if (to.kind === "node") {
    const target = below ? [] : [plain(`: ${programs[to.node]!.name}`)];
    return [...words, ...target, ...(to.keep ? [{ text: " (verdict kept)", kind: "kept" } as const] : [])];
  }
  if (to.verdict === "own") return [...words, plain(": return")];
  if (to.verdict.startsWith("kept")) {
    return [...words, plain(": return "), { text: to.verdict.replaceAll("-", " "), kind: "kept" }];
  }
  return [...words, plain(": return "), { text: to.verdict, kind: to.verdict as Action }];
}
