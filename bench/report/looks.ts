/** Each contestant looks the same in all charts: ours are solid, what they are held against is dashed. */
import type { Look } from "./chart/look.ts";

const LOOKS: Readonly<Record<string, Look>> = {
  inline: { hue: "green", marker: "circle" },
  call: { hue: "orange", marker: "square" },
  freplace: { hue: "blue", marker: "diamond" },
  tail: { hue: "purple", marker: "triangle" },
  "one C file": { hue: "black", marker: "circle", dash: "7 4" },
  libxdp: { hue: "black", marker: "diamond", dash: "2 3" },
  "xdp-loader": { hue: "black", marker: "diamond", dash: "2 3" },
  "frozen config": { hue: "grey", marker: "square", dash: "7 4" },
  "frozen config, freplace": { hue: "grey", marker: "diamond", dash: "2 3" },
  "tail calls": { hue: "sky", marker: "triangle", dash: "7 4" },
  "root array": { hue: "sky", marker: "square", dash: "2 3" },
  "xdpcap hooks": { hue: "ochre", marker: "triangle", dash: "7 4" },
};

const PLAIN: Look = { hue: "grey", marker: "circle", dash: "2 3" };

export const lookOf = (contestant: string): Look => LOOKS[contestant] ?? PLAIN;
