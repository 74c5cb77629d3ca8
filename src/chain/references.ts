/**
 * What a chain's parts say of each other: edges, groups and constraints of order that name programs. Whether the graph
 * that they make is sound is the plan's affair, since objects have a say in the order.
 */
import { nearest } from "../nearest.ts";
import { ACTIONS } from "./chain.ts";
import { type EdgeMeaning, edgeMeaning, normalEdge, type LooseEdge } from "./edge.ts";
import type { Mistake, Path } from "./mistake.ts";
import type { ProgramPart, Parts } from "./parts.ts";

/** Names that can be referred to. */
interface Names {
  readonly programs: readonly string[];
  readonly groups: readonly string[];
  /** Whether these are all that there are. */
  readonly all: boolean;
}

export function referenceMistakes(parts: Parts): readonly Mistake[] {
  const names: Names = {
    programs: parts.programs.flatMap(({ name = [] }) => name),
    groups: [...parts.groups.keys()],
    all: parts.named,
  };
  return [
    ...names.groups.flatMap((group) => groupMistakes(parts, group, names)),
    ...parts.programs.flatMap((program, index) => {
      const at: Path = ["programs", index];
      return [
        ...placeMistakes(program, at, names),
        ...Object.entries(program.on ?? {}).flatMap(([action, edge]) =>
          edge === undefined ? [] : edgeMistakes([...at, "on", action], edge, program.priority === "none", names),
        ),
        ...(["before", "after"] as const).flatMap((key) => orderMistakes(parts, index, key, names)),
      ];
    }),
  ];
}

function groupMistakes(parts: Parts, group: string, names: Names): readonly Mistake[] {
  const at: Path = ["groups", group];
  const mistakes: Mistake[] = [];
  if (names.programs.includes(group)) {
    mistakes.push(
      mistake("equal-names", at, `a group and a program are named \`${group}\``, "rename one of them", "key"),
    );
  }
  if (parts.programs.every((program) => program.placed && program.group !== group)) {
    const hint = `give a program \`group: ${group}\`, or take the group out`;
    mistakes.push(mistake("bad-reference", at, `group \`${group}\` has no program`, hint, "key"));
  }
  const { end } = parts.groups.get(group)!;
  if (end === undefined) return mistakes;
  const path: Path = [...at, "end"];
  if (edgeMeaning(normalEdge(end)).kind === "next") {
    const message = `behind group \`${group}\` there is no next program`;
    return [...mistakes, mistake("bad-reference", path, message, "name a program or a group, or `return`")];
  }
  return [...mistakes, ...edgeMistakes(path, end, false, names)];
}

function edgeMistakes(path: Path, edge: LooseEdge, placeless: boolean, names: Names): readonly Mistake[] {
  const meaning: EdgeMeaning = edgeMeaning(normalEdge(edge));
  if (meaning.kind === "next" && placeless) {
    const message = "a program with `priority: none` has no next program";
    return [mistake("bad-reference", path, message, "name the program to go to, or give this one a priority")];
  }
  if (meaning.kind !== "enter" || [...names.programs, ...names.groups].includes(meaning.name) || !names.all) return [];
  const at = typeof edge === "string" ? path : [...path, "to"];
  const hint = edgeAdvice(meaning.name, names);
  return [mistake("bad-reference", at, `the chain has no program or group \`${meaning.name}\``, hint)];
}

/** What to write for an action in the place of an edge. */
export function endingEdge(action: string): string {
  return `the edge that ends with it is \`return ${action}\``;
}

/** What somebody may have meant by an edge that names nobody. */
function edgeAdvice(name: string, { programs, groups }: Names): string {
  if (name === "return") return "an edge that returns is no map: write `return`";
  if (ACTIONS.some((action) => action === name)) return endingEdge(name);
  const near = nearest(name, [...programs, ...groups, "next", "return"]);
  return near ? `did you mean \`${near}\`?` : `its programs: ${programs.join(", ")}`;
}

function placeMistakes(program: ProgramPart, at: Path, { groups, all }: Names): readonly Mistake[] {
  if (program.name === undefined) return [];
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
  if (program.group !== undefined && !groups.includes(program.group) && all) {
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
  parts: Parts,
  index: number,
  key: "before" | "after",
  { programs, all }: Names,
): readonly Mistake[] {
  const program = parts.programs[index]!;
  return program[key].flatMap((name, item) => {
    const path: Path = ["programs", index, key, item];
    if (name === undefined || program.name === undefined) return [];
    const other = parts.programs.find((p) => p.name === name);
    if (!other) {
      if (!all) return [];
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
    if (program.group !== other.group && program.placed && other.placed) {
      const where = (p: ProgramPart): string => (p.group === undefined ? "in no group" : `in group \`${p.group}\``);
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
