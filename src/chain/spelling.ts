/**
 * What the parser reads in several spellings, as JSON Schema can say it: `XDP_TX` for `tx`, one name for a list of one.
 * The schema (`schema.ts`) notes it beside each preprocessor; `json-schema.ts` writes it.
 */
import * as z from "zod";
import { ACTIONS } from "./chain.ts";

/** A JSON Schema, or a part of one. */
export type JsonSchema = { readonly [key: string]: unknown };

/** From the JSON Schema of what a preprocessor makes to that of what it takes. */
export interface Spelling {
  readonly write: (plain: JsonSchema) => JsonSchema;
}

export const spellings = z.registry<Spelling>();

/** A pattern that knows no case; JSON Schema has no flags. The Kelvin sign is a k in lower case too. */
function anyCase(word: string): string {
  return word.replaceAll(/[a-z]/g, (c) => (c === "k" ? String.raw`[kK\u212a]` : `[${c}${c.toUpperCase()}]`));
}

/** One of some words in any case, with or without `XDP_`. */
function prefixed(...words: readonly string[]): string {
  return `(?:${anyCase("xdp_")})?(?:${words.map(anyCase).join("|")})`;
}

const wholly = (pattern: string): string => `^${pattern}$`;
const spaced = (pattern: string): string => String.raw`^\s*(?:${pattern})\s*$`;

export const ACTION_WORD = wholly(prefixed(...ACTIONS));
export const ACTION_KEY = wholly(prefixed(...ACTIONS, "default"));
export const END_WORD = wholly(prefixed("verdict", ...ACTIONS));
/** `Next`, and `return` as a name. */
export const TARGET_WORDS = spaced(`${anyCase("next")}|${anyCase("return")}`);
export const EDGE_WORDS = spaced(
  String.raw`${anyCase("next")}|${anyCase("return")}(?:\s+${prefixed("kept", ...ACTIONS)})?`,
);

/** The edges that name nobody, as editors should offer them. */
export const EDGE_OFFER: readonly string[] = [
  "next",
  "return",
  "return kept",
  ...ACTIONS.map((action) => `return ${action}`),
];

/** The plain spelling first, and before it a list of values for editors to offer where the plain one has none. */
export function alsoPattern(pattern: string, offer: readonly string[] = []): Spelling {
  const offered = offer.length > 0 ? [{ enum: offer }] : [];
  return { write: (plain) => ({ anyOf: [...offered, plain, { type: "string", pattern }] }) };
}

/** A list, or its only item without brackets. */
export const alsoOne: Spelling = { write: (list) => ({ anyOf: [list["items"], list] }) };

/** Text, or the number that it is. */
export const alsoNumber: Spelling = { write: (text) => ({ anyOf: [text, { type: "integer", minimum: 1 }] }) };

/** A map with at least one key, each in other spellings too; the values are all of one kind. */
export function keysAlso(pattern: string): Spelling {
  const write = (map: JsonSchema): JsonSchema => {
    const [value] = Object.values(map["properties"] as JsonSchema);
    return { ...map, patternProperties: { [pattern]: value }, minProperties: 1 };
  };
  return { write };
}

/** A map that has exactly one of some keys. */
export function oneOfKeys(keys: readonly string[]): Spelling {
  return { write: (map) => ({ ...map, oneOf: keys.map((key) => ({ required: [key] })) }) };
}
