/** A picture of a chain as the contents of a file, or of a terminal. */
import { type Picture, pictureOfPrograms, pictureToDot, pictureToSvg, withCounts } from "../../codegen/index.ts";
import type { AttachmentStatus } from "../../loader/index.ts";
import { renderFlow } from "./flow.ts";
import { style } from "./style.ts";

export const PICTURE_FORMATS = ["svg", "dot", "text"] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** What the end of a file name says. */
const SUFFIXES: Readonly<Record<string, PictureFormat>> = { svg: "svg", dot: "dot", gv: "dot", txt: "text" };

export function pictureFormat(path: string): PictureFormat | undefined {
  return SUFFIXES[/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ""];
}

/**
 * The chain that runs on an interface, with its packets where they are counted. A way of 31 is drawn where one took it.
 * @param all also the ways of 31 that change nothing
 */
export function livePicture({ chain, programs }: AttachmentStatus, all = false): Picture {
  const counts = new Map(programs.flatMap((program) => (program.counts ? [[program.name, program.counts]] : [])));
  const taken = [...counts.values()].some((of) => of["no-verdict"] > 0);
  const picture = pictureOfPrograms(chain, programs, { all: all || taken });
  return counts.size === 0 ? picture : withCounts(picture, (program, outcome) => counts.get(program)![outcome]);
}

/** @param color of text */
export function drawPicture(picture: Picture, format: PictureFormat, color: boolean): string {
  switch (format) {
    case "svg":
      return pictureToSvg(picture);
    case "dot":
      return pictureToDot(picture);
    case "text":
      return `${renderFlow(picture, style(color)).join("\n")}\n`;
  }
}
