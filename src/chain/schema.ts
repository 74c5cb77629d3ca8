/**
 * The shape of chain.yaml, once: the parser validates with it, and a JSON Schema can be emitted from it.
 *
 * The error text of each field is a noun phrase, what the value must be; `mistakes.ts` makes the sentence. What needs
 * two fields to judge (equal names) is in `mistakes.ts` as well.
 */
import { z } from "zod";
import { type WarningCode, WARNINGS } from "./allow.ts";
import { ACTIONS, type GlobalValue, LINKAGES, MAX_HISTORY, MODES, plainAction, PREFERENCES } from "./chain.ts";
import { MAX_WITHIN_MS, WITHIN, withinMs } from "./health.ts";
import {
  ACTION_KEY,
  ACTION_WORD,
  alsoNumber,
  alsoOne,
  alsoPattern,
  EDGE_OFFER,
  EDGE_WORDS,
  END_WORD,
  keysAlso,
  oneOfKeys,
  spellings,
  TARGET_WORDS,
} from "./spelling.ts";

/** The largest priority: 32 bits, as libxdp stores it. */
export const MAX_PRIORITY = 0xffffffff;

const NAME = "a name: small letters, digits and hyphens, a letter first";
/** No edge could name what is called so. */
const RESERVED = /^(?!(?:next|return)$)/;
const UNRESERVED = "a name other than the edges `next` and `return`";
const IDENTIFIER = "a C identifier";
const INTERFACE = "an interface name: 1 to 15 characters, no space, `/` or `:`";
const PATH = "a path";
const ID = "the id of a loaded program, as `bpftool prog show` prints it";
const PRIORITY = `an integer from 0 to ${MAX_PRIORITY}, or none`;
const EDGE = "`next`, a name, `return`, `return ACTION`, `return kept` or `{to: NAME, keep: verdict}`";
const VERDICT = `an action or a return code`;
const VERDICTS = "a verdict, or a list of at least one";
const PACKET = "a packet: the path of a capture, layers that begin with `eth /`, or hex";
const FRAMES = "a frame or a range of frames such as 2-5";
const CHECK_NAME = "a name of one line";
const HEALTH = "a map with the key `command`";
const COMMAND = "a program and its arguments, `[PROGRAM, ARGUMENT]`, or a line for sh";
const WITHIN_TIME = "a time such as 500ms, 10s or 2m, at most 10m";
const INGRESS = "an interface's name or index";
const QUEUE = "the number of a receive queue";
const REASON = "the reason, in words";
const COUNTERS = "true or false";
const HISTORY = `an integer from 0 to ${MAX_HISTORY}`;
const MAP_PLACE = "a map with one key, `pin` or `from`";
const MAP_PIN = "an absolute path in a bpffs, with no dot in it and no slash at its end";
const GLOBAL = "an integer, true or false, a string, or a list of these";

// A name is part of kernel names (127 characters in BTF before Linux 6.1) and of file names in bpffs.
export const name = z
  .string(NAME)
  .regex(/^[a-z][a-z0-9-]*$/, NAME)
  .max(64, "a name of at most 64 characters")
  .meta({ id: "name" });
/** What edges can name: a program or a group. */
export const ownName = name.regex(RESERVED, UNRESERVED).meta({ id: "own-name" });
const identifier = z.string(IDENTIFIER).regex(/^[A-Za-z_][A-Za-z0-9_]*$/, IDENTIFIER);
// The kernel's rule: net/core/dev.c, dev_valid_name(); IFNAMSIZ counts the final zero.
const interfaceName = z.string(INTERFACE).regex(/^(?!\.{1,2}$)[^\s/:]{1,15}$/, INTERFACE);

function lowerCase(value: unknown): unknown {
  return typeof value === "string" ? plainAction(value) : value;
}

/** `auto, native or generic` */
function oneOf(values: readonly string[]): string {
  return `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
}

function choice<const T extends readonly [string, ...string[]]>(...values: T) {
  return z.enum(values, oneOf(values));
}

const action = z
  .preprocess(lowerCase, choice(...ACTIONS).register(spellings, alsoPattern(ACTION_WORD)))
  .meta({ id: "action", description: "An XDP action, in any case, with or without XDP_ in front." });

/** `Return XDP_DROP`: one spelling, `return drop`. Names are left as they are. */
function edgeSpelling(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const words = value.trim().split(/\s+/);
  const [first, second] = words.map((word) => word.toLowerCase());
  if (first === "next" && words.length === 1) return "next";
  if (first !== "return" || words.length > 2) return value;
  return second === undefined ? "return" : `return ${plainAction(second)}`;
}

const target = z.preprocess(
  edgeSpelling,
  z
    .string(EDGE)
    .regex(/^(?:next|[a-z][a-z0-9-]*)$/, "`next` or a name")
    .register(spellings, alsoPattern(TARGET_WORDS)),
);
export const edge = z
  .preprocess(
    edgeSpelling,
    z.union(
      [
        z
          .string(EDGE)
          .regex(new RegExp(`^(?:[a-z][a-z0-9-]*|return (?:kept|${ACTIONS.join("|")}))$`), EDGE)
          .register(spellings, alsoPattern(EDGE_WORDS, EDGE_OFFER)),
        z.strictObject(
          {
            to: target.describe("`next`, a program or a group."),
            keep: choice("verdict")
              .optional()
              .describe("Remembers the action that takes this edge, for `return kept`."),
          },
          EDGE,
        ),
      ],
      EDGE,
    ),
  )
  .meta({
    id: "edge",
    description: "next, a program or a group, return, return ACTION, return kept, or {to: NAME, keep: verdict}.",
  });

/** `XDP_TX` and `tx` are one key. What is no action, or is one again, keeps its spelling, so that it is found under it. */
export function actionKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const known: readonly string[] = [...ACTIONS, "default"];
  const taken = new Set(Object.keys(value));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const plain = plainAction(key);
      if (!known.includes(plain) || taken.has(plain)) return [key, inner];
      taken.add(plain);
      return [plain, inner];
    }),
  );
}

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

const names = z.preprocess(
  (value) => (typeof value === "string" ? [value] : value),
  z
    .array(name, "a name or a list of names")
    .min(1, "a name or a list of at least one name")
    .register(spellings, alsoOne),
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
export const mapPin = z.string(MAP_PIN).regex(/^(?:\/[^/.]+){2,}$/, MAP_PIN);
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

const oneVerdict = z.union([action, z.int(VERDICT).min(0, VERDICT).max(0xffffffff, VERDICT)], VERDICT);
const packet = z
  .string(PACKET)
  .min(1, PACKET)
  .meta({ id: "packet", description: "The path of a pcap or pcapng file, layers that begin with `eth /`, or hex." });

export const checkContextSchema = z.strictObject(
  {
    interface: z
      .union([interfaceName, z.int(INGRESS).min(1, INGRESS).max(0x7fffffff, INGRESS)], INGRESS)
      .optional()
      .describe("The interface that the frame comes in at, by name or index. Default: the loopback."),
    queue: z.int(QUEUE).min(0, QUEUE).max(0xffff, QUEUE).optional().describe("Its receive queue. Default 0."),
  },
  "a map with the keys `interface` and `queue`",
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

export const checkSchema = z.strictObject(
  {
    name: z
      .string(CHECK_NAME)
      .regex(/^\S(?:.*\S)?$/, CHECK_NAME)
      .describe("Unique among the checks."),
    packet: packet.describe("The path of a pcap or pcapng file, layers that begin with `eth /`, or hex."),
    frames: z
      .preprocess(
        (value) => (typeof value === "number" ? String(value) : value),
        z
          .string(FRAMES)
          .regex(/^\d{1,9}(?:-\d{1,9})?$/, FRAMES)
          .register(spellings, alsoNumber),
      )
      .optional()
      .describe("Of a capture: the frames to run, such as 3 or 2-5, counted from 1. Default: all."),
    expect: z
      .preprocess(
        (value) => (Array.isArray(value) ? value : [value]),
        z.array(oneVerdict, VERDICTS).min(1, VERDICTS).register(spellings, alsoOne),
      )
      .describe("The verdict: an action or a return code, or a list of one for each frame."),
    "packet-after": packet.optional().describe("How the frame must be afterwards: as for packet, or `unchanged`."),
    path: z
      .array(name, "a list of programs")
      .min(1, "a list of at least one program")
      .optional()
      .describe("The programs that must run, in order."),
    context: checkContextSchema.optional().describe("Where the frame is said to come from."),
    maps: choice("fresh", "live")
      .optional()
      .describe("fresh: a copy with maps of its own; live: the maps that will be live, which the check changes."),
  },
  "a map with the keys `name`, `packet` and `expect`",
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
