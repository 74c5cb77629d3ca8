/** A picture of a chain as the contents of a file, or of a terminal. */
import { type Picture, pictureToDot, pictureToSvg } from "../../codegen/index.ts";
import { renderFlow } from "./flow.ts";
import { style } from "./style.ts";

export const PICTURE_FORMATS = ["svg", "dot", "text"] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** What the end of a file name says. */
const SUFFIXES: Readonly<Record<string, PictureFormat>> = { svg: "svg", dot: "dot", gv: "dot", txt: "text" };

export function pictureFormat(path: string): PictureFormat | undefined {
  return SUFFIXES[/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ""];
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
