/** Values of chain.yaml that several keys take: names, actions, edges. The error text of each is a noun phrase. */
import * as z from "zod";
import { ACTIONS, plainAction } from "./chain.ts";
import { ACTION_WORD, alsoOne, alsoPattern, EDGE_OFFER, EDGE_WORDS, spellings, TARGET_WORDS } from "./spelling.ts";

const NAME = "a name: small letters, digits and hyphens, a letter first";
/** No edge could name what is called so. */
const RESERVED = /^(?!(?:next|return)$)/;
const UNRESERVED = "a name other than the edges `next` and `return`";
const IDENTIFIER = "a C identifier";
const INTERFACE = "an interface name: 1 to 15 characters, no space, `/` or `:`";
const EDGE = "`next`, a name, `return`, `return ACTION`, `return kept` or `{to: NAME, keep: verdict}`";

// A name is part of kernel names (127 characters in BTF before Linux 6.1) and of file names in bpffs.
export const name = z
  .string(NAME)
  .regex(/^[a-z][a-z0-9-]*$/, NAME)
  .max(64, "a name of at most 64 characters")
  .meta({ id: "name" });
/** What edges can name: a program or a group. */
export const ownName = name.regex(RESERVED, UNRESERVED).meta({ id: "own-name" });
export const identifier = z.string(IDENTIFIER).regex(/^[A-Za-z_][A-Za-z0-9_]*$/, IDENTIFIER);
// The kernel's rule: net/core/dev.c, dev_valid_name(); IFNAMSIZ counts the final zero.
export const interfaceName = z.string(INTERFACE).regex(/^(?!\.{1,2}$)[^\s/:]{1,15}$/, INTERFACE);

export function lowerCase(value: unknown): unknown {
  return typeof value === "string" ? plainAction(value) : value;
}

/** `auto, native or generic` */
function oneOf(values: readonly string[]): string {
  return `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
}

export function choice<const T extends readonly [string, ...string[]]>(...values: T) {
  return z.enum(values, oneOf(values));
}

export const action = z
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

export const names = z.preprocess(
  (value) => (typeof value === "string" ? [value] : value),
  z
    .array(name, "a name or a list of names")
    .min(1, "a name or a list of at least one name")
    .register(spellings, alsoOne),
);
