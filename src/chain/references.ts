/**
 * What a chain's parts say of each other: edges, groups and constraints of order that name programs. Whether the graph
 * that they make is sound is the plan's affair, since objects have a say in the order.
 */
import type { z } from "zod";
import { ACTIONS } from "./chain.ts";
import { type EdgeMeaning, edgeMeaning, normalEdge, type LooseEdge } from "./edge.ts";
import type { Mistake, Path } from "./mistake.ts";
import { nearest } from "../nearest.ts";
import type { chainSchema } from "./schema.ts";

type Document = z.infer<typeof chainSchema>;

/** The mistakes of a document whose every value is well formed. */
export function referenceMistakes(document: Document): readonly Mistake[] {
  const programs = document.programs.map(({ name }) => name);
  const groups = Object.keys(document.groups ?? {});
  return [
    ...groups.flatMap((group) => groupMistakes(document, group, programs)),
    ...document.programs.flatMap((program, index) => {
      const at: Path = ["programs", index];
      return [
        ...placeMistakes(document, index, at, groups),
        ...Object.entries(program.on ?? {}).flatMap(([action, edge]) =>
          edge === undefined
            ? []
            : edgeMistakes([...at, "on", action], edge, program.priority === "none", programs, groups),
        ),
        ...(["before", "after"] as const).flatMap((key) => orderMistakes(document, index, key, programs)),
      ];
    }),
  ];
}

function groupMistakes(document: Document, group: string, programs: readonly string[]): readonly Mistake[] {
  const at: Path = ["groups", group];
  const members = document.programs.filter((program) => program.group === group);
  const mistakes: Mistake[] = [];
  if (programs.includes(group)) {
    mistakes.push(
      mistake("equal-names", at, `a group and a program are named \`${group}\``, "rename one of them", "key"),
    );
  }
  if (members.length === 0) {
    const hint = `give a program \`group: ${group}\`, or take the group out`;
    mistakes.push(mistake("bad-reference", at, `group \`${group}\` has no program`, hint, "key"));
  }
  const { end } = document.groups![group]!;
  if (end === undefined) return mistakes;
  const path: Path = [...at, "end"];
  if (edgeMeaning(normalEdge(end)).kind === "next") {
    const message = `behind group \`${group}\` there is no next program`;
    return [...mistakes, mistake("bad-reference", path, message, "name a program or a group, or `return`")];
  }
  return [...mistakes, ...edgeMistakes(path, end, false, programs, Object.keys(document.groups!))];
}

function edgeMistakes(
  path: Path,
  edge: LooseEdge,
  placeless: boolean,
  programs: readonly string[],
  groups: readonly string[],
): readonly Mistake[] {
  const meaning: EdgeMeaning = edgeMeaning(normalEdge(edge));
  if (meaning.kind === "next" && placeless) {
    const message = "a program with `priority: none` has no next program";
    return [mistake("bad-reference", path, message, "name the program to go to, or give this one a priority")];
  }
  if (meaning.kind !== "enter" || programs.includes(meaning.name) || groups.includes(meaning.name)) return [];
  const at = typeof edge === "string" ? path : [...path, "to"];
  const hint = edgeAdvice(meaning.name, programs, groups);
  return [mistake("bad-reference", at, `the chain has no program or group \`${meaning.name}\``, hint)];
}

/** What to write for an action in the place of an edge. */
export function endingEdge(action: string): string {
  return `the edge that ends with it is \`return ${action}\``;
}

/** What somebody may have meant by an edge that names nobody. */
function edgeAdvice(name: string, programs: readonly string[], groups: readonly string[]): string {
  if (name === "return") return "an edge that returns is no map: write `return`";
  if (ACTIONS.some((action) => action === name)) return endingEdge(name);
  const near = nearest(name, [...programs, ...groups, "next", "return"]);
  return near ? `did you mean \`${near}\`?` : `its programs: ${programs.join(", ")}`;
}

function placeMistakes(document: Document, index: number, at: Path, groups: readonly string[]): readonly Mistake[] {
  const program = document.programs[index]!;
  const mistakes: Mistake[] = [];
  if (program.on && program["proceed-on"]) {
    const message = `program \`${program.name}\` has both \`on\` and \`proceed-on\``;
    const hint = "`proceed-on: [pass]` is short for `on: { pass: next }`; keep one of them";
    mistakes.push(mistake("contradiction", [...at, "proceed-on"], message, hint, "key"));
  }
  if (program.priority === "none" && program["proceed-on"]) {
    const message = `program \`${program.name}\` has no next program to proceed to`;
    mistakes.push(
      mistake("contradiction", [...at, "proceed-on"], message, "say with `on` where its actions lead", "key"),
    );
  }
  if (program.group !== undefined && !groups.includes(program.group)) {
    const near = nearest(program.group, groups);
    const hint = near ? `did you mean \`${near}\`?` : `declare it: \`groups: { ${program.group}: {} }\``;
    mistakes.push(mistake("bad-reference", [...at, "group"], `the chain has no group \`${program.group}\``, hint));
  }
  if (program.group !== undefined && program.priority === "none") {
    const message = `program \`${program.name}\` is in a group and has no place in its order`;
    mistakes.push(mistake("contradiction", [...at, "priority"], message, "leave out `group` or `priority: none`"));
  }
  return mistakes;
}

/** Constraints hold between programs of one order: those of one group, or those of none. */
function orderMistakes(
  document: Document,
  index: number,
  key: "before" | "after",
  programs: readonly string[],
): readonly Mistake[] {
  const program = document.programs[index]!;
  return (program[key] ?? []).flatMap((name, item) => {
    const path: Path = ["programs", index, key, item];
    const other = document.programs.find((p) => p.name === name);
    if (!other) {
      const near = nearest(name, programs);
      const hint = near ? `did you mean \`${near}\`?` : `its programs: ${programs.join(", ")}`;
      return [mistake("bad-reference", path, `the chain has no program \`${name}\``, hint)];
    }
    if (other === program) return [mistake("contradiction", path, `program \`${name}\` cannot run ${key} itself`)];
    if (program.priority === "none" || other.priority === "none") {
      const placeless = program.priority === "none" ? program : other;
      const message = `program \`${placeless.name}\` has \`priority: none\`, so nothing is before or after it`;
      return [mistake("contradiction", path, message, "name it in an edge, or give it a priority")];
    }
    if (program.group !== other.group) {
      const where = (p: typeof program): string => (p.group === undefined ? "in no group" : `in group \`${p.group}\``);
      const message = `\`${program.name}\` is ${where(program)} and \`${name}\` is ${where(other)}: they have no common order`;
      return [mistake("contradiction", path, message)];
    }
    return [];
  });
}

function mistake(
  code: Mistake["code"],
  path: Path,
  message: string,
  hint?: string,
  at: "key" | "value" = "value",
): Mistake {
  return hint === undefined ? { code, path, at, message } : { code, path, at, message, hint };
}
