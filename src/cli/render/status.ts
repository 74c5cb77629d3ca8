/** The report of `xdpgen status` as a person wants to read it. */
import { ACTIONS, isLinked } from "../../chain/index.ts";
import { formatCount } from "../../codegen/index.ts";
import type { AttachmentStatus, LiveFigures, ProgramStatus } from "../../loader/index.ts";
import { formatAge, formatTime } from "./age.ts";
import { liveFigures } from "./figures.ts";
import { edgesByTarget, renderFlow } from "./flow.ts";
import { linkageReasons } from "./linkages.ts";
import { livePicture } from "./picture.ts";
import type { Style } from "./style.ts";
import { type Column, renderTable, tableWidth, wrap } from "./table.ts";
import { isUnreadable, troubleTexts } from "./trouble.ts";

export interface StatusView {
  readonly now: Date;
  readonly columns: number;
  readonly paint: Style;
}

/** Ends with a line feed. */
export function renderStatus(report: readonly AttachmentStatus[], view: StatusView): string {
  if (report.length === 0) return "xdpgen has nothing on any interface\n";
  const blocks = report.map((attachment) => {
    if (isUnreadable(attachment)) return header(attachment, view).join("\n");
    return [
      ...header(attachment, view),
      "",
      ...indent(programs(attachment, view)),
      ...section(maps(attachment, view)),
      ...section(indent(kept(attachment, view))),
      ...section(indent(picture(attachment, view))),
    ].join("\n");
  });
  return `${blocks.join("\n\n\n")}\n`;
}

function header(attachment: AttachmentStatus, { now, columns, paint }: StatusView): readonly string[] {
  const { chain, generation, mode, since, dispatcher, sharedWith } = attachment;
  const age = formatAge(now.getTime() - since.getTime());
  const what = isUnreadable(attachment)
    ? "a chain that cannot be read"
    : `chain ${paint.bold(chain)}, generation ${generation}`;
  const troubles = troubleTexts(attachment).flatMap((text) => wrap(text, columns - INDENT.length));
  return [
    `${place(attachment, paint)}: ${what}${mode ? `, ${mode} mode` : ""}`,
    `  since ${formatTime(since)} (${age} ago)`,
    `  dispatcher ${dispatcher.name}, program id ${dispatcher.id}, tag ${dispatcher.tag}`,
    `  ${liveFigures(dispatcher.figures)}`,
    ...(sharedWith.length > 0 ? [`  shared with ${sharedWith.join(", ")}, and so are its maps`] : []),
    ...indent(troubles.map(paint.red)),
  ];
}

/** `eth0`, `eth0 in network namespace blue (4026532300)`. */
function place({ interface: device, ifindex, namespace, defunct }: AttachmentStatus, paint: Style): string {
  const gone = defunct ? " (gone)" : "";
  const what = device === undefined ? `interface ${ifindex}${gone}` : device;
  return `${paint.bold(what)}${namespaceText(namespace)}`;
}

function namespaceText({ kind, inode, name, pid }: AttachmentStatus["namespace"]): string {
  if (kind === "own") return "";
  if (kind === "gone") return ` in network namespace ${inode}, which is gone`;
  if (kind === "unseen")
    return ` in ${inode === undefined ? "a network namespace" : `network namespace ${inode}`} that cannot be seen from here`;
  const known = name ?? (pid === undefined ? undefined : `of process ${pid}`);
  return ` in network namespace ${known === undefined ? inode : `${known} (${inode})`}`;
}

/** Programs that a picture can hold and still be one. */
const MOST_DRAWN = 20;

function picture(attachment: AttachmentStatus, { paint }: StatusView): readonly string[] {
  const { interface: device, chain, programs: list } = attachment;
  if (list.length > MOST_DRAWN) {
    const how =
      device === undefined ? "too many to draw" : `\`xdpgen graph --dev ${device} -o ${chain}.svg\` draws them`;
    return [paint.dim(`${list.length} programs: ${how}`)];
  }
  return renderFlow(livePicture(attachment), paint);
}

/** One table where the width allows it, else what the chain does apart from what the kernel knows it by. */
function programs({ programs: list, dispatcher }: AttachmentStatus, { columns, paint }: StatusView): readonly string[] {
  const width = columns - INDENT.length;
  const table = (chosen: readonly Field[]): readonly string[] =>
    renderTable(
      chosen.map((field) => ({ ...field, ...(field.strong && { paint: paint.bold }) })),
      list.map((program, i) => chosen.map(({ cell }) => cell(program, list[i + 1]?.name))),
      width,
      paint.dim,
    );
  // A column that says nothing of any program leaves its room to the others.
  const saying = (fields: readonly Field[]): readonly Field[] =>
    fields.filter(({ cell }) => list.some((program) => cell(program, undefined) !== NOTHING));
  const fits = (fields: readonly Field[]): boolean => {
    const rows = list.map((program, i) => fields.map(({ cell }) => cell(program, list[i + 1]?.name)));
    return tableWidth(fields, rows, width) <= width;
  };
  const whole = saying([...DECLARED, ...LOADED]);
  const known = [whole, whole.filter(({ spare }) => !spare)].find(fits);
  const lines = known ? table(known) : [...table(saying(DECLARED)), "", ...table([ORDER, ...saying(LOADED)])];
  const linked = [...new Set(list.map(({ linkage }) => linkage).filter(isLinked))];
  const note = `linkage ${linked.join(", ")}: the code is part of the dispatcher, program id ${dispatcher.id}`;
  const notes = [...(linked.length > 0 ? [note] : []), ...linkageReasons(list)];
  return [...lines, ...notes.flatMap((text) => wrap(text, width)).map(paint.dim)];
}

interface Field extends Column {
  /** @param below the name of the program in the next row */
  readonly cell: (program: ProgramStatus, below: string | undefined) => string;
  readonly strong?: true;
  /** Left out where one table would be too wide with it. */
  readonly spare?: true;
}

const NOTHING = "–";
/** A slot whose program is gone: it returns 31, and packets go on as if the program were not there. */
const EMPTY = "(empty slot)";
const ORDER: Field = { title: "#", align: "right", cell: ({ order }) => String(order) };
const DECLARED: readonly Field[] = [
  ORDER,
  { title: "prio", align: "right", cell: ({ priority }) => String(priority) },
  { title: "program", strong: true, cell: ({ name }) => name },
  { title: "packets", align: "right", cell: ({ counts }) => (counts ? packets(counts) : NOTHING) },
  { title: "linkage", cell: ({ linkage }) => linkage },
  { title: "edges", min: "redirect".length, cell: ({ edges }, below) => edgeText(edges, below) },
];
const LOADED: readonly Field[] = [
  { title: "id", align: "right", cell: ({ id }) => String(id ?? NOTHING) },
  { title: "tag", cell: ({ tag }) => tag ?? NOTHING },
  { title: "verified", align: "right", spare: true, cell: ({ figures }) => verified(figures) },
  { title: "function", cell: (program) => program.function ?? program.loaded ?? EMPTY },
];

/** All that came to the program, `1,204`. */
function packets(counts: NonNullable<ProgramStatus["counts"]>): string {
  return formatCount(Object.values(counts).reduce((sum, count) => sum + count, 0));
}

function verified(figures: LiveFigures | undefined): string {
  return figures?.verifiedInstructions === undefined ? NOTHING : formatCount(figures.verifiedInstructions);
}

/** `pass ↓, tx: ids`: down to the next row, and elsewhere. What ends the chain with the program's own verdict is left out. */
function edgeText(edges: ProgramStatus["edges"], below: string | undefined): string {
  const leading = edgesByTarget(edges).filter(([target]) => target !== "return");
  const parts = leading.map(([target, from]) => {
    const actions = from.length === ACTIONS.length ? "any action" : from.join(" ");
    return target === below ? `${actions} ↓` : `${actions}: ${target}`;
  });
  return parts.join(", ");
}

/** Pins share a long beginning, which is said once. */
function maps({ programs: list, troubles }: AttachmentStatus, { paint }: StatusView): readonly string[] {
  const isThere = (path: string): boolean => !troubles.some((trouble) => "pin" in trouble && trouble.pin === path);
  const pins = list.flatMap((program) => program.maps.map((map) => ({ ...map, program: program.name })));
  if (pins.length === 0) return [];
  const folder = commonFolder(pins.map(({ pin }) => pin));
  const lines = pins.map(({ pin, id, from, pinned }) => {
    const also = [
      ...(from === undefined ? [] : [`that of ${from}`]),
      ...(pinned !== undefined && isThere(pinned) ? [`at ${pinned} too`] : []),
    ];
    return `  ${pin.slice(folder.length)}  ${paint.dim([`id ${id}`, ...also].join(", "))}`;
  });
  return indent([`maps in ${folder}`, ...lines]);
}

function kept({ kept: list }: AttachmentStatus, { now, columns, paint }: StatusView): readonly string[] {
  if (list.length === 0) return [];
  const lines = list.flatMap(({ generation, chain, since, programs: names, whole }) => {
    const age = formatAge(now.getTime() - since.getTime());
    const state = whole ? "" : "; NOT WHOLE, the pin of a slot was removed";
    const what = names.length > MOST_DRAWN ? `${names.length} programs` : names.join(", ");
    const text = `generation ${generation}: chain ${chain}, loaded ${age} ago: ${what}${state}`;
    return wrap(text, columns - 2 * INDENT.length);
  });
  return ["kept for `xdpgen rollback`", ...lines.map((line) => INDENT + paint.dim(line))];
}

function commonFolder(paths: readonly string[]): string {
  const [first = "", ...rest] = paths;
  let length = first.lastIndexOf("/") + 1;
  while (length > 0 && !rest.every((path) => path.startsWith(first.slice(0, length)))) {
    length = first.lastIndexOf("/", length - 2) + 1;
  }
  return first.slice(0, length);
}

const INDENT = "  ";

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => (line === "" ? line : INDENT + line));
}

function section(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", ...lines];
}
