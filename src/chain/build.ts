/** A checked document -> the frozen `Chain` value. */
import { type Action, ACTIONS, type Chain, type Group, type Program } from "./chain.ts";
import { type Check, isCapture } from "./check.ts";
import { type LooseEdge, normalEdge, normalEdges } from "./edge.ts";
import type { Health } from "./health.ts";
import type { MapPlace } from "./map-home.ts";
import type { ChainDocument } from "./schema.ts";

/** Paths of objects and pins become relative to the working directory, as `file` is. */
export function buildChain(document: ChainDocument, file: string): Chain {
  const folder = folderOf(file);
  return freeze({
    name: document.chain,
    interfaces: document.interfaces,
    mode: document.mode,
    linkage: document.linkage,
    ...(document.prefer !== undefined && { prefer: document.prefer }),
    end: document.end,
    ...(document.counters === true && { counters: true }),
    ...(document.history !== undefined && { history: document.history }),
    ...(document.groups && { groups: normalGroups(document.groups) }),
    ...(document.allow && { allow: document.allow }),
    programs: document.programs.map((program): Program => ({
      name: program.name,
      ...sourceOfProgram(program, folder),
      ...(program.priority !== undefined && { priority: program.priority }),
      ...(program.before && { before: program.before }),
      ...(program.after && { after: program.after }),
      ...(program.group !== undefined && { group: program.group }),
      ...(program.on && { on: normalEdges(program.on) }),
      ...(program["proceed-on"] && { proceedOn: inCodeOrder(program["proceed-on"]) }),
      ...(program.allow && { allow: program.allow }),
      ...(program.linkage !== undefined && { linkage: program.linkage }),
    })),
    ...(document.health && { health: buildHealth(document.health, folder) }),
    ...(document.checks && { checks: document.checks.map((check) => buildCheck(check, folder)) }),
  });
}

type ProgramDocument = ChainDocument["programs"][number];

/** What only objects have, or what only loaded programs have. */
function sourceOfProgram(
  { object, pinned, id, function: name, globals, maps }: ProgramDocument,
  folder: string,
): Omit<Program, "name"> {
  if (object === undefined) {
    return { ...(pinned !== undefined && { pinned: joinPath(folder, pinned) }), ...(id !== undefined && { id }) };
  }
  return {
    object: joinPath(folder, object),
    ...(name !== undefined && { function: name }),
    ...(globals && { globals }),
    ...(maps && { maps: mapPlaces(maps) }),
  };
}

function mapPlaces(maps: NonNullable<ProgramDocument["maps"]>): Readonly<Record<string, MapPlace>> {
  const place = ({ pin, from }: (typeof maps)[string]): MapPlace => (pin === undefined ? { from: from! } : { pin });
  return Object.fromEntries(Object.entries(maps).map(([name, said]) => [name, place(said)]));
}

function buildHealth({ command, within }: NonNullable<ChainDocument["health"]>, folder: string): Health {
  return { command, ...(within !== undefined && { within }), folder };
}

/** Captures become relative to the working directory, as `object` does. */
function buildCheck(check: NonNullable<ChainDocument["checks"]>[number], folder: string): Check {
  const { "packet-after": after, context, frames, path, maps, ...rest } = check;
  const located = (text: string): string => (isCapture(text) ? joinPath(folder, text) : text);
  return {
    ...rest,
    packet: located(check.packet),
    ...(frames !== undefined && { frames }),
    ...(after !== undefined && { packetAfter: located(after) }),
    ...(path && { path }),
    ...(context && { context: contextOf(context) }),
    ...(maps && { maps }),
  };
}

type Context = NonNullable<NonNullable<ChainDocument["checks"]>[number]["context"]>;

function contextOf({ interface: ingress, queue }: Context): NonNullable<Check["context"]> {
  return { ...(ingress !== undefined && { interface: ingress }), ...(queue !== undefined && { queue }) };
}

/** A set of actions has one spelling, so that equal chains are equal values. */
export function inCodeOrder(actions: readonly Action[]): readonly Action[] {
  return ACTIONS.filter((action) => actions.includes(action));
}

export function normalGroups(groups: Readonly<Record<string, { end?: LooseEdge | undefined }>>): Record<string, Group> {
  const normal = ({ end }: { end?: LooseEdge | undefined }): Group =>
    end === undefined ? {} : { end: normalEdge(end) };
  return Object.fromEntries(Object.entries(groups).map(([name, group]) => [name, normal(group)]));
}

/** Freezes a value and what it holds; bytes are left alone, since a typed array cannot be frozen. */
export function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
}

function folderOf(file: string): string {
  return file.includes("/") ? file.slice(0, file.lastIndexOf("/") + 1) : "";
}

/** `posix.join` for a folder that is empty or ends in a slash. An absolute path stays as it is. */
export function joinPath(folder: string, path: string): string {
  const whole = path.startsWith("/") ? path : folder + path;
  const parts: string[] = [];
  for (const part of whole.split("/")) {
    if (part === "" || part === ".") continue;
    const above = parts.at(-1);
    if (part === ".." && above !== undefined && above !== "..") parts.pop();
    else if (part !== ".." || !whole.startsWith("/")) parts.push(part);
  }
  return (whole.startsWith("/") ? "/" : "") + (parts.join("/") || ".");
}
