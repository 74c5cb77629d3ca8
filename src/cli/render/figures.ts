/** Figures: of a build in a line, with those of the verifier in a table, and in a line what the kernel keeps of what runs. */
import { type Figures, formatCount, type ImageFigures, LIMITS } from "../../codegen/index.ts";
import type { LiveFigures, Verified, VerifiedImage } from "../../loader/index.ts";
import type { Style } from "./style.ts";
import { type Column, renderTable, wrap } from "./table.ts";

/** `1 map`, `1,204 maps`. */
function count(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Of a loaded program, without a line feed. */
export function liveFigures({ verifiedInstructions, functions, maps, jitedBytes }: LiveFigures): string {
  return [
    ...(verifiedInstructions === undefined ? [] : [`${formatCount(verifiedInstructions)} instructions verified`]),
    count(functions, "function"),
    count(maps, "map"),
    jitedBytes === 0 ? "interpreted" : `${formatCount(jitedBytes)} bytes of machine code`,
  ].join(", ");
}

/** Of a build; ends with a line feed. */
export function renderFigures(
  figures: ImageFigures,
  verified: VerifiedImage | undefined,
  columns: number,
  paint: Style,
): string {
  const lines = verified ? table(figures, verified, columns, paint) : [paint.dim(inOneLine(figures.dispatcher))];
  return `${lines.join("\n")}\n`;
}

function inOneLine({ instructions, functions, maps, stack }: Figures): string {
  return [
    count(instructions, "instruction"),
    `${count(functions, "function")} of ${LIMITS.functions}`,
    `${count(maps, "map")} of ${LIMITS.maps}`,
    stack === null ? "stack unknown" : `${count(stack, "byte")} of stack of ${LIMITS.stack}`,
  ].join(", ");
}

interface Row {
  readonly name: string;
  readonly figures: Figures;
  readonly verified: Verified;
}

const UNKNOWN = "?";
const bytes = (size: number | null): string => (size === null ? UNKNOWN : formatCount(size));

const COLUMNS: readonly (Column & { readonly cell: (row: Row) => string })[] = [
  { title: "", cell: ({ name }) => name },
  { title: "instructions", align: "right", cell: ({ figures }) => formatCount(figures.instructions) },
  { title: "functions", align: "right", cell: ({ figures }) => formatCount(figures.functions) },
  { title: "maps", align: "right", cell: ({ figures }) => formatCount(figures.maps) },
  { title: "frame", align: "right", cell: ({ figures }) => bytes(figures.frame) },
  { title: "stack", align: "right", cell: ({ figures }) => bytes(figures.stack) },
  { title: "verified", align: "right", cell: ({ verified }) => formatCount(verified.verifiedInstructions) },
  { title: "time", align: "right", cell: ({ verified }) => duration(verified.microseconds) },
];

function table(figures: ImageFigures, verified: VerifiedImage, columns: number, paint: Style): readonly string[] {
  const rows: readonly Row[] = [
    ...figures.programs.map((own, index) => ({
      name: own.program,
      figures: own,
      // Of the same programs in the same order: those that come as objects.
      verified: verified.programs[index]!,
    })),
    { name: "dispatcher", figures: figures.dispatcher, verified: verified.dispatcher },
  ];
  const cells = rows.map((row) => COLUMNS.map(({ cell }) => cell(row)));
  const { functions, maps, stack, verifiedInstructions } = LIMITS;
  const plain = verified.programs.filter(({ because }) => because !== undefined);
  const notes = [
    ...(plain.length === 0
      ? []
      : [`verified as plain XDP: ${plain.map(({ program }) => program).join(", ")}; ${plain[0]!.because!}`]),
    `frame and stack in bytes; the kernel takes ${functions} functions, ${maps} maps, ${stack} bytes of stack and ` +
      `${formatCount(verifiedInstructions)} verified instructions in one program`,
  ];
  return [
    ...renderTable(COLUMNS, cells, columns, paint.dim),
    ...notes.flatMap((note) => wrap(note, columns)).map(paint.dim),
  ];
}

/** `98 µs`, `79.7 ms`, `1.2 s`. */
function duration(microseconds: number | undefined): string {
  if (microseconds === undefined) return UNKNOWN;
  if (microseconds < 1000) return `${microseconds} µs`;
  if (microseconds < 1_000_000) return `${(microseconds / 1000).toFixed(1)} ms`;
  return `${(microseconds / 1_000_000).toFixed(1)} s`;
}
