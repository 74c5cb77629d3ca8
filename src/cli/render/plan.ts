/**
 * What `apply` would do on one interface, as a person wants to read it: what is there, what comes (+), goes (-) and changes
 * (~), in the order in which programs would run.
 */
import { ACTIONS, type Linkage } from "../../chain/index.ts";
import { formatEdge } from "../../codegen/index.ts";
import type { Change, MapForecast, Preview, ProgramDifference } from "../../loader/index.ts";
import { homeChanges, homeTexts } from "./home.ts";
import type { Painter, Style } from "./style.ts";
import { wrap } from "./table.ts";

export interface PlanView {
  readonly columns: number;
  readonly paint: Style;
}

/** Ends with a line feed. */
export function renderPlan(preview: Preview, view: PlanView): string {
  const { obstacle, outcome } = preview;
  const { paint } = view;
  const lines = [
    ...named(preview.interface, hanging(`${preview.interface}: ${presentText(preview)}`, "", view), paint.bold),
    ...(outcome === "unchanged" ? [`  ${stays(preview)}`, ...undecided(preview, view)] : changes(preview, view)),
    ...forgotten(preview, view),
    ...(obstacle === undefined ? [] : hanging(`apply would refuse: ${obstacle}`, "  ", view, paint.red)),
  ];
  return `${lines.join("\n")}\n`;
}

function stays(preview: Preview): string {
  if (preview.undecided) return "no swap; its health command is asked again";
  return changesNothing(preview) ? "nothing to change" : "the chain runs on as it is";
}

function undecided(preview: Preview, view: PlanView): readonly string[] {
  const text = "it never said that all is well: where it fails, apply goes back to the generation before that is kept";
  return preview.undecided ? hanging(text, "  ", view, view.paint.yellow) : [];
}

function presentText({ present }: Preview): string {
  const { link, chain, generation, mode, occupants } = present;
  const ours = chain === undefined ? "a chain" : `chain ${chain}, generation ${generation},`;
  const others = occupants.map((other) => {
    const program = `XDP program ${other.id} (${other.name || "without a name"})`;
    if (other.chain === undefined) return `${program} runs here, which is not xdpgen's`;
    return `${program} runs here, chain ${other.chain} of xdpgen with its pins out of reach`;
  });
  // With a stranger on the link, the chain is what ran before.
  const here = others.length > 0 ? `${ours} ran here` : `${ours} runs here in ${mode} mode`;
  const what = {
    none: [],
    here: [here],
    defunct: [
      `${ours} ran here and is defunct: the interface was removed, or somebody detached the link or removed its pin`,
    ],
    moved: [`${ours} runs on an interface that had this index and was moved to another network namespace`],
  }[link];
  return [...what, ...others].join("; ") || "no XDP program runs here";
}

/** Kept generations that go, and the maps that nothing else holds. */
function forgotten(preview: Preview, view: PlanView): readonly string[] {
  return preview.forgotten.flatMap(({ generation, chain, maps }) => {
    const names = maps.map(({ program, name }) => `${program}/${name}`);
    const lost = names.length > 0 ? `; lost with it: ${names.join(", ")}` : "";
    return hanging(`no longer kept: generation ${generation}, chain ${chain}${lost}`, "  ", view);
  });
}

function changes(preview: Preview, view: PlanView): readonly string[] {
  const { chain, generation, mode, outcome, repair, obstacle, present, sharedWith = [], difference } = preview;
  const { programs, end, counters, code, unreachable, reachable } = difference;
  const { paint } = view;
  const how = {
    created: "attach",
    swapped: "swap in one step to",
    replaced: "replace one loaded program in",
    unchanged: "keep",
  }[outcome];
  const where = mode === "auto" ? "native mode, or generic where the driver has no native" : `${mode} mode`;
  const unchanged = programs.filter(({ kind }) => kind === "unchanged");
  const others = programs.filter(({ kind }) => kind !== "unchanged");
  const bare = others.length === 0 && !end && !counters && !difference.chain;
  return [
    ...hanging(`${how} chain ${chain}, generation ${generation}, ${where}`, "  ", view),
    ...(sharedWith.length > 0
      ? hanging(`shares its dispatcher and its maps with ${sharedWith.join(", ")}`, "  ", view)
      : []),
    ...(outcome === "created" && obstacle === undefined && present.occupants.length > 0
      ? [`  ${paint.yellow("~")} takes the interface over; for an instant it has no program`]
      : []),
    ...(difference.chain ? [`  ${paint.yellow("~")} chain: ${arrow(difference.chain)}`] : []),
    ...(end ? [`  ${paint.yellow("~")} end: ${arrow(end)}`] : []),
    ...(counters ? [`  ${paint.yellow("~")} counters: ${arrow(counters)}`] : []),
    ...(code && bare ? [`  ${paint.yellow("~")} the dispatcher's own code: another xdpgen made what runs`] : []),
    ...(repair ? [`  ${paint.yellow("~")} somebody removed a pin: all are made again`] : []),
    ...others.flatMap((program) => programLines(program, view)),
    ...(unchanged.length > 0 ? unchangedLines(unchanged, view) : []),
    ...reach("no action leads to", unreachable, paint.red, view),
    ...reach("an action leads again to", reachable, paint.green, view),
    ...hanging(summary(programs), "  ", view, paint.bold),
  ];
}

/** What runs stays as it is, and what is kept too. */
export const changesNothing = (preview: Preview): boolean =>
  preview.outcome === "unchanged" && preview.forgotten.length === 0;

const SIGNS = { in: "+", out: "-", changed: "~", unchanged: " " } as const;

function programLines(difference: ProgramDifference, view: PlanView): readonly string[] {
  const { name, kind, program, order, was, maps } = difference;
  const { paint } = view;
  const color = { in: paint.green, out: paint.red, changed: paint.yellow, unchanged: paint.dim }[kind];
  const about = {
    in: `place ${order}, priority ${program.priority}, ${program.linkage}, ${sourceText(program)}`,
    out: `was in place ${was}`,
    changed: `place ${difference.moved ? `${was} -> ${order}, moved` : order}`,
    unchanged: "",
  }[kind];
  const [first = "", ...rest] = named(name, hanging(`${name}: ${about}`, "    ", view), paint.bold);
  const details =
    kind === "in" ? [...newEdges(difference), ...homeTexts(name, program.homes ?? {})] : changeTexts(difference);
  return [
    `  ${color(SIGNS[kind])} ${first.trimStart()}`,
    ...rest,
    ...[...details, ...mapTexts(maps)].flatMap((text) => hanging(text, "      ", view)),
  ];
}

function sourceText({ object, function: name }: ProgramDifference["program"]): string {
  return object === undefined ? "a program that is loaded already" : `${name} of ${object}`;
}

function newEdges({ program: { edges } }: ProgramDifference): readonly string[] {
  const leading = ACTIONS.filter((action) => formatEdge(edges[action] ?? "return") !== "return");
  const grouped = together(leading.map((action) => [formatEdge(edges[action]!), action]));
  return grouped.map(([target, actions]) => `${actions} -> ${target}`);
}

function changeTexts({ name: program, changes: changed, edges }: ProgramDifference): readonly string[] {
  const { hash, homes, object, function: name, priority, linkage, loaded } = changed;
  const path = object ? `, ${arrow(object)}` : "";
  const grouped = together(
    edges.map(({ outcome, from, to }) => [
      arrow({ from: formatEdge(from), to: formatEdge(to) }),
      outcome === "no-verdict" ? "31 (no verdict)" : outcome,
    ]),
  );
  return [
    // Functions and homes are part of the hash: what else changed cannot be told then.
    ...(loaded ? [`loaded program: id ${arrow(loaded)}`] : []),
    ...(hash && !name && !homes && !changesSource(linkage) ? [`object or globals: other code or values${path}`] : []),
    ...(name ? [`function: ${arrow(name)}${path}`] : []),
    ...(homes ? homeChanges(program, homes) : []),
    ...(priority ? [`priority: ${arrow(priority)}`] : []),
    ...(linkage ? [`linkage: ${arrow(linkage)}`] : []),
    ...grouped.map(([change, outcomes]) => `${outcomes}: ${change}`),
  ];
}

/** From an object to a loaded program or back: the linkage says so. */
function changesSource(linkage: Change<Linkage> | undefined): boolean {
  return linkage !== undefined && (linkage.from === "tail" || linkage.to === "tail");
}

/** Those with the same text, once: the text and all that have it. */
function together(
  pairs: readonly (readonly [text: string, item: string])[],
): readonly (readonly [text: string, items: string])[] {
  const texts = [...new Set(pairs.map(([text]) => text))];
  return texts.map((text) => [text, pairs.flatMap(([other, item]) => (other === text ? [item] : [])).join(", ")]);
}

const CONTENTS = {
  kept: "maps keep their contents",
  empty: "maps start empty",
  held: "maps stay for rollback",
  lost: "maps are lost",
} as const;

function mapTexts(maps: readonly MapForecast[]): readonly string[] {
  return (["kept", "empty", "held", "lost"] as const).flatMap((contents) => {
    const names = maps.filter((map) => map.contents === contents).map(({ name }) => name);
    return names.length > 0 ? [`${CONTENTS[contents]}: ${names.join(", ")}`] : [];
  });
}

/** Programs that one reads the names of. */
const MOST_NAMED = 20;

/** A map of an unchanged program starts empty only where its pin is gone, which is worth a line of its own. */
function unchangedLines(programs: readonly ProgramDifference[], view: PlanView): readonly string[] {
  const names =
    programs.length > MOST_NAMED ? `${programs.length} programs` : programs.map(({ name }) => name).join(", ");
  const anew = programs.filter(({ maps }) => maps.some(({ contents }) => contents !== "kept"));
  const maps = programs.some((program) => program.maps.length > 0) && anew.length === 0 ? ", with their maps" : "";
  return [
    ...hanging(`unchanged${maps}: ${names}`, "    ", view, view.paint.dim),
    ...anew.flatMap(({ name, maps: of }) =>
      mapTexts(of).flatMap((text) => hanging(`${name}: ${text}`, "      ", view)),
    ),
  ];
}

function reach(what: string, names: readonly string[], color: Painter, view: PlanView): readonly string[] {
  return names.length === 0 ? [] : hanging(`${what} ${names.join(", ")}`, "  ", view, color);
}

function summary(programs: readonly ProgramDifference[]): string {
  const count = (kind: ProgramDifference["kind"]): number => programs.filter((program) => program.kind === kind).length;
  const moved = programs.filter((program) => program.moved).length;
  const maps = (contents: MapForecast["contents"]): number =>
    programs.flatMap((program) => program.maps).filter((map) => map.contents === contents).length;
  return (
    `programs: ${count("in")} in, ${count("out")} out, ${count("changed")} changed` +
    `${moved > 0 ? ` (${moved} moved)` : ""}, ${count("unchanged")} unchanged; ` +
    `maps: ${maps("kept")} kept, ${maps("empty")} empty, ` +
    `${maps("held") > 0 ? `${maps("held")} for rollback, ` : ""}${maps("lost")} lost`
  );
}

function arrow({ from, to }: Change<unknown>): string {
  return `${String(from)} -> ${String(to)}`;
}

/** The lines with the name that the first one begins with painted. A name that is too long for a line stays as it is. */
function named(name: string, lines: readonly string[], paint: Painter): readonly string[] {
  return lines.map((line, index) => (index === 0 ? line.replace(name, () => paint(name)) : line));
}

/** Lines within the width; those that go on are indented by two more. */
function hanging(text: string, indent: string, { columns }: PlanView, paint?: Painter): readonly string[] {
  return wrap(text, columns - indent.length - 2).map(
    (line, index) => `${indent}${index === 0 ? "" : "  "}${paint ? paint(line) : line}`,
  );
}
