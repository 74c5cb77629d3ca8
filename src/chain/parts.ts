/**
 * The parts of a document that can be read though others are malformed, each in its place: what they say of each other can
 * be judged all the same. What cannot be read is left out, and what depends on it is nobody's mistake.
 */
import type * as z from "zod";
import { checkSchema } from "./check-schema.ts";
import type { LooseEdge } from "./edge.ts";
import { actionKeys, edge, name, ownName } from "./fields.ts";
import { CHAIN_KEYS, type ChainDocument, mapPin, ON_KEYS, PROGRAM_KEYS, programSchema } from "./schema.ts";

type Program = ChainDocument["programs"][number];
type CheckPart = NonNullable<ChainDocument["checks"]>[number];

export interface ProgramPart {
  readonly name: string | undefined;
  readonly group: string | undefined;
  readonly priority: Program["priority"];
  readonly "proceed-on": Program["proceed-on"];
  readonly before: readonly (string | undefined)[];
  readonly after: readonly (string | undefined)[];
  readonly on: Readonly<Record<string, LooseEdge | undefined>> | undefined;
  /** By the map's name, the program that it is from. */
  readonly from: ReadonlyMap<string, string>;
  /** By the map's name, the path that it is pinned at. */
  readonly pin: ReadonlyMap<string, string>;
  /** It comes as no object. */
  readonly loaded: boolean;
  /** The group that it is in could be read, or that it is in none. */
  readonly placed: boolean;
}

export interface Parts {
  readonly programs: readonly ProgramPart[];
  readonly groups: ReadonlyMap<string, { readonly end?: LooseEdge | undefined }>;
  readonly checks: readonly (CheckPart | undefined)[];
  /** All names of programs and groups could be read. Else a name that nobody has may be one of the others. */
  readonly named: boolean;
}

/** @param root a plain value, as `checkDocument` takes it */
export function partsOf(root: unknown): Parts {
  const chain = mapOf(root) ?? {};
  const programs = listOf(chain["programs"]).map(programPart);
  const groups = mapOf(chain["groups"]);
  const groupNames = Object.keys(groups ?? {});
  const groupsRead = chain["groups"] === undefined ? !misspelt(chain, CHAIN_KEYS) : groups !== undefined;
  return {
    programs,
    groups: new Map(groupNames.map((key) => [key, { end: read(edge, mapOf(groups![key])?.["end"]) }])),
    checks: listOf(chain["checks"]).map((check) => read(checkSchema, check)),
    named:
      groupsRead &&
      groupNames.every((key) => read(ownName, key) !== undefined) &&
      programs.every((program) => program.name !== undefined),
  };
}

function programPart(value: unknown): ProgramPart {
  const program = mapOf(value) ?? {};
  const { shape } = programSchema;
  const on = mapOf(actionKeys(program["on"]));
  const names = (list: unknown): readonly (string | undefined)[] =>
    (typeof list === "string" ? [list] : listOf(list)).map((item) => read(name, item));
  const group = read(name, program["group"]);
  return {
    name: read(shape.name, program["name"]),
    group,
    priority: read(shape.priority, program["priority"]),
    "proceed-on": read(shape["proceed-on"], program["proceed-on"]),
    before: names(program["before"]),
    after: names(program["after"]),
    on: on && Object.fromEntries(ON_KEYS.map((key) => [key, read(edge, on[key])])),
    from: placesOf(program["maps"], (place) => read(name, place["from"])),
    pin: placesOf(program["maps"], (place) => read(mapPin, place["pin"])),
    loaded: program["object"] === undefined && ("pinned" in program || "id" in program),
    placed:
      mapOf(value) !== undefined &&
      (group !== undefined || (program["group"] === undefined && !misspelt(program, PROGRAM_KEYS))),
  };
}

function placesOf(
  maps: unknown,
  said: (place: Readonly<Record<string, unknown>>) => string | undefined,
): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(mapOf(maps) ?? {}).flatMap(([map, place]) => {
      const what = said(mapOf(place) ?? {});
      return what === undefined ? [] : [[map, what] as const];
    }),
  );
}

/** A key that nobody knows may be meant for one that is not there. */
function misspelt(map: Readonly<Record<string, unknown>>, known: readonly string[]): boolean {
  return Object.keys(map).some((key) => !known.includes(key));
}

function read<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  const result = schema.safeParse(value);
  return result.success ? result.data : undefined;
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
