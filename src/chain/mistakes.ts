/**
 * What is wrong with a chain, as values: document in, mistakes with a path into it out. Nothing here knows of text and
 * lines; `parse.ts` finds the places in a file, `edit.ts` speaks to callers of the library.
 */
import type * as z from "zod";
import { nearest } from "../nearest.ts";
import { WARNINGS } from "./allow.ts";
import { ACTIONS, plainAction } from "./chain.ts";
import { checkMistakes } from "./check-mistakes.ts";
import { mapMistakes } from "./map-mistakes.ts";
import type { Mistake, MistakeCode, Path } from "./mistake.ts";
import { partsOf } from "./parts.ts";
import { endingEdge, referenceMistakes } from "./references.ts";
import {
  CHAIN_KEYS,
  CHECK_KEYS,
  CONTEXT_KEYS,
  type ChainDocument,
  chainSchema,
  EDGE_KEYS,
  GROUP_KEYS,
  HEALTH_KEYS,
  MAP_KEYS,
  ON_KEYS,
  PROGRAM_KEYS,
  SOURCE_KEYS,
} from "./schema.ts";
import { sourceMistakes } from "./source-mistakes.ts";
import { label, owner, shown, valueAt } from "./wording.ts";

export interface Checked {
  /** Only when there are no mistakes. */
  readonly document?: ChainDocument;
  readonly mistakes: readonly Mistake[];
}

/**
 * Checks a plain value (maps, lists, scalars) against the schema and the rules between fields.
 * @param whole whether the value is all that was written; else a name that nobody has may be that of a part that is lost
 */
export function checkDocument(value: unknown, whole = true): Checked {
  const result = chainSchema.safeParse(value);
  const issues = result.success ? [] : result.error.issues.flatMap((issue) => flatten(issue, []));
  const wellFormed = [
    ...withoutMisspelt([...once(issues.flatMap((issue) => describe(issue, value))), ...sources(value)]),
    ...repeated(value),
    ...unreadable(value),
  ];
  const parts = result.success || whole ? partsOf(value) : undefined;
  const mistakes = parts
    ? [...wellFormed, ...referenceMistakes(parts), ...mapMistakes(parts), ...checkMistakes(parts)]
    : wellFormed;
  return result.success && mistakes.length === 0 ? { document: result.data, mistakes } : { mistakes };
}

/** An empty list for a text is of the wrong type, and too short. */
function once(mistakes: readonly Mistake[]): readonly Mistake[] {
  const keyOf = ({ path, message }: Mistake): string => JSON.stringify([path, message]);
  return [...new Map(mistakes.toReversed().map((mistake) => [keyOf(mistake), mistake])).values()].toReversed();
}

type Issue = z.core.$ZodIssue;

/** A union reports every branch; the branch that got furthest into the value is the one that was meant. */
function flatten(issue: Issue, prefix: Path): Issue[] {
  const path = [...prefix, ...(issue.path as Path)];
  if (issue.code === "invalid_union") {
    const within = (inner: Issue): boolean => inner.path.length > 0 || inner.code === "unrecognized_keys";
    const deepest = issue.errors.find((branch) => branch.length > 0 && branch.every(within));
    if (deepest) return deepest.flatMap((inner) => flatten(inner, path));
  }
  return [{ ...issue, path: path }];
}

function describe(issue: Issue, root: unknown): Mistake[] {
  const path = written(issue.path as Path, root);
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey([...path, key], root));
  if (issue.code === "invalid_key") {
    return [wrong("bad-value", path, "key", `${label(path, root)} must be ${innerMessage(issue)}`)];
  }
  const value = valueAt(root, path);
  if (value === undefined && path.length > 0) return [missingKey(path, root)];
  const code = issue.code === "invalid_type" || issue.code === "invalid_union" ? "wrong-type" : "bad-value";
  const hint = advice(issue, path, value);
  return [
    wrong(code, path, "value", `${label(path, root)} must be ${issue.message}, not ${shown(value, issue)}`, hint),
  ];
}

/** A list of one may be written without brackets: then its item is the list's own place. */
function written(path: Path, root: unknown): Path {
  const around = path.at(-1) === 0 ? path.slice(0, -1) : path;
  return Array.isArray(valueAt(root, around)) ? path : around;
}

function innerMessage(issue: Issue): string {
  return issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message;
}

function wrong(code: MistakeCode, path: Path, at: "key" | "value", message: string, hint?: string): Mistake {
  return hint === undefined ? { code, path, at, message } : { code, path, at, message, hint };
}

function unknownKey(path: Path, root: unknown): Mistake {
  const key = String(path.at(-1));
  const known = keysAt(path);
  const near = nearest(key, known);
  const hint = near ? `did you mean \`${near}\`?` : `known keys: ${known.join(", ")}`;
  return wrong("unknown-key", path, "key", `unknown key \`${key}\` in ${owner(path.slice(0, -1), root)}`, hint);
}

/** The keys that the map may have in which a path's last key stands. */
function keysAt(path: Path): readonly string[] {
  if (path.length === 1) return CHAIN_KEYS;
  if (path.at(-2) === "allow") return WARNINGS;
  if (path[0] === "health") return HEALTH_KEYS;
  if (path[0] === "checks") return path.length === 3 ? CHECK_KEYS : CONTEXT_KEYS;
  if (path[0] === "groups") return path.length === 3 ? GROUP_KEYS : EDGE_KEYS;
  if (path.length <= 3) return PROGRAM_KEYS;
  if (path[2] === "maps") return MAP_KEYS;
  return path.length === 4 && path[2] === "on" ? ON_KEYS : EDGE_KEYS;
}

const MISSING: Readonly<Record<string, string>> = {
  chain: "name it: `chain: NAME`",
  programs: "list them: `programs:`, then `- name: NAME`",
  name: "give every program a name of its own",
  packet: "say what to send: `packet: eth / ipv4 / udp`, or the path of a capture",
  expect: "say the verdict: `expect: pass`",
  to: "say where it goes: `to: NAME`",
  command: "say what to run: `command: [PROGRAM, ARGUMENT]`",
};

function missingKey(path: Path, root: unknown): Mistake {
  const key = String(path.at(-1));
  const message = `${owner(path.slice(0, -1), root)} has no \`${key}\``;
  const hint = path[0] === "checks" && key === "name" ? "give every check a name of its own" : MISSING[key];
  return wrong("missing-key", path, "key", message, hint);
}

/** A misspelt key is one mistake: that the right key is therefore missing, or its map not what it must be, is no second one. */
function withoutMisspelt(mistakes: readonly Mistake[]): Mistake[] {
  const meant = new Set(
    mistakes
      .filter((mistake) => mistake.code === "unknown-key")
      .map(({ path }) => `${parentKey(path)} ${nearest(String(path.at(-1)), keysAt(path))}`),
  );
  const around = new Set(mistakes.flatMap(({ code, path }) => (code === "unknown-key" ? [parentKey(path)] : [])));
  return mistakes.filter(({ code, path }) => {
    if (code === "bad-value" && around.has(JSON.stringify(path))) return false;
    const key = String(path.at(-1));
    const wanted: readonly string[] = key === "object" ? SOURCE_KEYS : [key];
    return code !== "missing-key" || !wanted.some((one) => meant.has(`${parentKey(path)} ${one}`));
  });
}

function parentKey(path: Path): string {
  return JSON.stringify(path.slice(0, -1));
}

function advice(issue: Issue, path: Path, value: unknown): string | undefined {
  const key = path.at(-1);
  if (issue.code === "invalid_value" && typeof value === "string") {
    const near = nearest(value.replace(/^xdp_/i, ""), issue.values.map(String));
    return near ? `did you mean \`${near}\`?` : undefined;
  }
  if (typeof value === "string" && (path.includes("on") || key === "end")) {
    const word = plainAction(value.trim());
    if (ACTIONS.some((action) => action === word)) return endingEdge(word);
    const near = nearest(value, ["next", "return", "return kept", ...ACTIONS.map((action) => `return ${action}`)]);
    if (near) return `did you mean \`${near}\`?`;
  }
  if ((key === "proceed-on" || key === "interfaces") && typeof value === "string") return `write \`[${value}]\``;
  if (key === "proceed-on" && Array.isArray(value)) {
    return "leave the key out for the default, [pass]";
  }
  if ((key === "name" || key === "chain") && typeof value === "string") {
    const name = value
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^[^a-z]+|-+$/g, "");
    return chainSchema.shape.programs.element.shape.name.safeParse(name).success ? `\`${name}\` would do` : undefined;
  }
  return undefined;
}

function sources(root: unknown): readonly Mistake[] {
  return list(valueAt(root, ["programs"])).flatMap((program, index) => {
    if (typeof program !== "object" || program === null || Array.isArray(program)) return [];
    const at: Path = ["programs", index];
    return sourceMistakes(program as Record<string, unknown>, at, valueAt(root, ["linkage"]), owner(at, root));
  });
}

/** Values that may be there only once: names of programs, interfaces, actions of a proceed-on. */
function repeated(root: unknown): Mistake[] {
  const programs = list(valueAt(root, ["programs"]));
  const names = programs.map((_, index): Path => ["programs", index, "name"]);
  const interfaces = list(valueAt(root, ["interfaces"])).map((_, index): Path => ["interfaces", index]);
  const actions = programs.map((_, index) => {
    const path: (string | number)[] = ["programs", index, "proceed-on"];
    return list(valueAt(root, path)).map((__, place): Path => path.concat(place));
  });
  return [
    ...twice(names, root, (value) => `two programs are named \`${value}\``, "give one of them another name"),
    ...twice(interfaces, root, (value) => `interface \`${value}\` is listed twice`),
    ...actions.flatMap((paths) => twice(paths, root, (value) => `action \`${value}\` is listed twice`)),
  ];
}

function twice(paths: readonly Path[], root: unknown, message: (value: string) => string, hint?: string): Mistake[] {
  const first = new Map<string, Path>();
  const mistakes: Mistake[] = [];
  for (const path of paths) {
    const value = valueAt(root, path);
    if (typeof value !== "string") continue;
    const key = path.includes("proceed-on") ? plainAction(value) : value;
    const earlier = first.get(key);
    if (!earlier) {
      first.set(key, path);
      continue;
    }
    const mistake = wrong("equal-names", path, "value", message(value), hint);
    mistakes.push({ ...mistake, other: { path: earlier, at: "value", message: "the first one is here" } });
  }
  return mistakes;
}

/** zod passes `__proto__` over where any name may be a key. */
function unreadable(root: unknown): Mistake[] {
  const maps: Path[] = [
    ["groups"],
    ...list(valueAt(root, ["programs"])).flatMap((_, i): Path[] => [
      ["programs", i, "globals"],
      ["programs", i, "maps"],
    ]),
  ];
  return maps
    .map((map): Path => [...map, "__proto__"])
    .filter((path) => valueAt(root, path) !== undefined)
    .map((path) => wrong("bad-value", path, "key", `${label(path, root)} cannot be a name`, "choose another name"));
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
