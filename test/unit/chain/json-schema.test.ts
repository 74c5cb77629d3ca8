/**
 * The JSON Schema says what the parser says, as far as it can. An independent validator is asked about the same values:
 * those of every chain of the repository, and any number of generated ones, right and wrong.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { plainDocument } from "../../../src/chain/document.ts";
import { chainSchema, parseChain } from "../../../src/chain/index.ts";
import { noValidator, validity } from "../../support/json-schema.ts";

const missing = noValidator();
const root = fileURLToPath(new URL("../../../", import.meta.url));

function valueOf(text: string): unknown {
  return plainDocument(parseDocument(text, { intAsBigInt: true, merge: true, uniqueKeys: false, logLevel: "silent" }))
    .value;
}

const accepts = (value: unknown): boolean => chainSchema.safeParse(value).success;

/** A word in upper and lower letters, as bits say. */
const spelt = (words: fc.Arbitrary<string>, ...before: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom("", ...before), words, fc.nat(0xffff))
    .map(
      ([prefix, word, bits]) =>
        prefix + word.replaceAll(/./g, (c, i: number) => ((bits >> i) & 1 ? c.toUpperCase() : c)),
    );
const mostly = (good: fc.Arbitrary<unknown>, odd: fc.Arbitrary<unknown> = oddity): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 99, arbitrary: good }, { weight: 1, arbitrary: odd });
const oddity = fc.constantFrom<unknown>(
  null,
  true,
  "",
  " ",
  0,
  -1,
  1.5,
  [],
  {},
  ["a"],
  { to: "a", keep: "no" },
  "XDP_NEXT",
);
const XDP = ["xdp_", "XDP_"];
const actions = ["aborted", "drop", "pass", "tx", "redirect"];
const action = mostly(spelt(fc.constantFrom(...actions), ...XDP), fc.constantFrom("verdict", "ok", 3));
const name = mostly(
  fc.constantFrom("a", "b-2", "ids", "return", "next", "x".repeat(64)),
  fc.constantFrom("A", "", "a b", "x".repeat(65), 1),
);
const gap = fc.constantFrom(" ", "  ", "\t");
const edge = mostly(
  fc.oneof(
    spelt(fc.constantFrom("next", "return"), " "),
    name,
    fc
      .tuple(spelt(fc.constantFrom("return")), gap, spelt(fc.constantFrom("kept", ...actions), ...XDP))
      .map((words) => words.join("")),
    fc.record({ to: name, keep: mostly(fc.constant("verdict")) }, { requiredKeys: ["to"] }),
  ),
);
const global = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: "small" }, fc.integer(), fc.bigInt(), fc.boolean(), fc.string(), fc.array(tie("value"))),
})).value;
const program = fc.record(
  {
    name,
    object: mostly(fc.constantFrom("a.o", "é/b.o")),
    function: mostly(fc.constantFrom("f", "_f9"), fc.constantFrom("9f", "f-g")),
    priority: mostly(fc.constantFrom(0, 50, 0xffffffff, "none"), fc.constantFrom(-1, 0x100000000, 1.5, "None")),
    before: mostly(fc.oneof(name, fc.array(name, { minLength: 1, maxLength: 2 }))),
    group: name,
    "proceed-on": mostly(fc.array(action, { minLength: 1, maxLength: 3 })),
    on: mostly(
      fc.dictionary(mostly(spelt(fc.constantFrom(...actions, "default"), ...XDP)).map(String), edge, {
        minKeys: 1,
        maxKeys: 3,
      }),
    ),
    allow: mostly(
      fc.dictionary(mostly(fc.constantFrom("never-runs", "verdict-unused")).map(String), mostly(fc.constant("why"))),
    ),
    linkage: mostly(fc.constantFrom("auto", "call", "freplace"), fc.constant("Call")),
    globals: mostly(fc.dictionary(fc.constantFrom("a", "B_1"), mostly(global))),
    maps: mostly(
      fc.dictionary(
        fc.constantFrom("flows", "B_1"),
        mostly(
          fc.oneof(fc.record({ from: name }), fc.record({ pin: mostly(fc.constant("/sys/fs/bpf/f")) })),
          fc.constantFrom<unknown>({ pin: "/a.b/c" }, { pin: "/f" }, { pin: "/sys/f", from: "a" }, { pim: "/sys/f" }),
        ),
      ),
    ),
  },
  { requiredKeys: ["name", "object"] },
);
const document = fc.record(
  {
    chain: name,
    interfaces: mostly(
      fc.array(mostly(fc.constantFrom("eth0", "a.b"), fc.constantFrom(".", "a/b", "x".repeat(16))), { maxLength: 2 }),
    ),
    mode: mostly(fc.constantFrom("auto", "native", "generic")),
    counters: mostly(fc.boolean()),
    health: mostly(
      fc.record(
        {
          command: mostly(fc.constantFrom<unknown>("true", ["true"], ["a", ""]), fc.constantFrom<unknown>([], [1], 1)),
          within: mostly(fc.constantFrom("10s", "500ms", "2m"), fc.constantFrom<unknown>("0s", "10", 10, "1h")),
        },
        { requiredKeys: ["command"] },
      ),
    ),
    history: mostly(fc.integer({ min: 0, max: 16 }), fc.constantFrom(-1, 17, 1.5, "1")),
    end: mostly(spelt(fc.constantFrom("verdict", ...actions), ...XDP)),
    groups: mostly(
      fc.dictionary(name.map(String), mostly(fc.record({ end: edge }, { requiredKeys: [] })), { maxKeys: 2 }),
    ),
    programs: mostly(fc.array(program, { minLength: 1, maxLength: 2 })),
  },
  { requiredKeys: ["chain", "programs"] },
);

describe("JSON Schema", () => {
  it("accepts every chain of the repository, and refuses what is written wrongly", (context) => {
    context.skip(missing !== undefined, missing);
    const folders = ["test/cases", "test/cases/plan-errors", "test/cases/chain-errors", "templates"];
    const files = folders.flatMap((folder) =>
      readdirSync(`${root}${folder}`).flatMap((file) => (file.endsWith(".yaml") ? [`${folder}/${file}`] : [])),
    );
    const texts = files.map((file) => readFileSync(`${root}${file}`, "utf8"));
    expect(files.length).toBeGreaterThan(40);
    const wrong = files.filter((file, i) => {
      const { chain, diagnostics } = parseChain(texts[i]!, { file });
      const readable = diagnostics.every(
        ({ code }) => code !== "syntax" && code !== "bad-alias" && code !== "empty-file",
      );
      return !chain && readable && !accepts(valueOf(texts[i]!));
    });
    const valid = validity(texts.map(valueOf));
    const refused = files.filter((_, i) => !valid[i]);
    expect(wrong.length).toBeGreaterThan(8);
    expect(wrong.filter((file) => !refused.includes(file))).toEqual([]);
    expect(refused.filter((file) => parseChain(texts[files.indexOf(file)]!, { file }).chain)).toEqual([]);
  });

  it("agrees with the parser on generated values", { timeout: 60_000 }, (context) => {
    context.skip(missing !== undefined, missing);
    // A value that JSON cannot hold is none that YAML makes; a fraction without digits is an integer to JSON Schema.
    const values = fc
      .sample(document, { numRuns: 800, seed: 4 })
      .map((value) => plain(value))
      .filter((value) => value !== undefined);
    const valid = validity(values);
    const parsed = values.map(accepts);
    const differing = values.filter((value, i) => parsed[i] !== valid[i] && !spelledTwice(value));
    expect(differing).toEqual([]);
    const good = parsed.filter(Boolean).length;
    expect(Math.min(good, values.length - good)).toBeGreaterThan(values.length / 8);
  });
});

/** As JSON has it; undefined for what has none. */
function plain(value: unknown): unknown {
  try {
    const text = JSON.stringify(value, (_, inner: unknown) => {
      if (inner === undefined || typeof inner === "symbol" || typeof inner === "function")
        throw new TypeError("not JSON");
      if (typeof inner === "bigint") return { bigint: String(inner) };
      if (typeof inner === "number" && Math.abs(inner) > Number.MAX_SAFE_INTEGER) throw new TypeError("not exact");
      return inner;
    });
    if (text.includes("__proto__")) return undefined;
    return JSON.parse(text, (_, inner: unknown) =>
      typeof inner === "object" && inner !== null && "bigint" in inner ? BigInt(String(inner.bigint)) : inner,
    ) as unknown;
  } catch {
    return undefined;
  }
}

/** JSON Schema knows keys one by one: `tx` and `XDP_TX` in one map are for the parser to refuse. */
function spelledTwice(value: unknown): boolean {
  const { programs } = value as { programs: unknown };
  return (Array.isArray(programs) ? programs : []).some((each: { on?: object } | null) => {
    const keys = Object.keys(each?.on ?? {}).map((key) => key.toLowerCase().replace(/^xdp_/, ""));
    return new Set(keys).size < keys.length;
  });
}
