/**
 * Text in a picture: how wide it will be, and how it is written in XML. Nobody knows the font of the reader, so widths
 * are those of Helvetica (Adobe's font metrics, thousandths of the size) and a little more; names are monospaced.
 */

// prettier-ignore
const HELVETICA = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, // space to /
  556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, // 0 to ?
  1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, // @ to O
  667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, // P to _
  333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, // ` to o
  556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584, // p to ~
];

/** Other system fonts are wider than Helvetica by up to about this. */
const ALLOWANCE = 1.1;

/** Width in pixels of text in the proportional font. */
export function textWidth(text: string, size: number): number {
  let thousandths = 0;
  for (const character of text) thousandths += HELVETICA[character.codePointAt(0)! - 0x20] ?? 600;
  return Math.ceil((thousandths * size * ALLOWANCE) / 1000);
}

/** Width in pixels of text in the monospaced font. */
export function monoWidth(text: string, size: number): number {
  return Math.ceil(text.length * size * 0.61);
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** As the text of an element, or of an attribute in double quotes. */
export function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!);
}
