/** The notes below a picture: what cannot be seen from it, and only where it is there. */
import type { Picture } from "./picture.ts";
import { MARGIN } from "./svg-layout.ts";
import { textWidth } from "./svg-text.ts";

/** Height of a note. */
const NOTE = 20;
/** Where the text of a note begins, behind its sample. */
const INDENT = 36;

export interface Note {
  /** What is drawn beside the text. */
  readonly sample: "keep" | "kept" | "";
  readonly text: string;
}

/** What cannot be seen from the picture itself. */
export function legend({ programs }: Picture): readonly Note[] {
  const ways = programs.flatMap((program) => program.ways);
  const notes: Note[] = [];
  if (ways.some(({ to }) => to.kind === "node" && to.keep)) {
    notes.push({ sample: "keep", text: "the action that goes this way is kept as a verdict" });
  }
  if (ways.some(({ to }) => to.kind === "return" && to.verdict.startsWith("kept"))) {
    notes.push({ sample: "kept", text: "the chain ends with the verdict that was kept last" });
  }
  if (ways.some(({ outcomes }) => outcomes.includes("no-verdict"))) {
    notes.push({ sample: "", text: "31: the program has no verdict of its own" });
  }
  return notes;
}

/** With the margins of the page. */
export function legendWidth(notes: readonly Note[]): number {
  return Math.max(0, ...notes.map(({ text }) => 2 * MARGIN + INDENT + textWidth(text, 11)));
}

/** Nothing where there are no notes. */
export function legendHeight(notes: readonly Note[]): number {
  return notes.length === 0 ? 0 : notes.length * NOTE + 12;
}

/** @param top the line of the first note */
export function drawLegend(notes: readonly Note[], top: number): readonly string[] {
  return notes.flatMap(({ sample, text }, k) => {
    const y = top + k * NOTE;
    const mark = {
      keep: `<path class="way keep" d="M${MARGIN} ${y - 4}h26"/>`,
      kept: `<rect class="pill kept" x="${MARGIN}" y="${y - 10}" width="26" height="12" rx="6"/>`,
      "": "",
    }[sample];
    return [mark, `<text class="muted small" x="${MARGIN + (sample ? INDENT : 0)}" y="${y}">${text}</text>`].filter(
      Boolean,
    );
  });
}
