/**
 * The shape of chain.yaml, once: the parser validates with it, and a JSON Schema can be emitted from it.
 *
 * The error text of each field is a noun phrase, what the value must be; `mistakes.ts` makes the sentence. What needs
 * two fields to judge (equal names) is in `mistakes.ts` as well.
 */
import * as z from "zod";
import { type WarningCode, WARNINGS } from "./allow.ts";
import { ACTIONS, type GlobalValue, LINKAGES, MAX_HISTORY, MODES, PREFERENCES } from "./chain.ts";
import { checkContextSchema, checkSchema } from "./check-schema.ts";
import {
  action,
  actionKeys,
  choice,
  edge,
  identifier,
  interfaceName,
  lowerCase,
  name,
  names,
  ownName,
} from "./fields.ts";
import { MAX_WITHIN_MS, WITHIN, withinMs } from "./health.ts";
import { ACTION_KEY, alsoPattern, END_WORD, keysAlso, oneOfKeys, spellings } from "./spelling.ts";

/** The largest priority: 32 bits, as libxdp stores it. */
export const MAX_PRIORITY = 0xffffffff;

const PATH = "a path";
const ID = "the id of a loaded program, as `bpftool prog show` prints it";
const PRIORITY = `an integer from 0 to ${MAX_PRIORITY}, or \`none\``;
const HEALTH = "a map with the key `command`";
const COMMAND = "a program and its arguments, `[PROGRAM, ARGUMENT]`, or a line for sh";
const WITHIN_TIME = "a time such as 500ms, 10s or 2m, at most 10m";
const REASON = "the reason, in words";
const COUNTERS = "true or false";
const HISTORY = `an integer from 0 to ${MAX_HISTORY}`;
const MAP_PLACE = "a map with one key, `pin` or `from`";
const MAP_PIN = "an absolute path in a bpffs, with no dot in it and no slash at its end";
const MAP_PIN_LENGTH = "a path of at most 4095 bytes, and of at most 255 from slash to slash";
const GLOBAL = "an integer, true or false, a string, or a list of these";

const edges = z.preprocess(
  actionKeys,
  z
    .strictObject(
      {
        aborted: edge.optional(),
        drop: edge.optional(),
        pass: edge.optional(),
        tx: edge.optional(),
        redirect: edge.optional(),
        default: edge.optional(),
      },
      "a map of actions and edges",
    )
    .refine((map) => Object.keys(map).length > 0, "a map with at least one edge")
    .register(spellings, keysAlso(ACTION_KEY)),
);

const reason = z.string(REASON).regex(/\S/, REASON);
const allow = z
  .strictObject(
    Object.fromEntries(WARNINGS.map((code) => [code, reason.exactOptional()])) as Record<
      WarningCode,
      z.ZodExactOptional<typeof reason>
    >,
    "a map of warnings and reasons",
  )
  .meta({
    id: "allow",
    description: "Warnings that are known and meant: codes of `xdpgen lint`, each with the reason.",
  });
const linkage = choice("auto", ...LINKAGES).meta({ id: "linkage" });

const globalValue: z.ZodType<GlobalValue> = z
  .lazy(() =>
    z.union(
      [z.int(GLOBAL), z.bigint(GLOBAL), z.boolean(GLOBAL), z.string(GLOBAL), z.array(globalValue, GLOBAL)],
      GLOBAL,
    ),
  )
  .meta({ id: "global" });

const path = z.string(PATH).min(1, PATH);

/** Keys that say what program it is; each has exactly one of them. */
export const SOURCE_KEYS = ["object", "pinned", "id"] as const;
/** Keys that speak of an object. */
export const OBJECT_KEYS = ["function", "globals", "maps"] as const;

// bpffs takes no dot in a name (kernel/bpf/inode.c, bpf_lookup).
export const mapPin = z
  .string(MAP_PIN)
  .regex(/^(?:\/[^/.]+){2,}$/, MAP_PIN)
  .refine(isOpenable, MAP_PIN_LENGTH);
const mapPlace = z
  .strictObject(
    {
      pin: mapPin.optional().describe("Where the map is pinned. What is there is used, and never removed."),
      from: name.optional().describe("The program whose map of the same name it is."),
    },
    MAP_PLACE,
  )
  .refine(({ pin, from }) => (pin === undefined) !== (from === undefined), MAP_PLACE)
  .register(spellings, oneOfKeys(["pin", "from"]));

/** NAME_MAX, and PATH_MAX without its final zero (include/uapi/linux/limits.h): they count bytes. */
function isOpenable(text: string): boolean {
  const bytes = (of: string): number => new TextEncoder().encode(of).length;
  return bytes(text) <= 4095 && text.split("/").every((part) => bytes(part) <= 255);
}

export const programSchema = z
  .strictObject(
    {
      name: ownName.describe("Unique in the chain; not `next` or `return`."),
      object: path.optional().describe("Path of the ELF object, relative to the folder of this file."),
      pinned: path
        .optional()
        .describe("In place of object: the pin in bpffs of an XDP program that is loaded already."),
      id: z
        .int(ID)
        .min(1, ID)
        .max(0xffffffff, ID)
        .optional()
        .describe("In place of object: the id of an XDP program that is loaded already."),
      function: identifier.optional().describe("The XDP function; needed only where the object has several."),
      priority: z
        .union([z.int(PRIORITY).min(0, PRIORITY).max(MAX_PRIORITY, PRIORITY), z.literal("none", PRIORITY)], PRIORITY)
        .optional()
        .describe("Lower runs first; none: runs only where an edge names it. Default: the object's own, else 50."),
      before: names
        .optional()
        .describe("Programs that run later than this one, whatever the priorities' defaults say."),
      after: names
        .optional()
        .describe("Programs that run earlier than this one, whatever the priorities' defaults say."),
      group: name.optional().describe("The group of `groups` that the program is in."),
      "proceed-on": z
        .array(action, "a list of actions")
        .min(1, "a list of at least one action")
        .optional()
        .describe("Actions after which the next program runs. Default: the object's own, else [pass]."),
      on: edges
        .optional()
        .describe("Where each action leads, the general form of proceed-on; `default` is for those not named."),
      allow: allow.optional(),
      linkage: linkage.optional().describe("How the slot is bound to the program's code; overrides the chain's."),
      globals: z
        .record(identifier, globalValue, "a map of variables and values")
        .optional()
        .describe("Values of the object's `const volatile` variables, set before the program is loaded."),
      maps: z
        .record(identifier, mapPlace, "a map of the object's maps")
        .optional()
        .describe(
          "Of the object's maps, by their names: which are those of another program, and which are pinned where.",
        ),
    },
    "a map with the keys `name` and `object`",
  )
  .register(spellings, oneOfKeys(SOURCE_KEYS));

export const groupSchema = z.strictObject(
  { end: edge.optional().describe("Where running off the group's end leads. Default: return.") },
  "a map, empty or with the key `end`",
);

export const healthSchema = z.strictObject(
  {
    command: z
      .union([z.string(COMMAND).regex(/\S/, COMMAND), z.array(z.string(COMMAND), COMMAND).min(1, COMMAND)], COMMAND)
      .refine((command) => command[0] !== "", COMMAND)
      .describe("A program and its arguments, or a line for sh; status 0 means that all is well."),
    within: z
      .string(WITHIN_TIME)
      .regex(WITHIN, WITHIN_TIME)
      .refine((within) => withinMs(within) <= MAX_WITHIN_MS, WITHIN_TIME)
      .optional()
      .describe("The time that it has, such as 500ms, 10s or 2m. Default: 10s."),
  },
  HEALTH,
);

export const chainSchema = z.strictObject(
  {
    chain: name.describe("The chain's name."),
    interfaces: z.array(interfaceName, "a list of interface names").default([]).describe("Interfaces by name."),
    mode: choice("auto", ...MODES)
      .default("auto")
      .describe("Where packets meet the dispatcher; auto is native, and says so when it falls back."),
    linkage: linkage.default("auto").describe("The linkage of all programs that name none."),
    prefer: choice(...PREFERENCES)
      .optional()
      .describe("What linkage auto is for: independence, the default, or speed, which inlines what it can."),
    end: z
      .preprocess(lowerCase, choice("verdict", ...ACTIONS).register(spellings, alsoPattern(END_WORD)))
      .default("verdict")
      .describe("What running off the end returns: the last program's own verdict, or an action."),
    counters: z
      .boolean(COUNTERS)
      .optional()
      .describe("Count how often each program returns what, for `xdpgen status` and `xdpgen graph`. Default: false."),
    history: z
      .int(HISTORY)
      .min(0, HISTORY)
      .max(MAX_HISTORY, HISTORY)
      .optional()
      .describe("Generations that are kept beside the live one, for `xdpgen rollback`. Default: 1."),
    groups: z
      .record(ownName, groupSchema, "a map of group names")
      .optional()
      .describe("Named sub-chains, which edges can enter; programs join with `group`."),
    allow: allow.optional(),
    programs: z.array(programSchema, "a list of programs").min(1, "a list of at least one program"),
    health: healthSchema
      .optional()
      .describe("A command that is run after a swap. When it fails, what ran before runs again."),
    checks: z
      .array(checkSchema, "a list of checks")
      .optional()
      .describe("Packets, and what the chain must make of them before it goes live."),
  },
  "a map with the keys `chain` and `programs`",
);

export type ChainDocument = z.infer<typeof chainSchema>;

export const CHAIN_KEYS: readonly string[] = Object.keys(chainSchema.shape);
export const PROGRAM_KEYS: readonly string[] = Object.keys(programSchema.shape);
export const MAP_KEYS: readonly string[] = ["pin", "from"];
export const GROUP_KEYS: readonly string[] = Object.keys(groupSchema.shape);
export const CHECK_KEYS: readonly string[] = Object.keys(checkSchema.shape);
export const HEALTH_KEYS: readonly string[] = Object.keys(healthSchema.shape);
export const CONTEXT_KEYS: readonly string[] = Object.keys(checkContextSchema.shape);
export const EDGE_KEYS: readonly string[] = ["to", "keep"];
export const ON_KEYS: readonly string[] = [...ACTIONS, "default"];
