/** Warnings are true: what they say is so in the model, over all codes that the objects can return. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Allow, type Chain, type Edge, type Program, requireChain } from "../../../src/chain/index.ts";
import { BPF_FUNC_redirect } from "../../../src/codegen/asm/constants.ts";
import {
  add64Imm,
  callHelper,
  exit,
  ja,
  jneImm,
  mov64Imm,
  R0,
  R1,
  R2,
  withLabel,
} from "../../../src/codegen/asm/index.ts";
import { lintChain, planChain } from "../../../src/codegen/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { caseNames, chainOf, readCase } from "../../support/chains.ts";
import { chainOfGraph, graphs } from "../../support/graphs.ts";
import { type ModelChain, runModel } from "../../support/model.ts";
import { readTemplate, TEMPLATES } from "../../support/templates.ts";
import { boundedObject, objectOf, verdictObject } from "../../support/verdict-program.ts";

/** Few programs of few codes, so that every packet can be tried. */
const CODES = [0, 1, 2, 3, 4, 7, 31];
const bounded = fc.array(fc.uniqueArray(fc.constantFrom(...CODES), { minLength: 1, maxLength: 3 }), {
  minLength: 6,
  maxLength: 6,
});

interface Packet {
  readonly path: readonly string[];
  readonly verdict: number;
  readonly codes: ReadonlyMap<string, number>;
}

function everyPacket(chain: ModelChain, codesOf: (name: string) => readonly number[]): readonly Packet[] {
  let rows: ReadonlyMap<string, number>[] = [new Map()];
  for (const { name } of chain.programs) {
    rows = rows.flatMap((row) => codesOf(name).map((code) => new Map(row).set(name, code)));
  }
  return rows.map((codes) => ({ codes, ...runModel(chain, codes) }));
}

const warned = (chain: Chain, code: string): readonly string[] =>
  lintChain(chain)
    .filter((warning) => warning.code === code)
    .map(({ path }) => chain.programs[Number(path[1])]!.name)
    .toSorted();

describe("in the model", () => {
  const property = (check: (chain: Chain, packets: readonly Packet[]) => void): void =>
    fc.assert(
      fc.property(graphs(6), bounded, (graph, codes) => {
        const chain = chainOfGraph(graph, (rank) => codes[rank]);
        const rank = (name: string): number => graph.programs.find((program) => program.name === name)!.rank;
        check(
          chain,
          everyPacket(chain, (name) => codes[rank(name)]!),
        );
      }),
      { numRuns: 200 },
    );

  it("what never runs is what no packet visits", () => {
    property((chain, packets) => {
      const visited = new Set(packets.flatMap(({ path }) => path));
      const idle = chain.programs.map(({ name }) => name).filter((name) => !visited.has(name));
      expect(warned(chain, "never-runs")).toEqual(idle.toSorted());
    });
  });

  it("a DROP becomes another verdict exactly where the warning is", () => {
    property((chain, packets) => {
      const { nodes } = planChain(chain);
      const keeps = (name: string): boolean => {
        const { drop } = nodes.find(({ program }) => program.name === name)!.edges;
        return drop.kind === "node" && drop.keep;
      };
      const undone = packets
        .filter(({ verdict }) => verdict >= 2 && verdict <= 4)
        .flatMap(({ path, codes }) => path.slice(0, -1).filter((name) => codes.get(name) === 1 && !keeps(name)));
      expect(warned(chain, "drop-becomes-pass")).toEqual([...new Set(undone)].toSorted());
    });
  });

  it("what a program returns makes no difference where its verdict is unused", () => {
    property((chain, packets) => {
      for (const name of warned(chain, "verdict-unused")) {
        const ends = new Map<string, string>();
        for (const { path, verdict, codes } of packets) {
          if (!path.includes(name) || codes.get(name)! > 4) continue;
          const others = JSON.stringify([...codes].filter(([other]) => other !== name));
          const end = JSON.stringify([path, verdict]);
          expect(ends.get(others) ?? end).toBe(end);
          ends.set(others, end);
        }
      }
    });
  });
});

const program = (name: string, slot: number, rest: Partial<Program> = {}, codes?: readonly number[]): Program => ({
  name,
  object: `${name}.bpf.o`,
  bytes: codes ? boundedObject(slot, codes) : verdictObject(slot),
  ...rest,
});

/** Codes and paths. */
const found = (chain: Chain): readonly string[] =>
  lintChain(chain).map(({ code, path }) => `${code} ${path.join(".")}`);

describe("each warning", () => {
  const last = program("z", 1);
  it.each<[string, readonly Program[], readonly string[]]>([
    ["never-runs", [program("a", 0, {}, [1, 3]), last], ["never-runs programs.1.name"]],
    ["runs-on-31-only", [program("a", 0, { on: { tx: "return" } }), last], ["runs-on-31-only programs.1.name"]],
    ["no runs-on-31-only where 31 is written", [program("a", 0, { on: { tx: "return" } }, [3, 31]), last], []],
    [
      "verdict-unused",
      [program("a", 0, { on: { default: "next" } }), last],
      ["verdict-unused programs.0.name", "drop-becomes-pass programs.0.on.default"],
    ],
    ["no verdict-unused where only one can come", [program("a", 0, {}, [2]), last], []],
    [
      "drop-becomes-pass",
      [program("a", 0, { proceedOn: ["drop", "pass"] }), last],
      ["drop-becomes-pass programs.0.proceed-on"],
    ],
    [
      "drop-becomes-pass where 31 counts as PASS, since only TX is kept",
      [
        program("a", 0, { on: { drop: "next", tx: { to: "next", keep: "verdict" } } }, [1, 3]),
        program("z", 1, {}, [31]),
      ],
      ["drop-becomes-pass programs.0.on.drop"],
    ],
    [
      "edge-never-taken",
      [program("a", 0, { on: { tx: "z", pass: "next" } }, [1, 2]), last],
      ["edge-never-taken programs.0.on.tx"],
    ],
    [
      "edge-says-default",
      [program("a", 0, { on: { tx: "next", default: "next", drop: "return" } }), last],
      ["edge-says-default programs.0.on.tx"],
    ],
    [
      "order-says-nothing",
      [program("a", 0, { priority: 1, before: ["z"] }), { ...last, priority: 2 }],
      ["order-says-nothing programs.0.before.0"],
    ],
    [
      "order said twice",
      [program("a", 0, { before: ["z"] }), { ...last, after: ["a"] }],
      ["order-says-nothing programs.1.after.0"],
    ],
    ["no order-says-nothing between defaults", [last, program("a", 0, { before: ["z"] })], []],
  ])("%s", (_, programs, expected) => {
    expect(found(chainOf(programs))).toEqual(expected);
  });

  it("a default that is never taken, since every action is named", () => {
    const edges = {
      aborted: "return",
      drop: "return",
      pass: "next",
      tx: "z",
      redirect: "return",
      default: "return drop",
    };
    expect(found(chainOf([program("a", 0, { on: edges }), last]))).toEqual(["edge-never-taken programs.0.on.default"]);
  });

  it("redirect-replaced", () => {
    // bpf_redirect(1, 0): no sample does that and nothing else.
    const bytes = objectOf("go", [mov64Imm(R1, 1), mov64Imm(R2, 0), callHelper(BPF_FUNC_redirect), exit()]);
    const redirect: Program = { name: "first", object: "first.bpf.o", bytes };
    const second = { ...redirect, name: "second" };
    const on = { redirect: { to: "second", keep: "verdict" }, aborted: "next" } as const;
    expect(found(chainOf([{ ...redirect, on }, second]))).toEqual([
      "redirect-replaced programs.0.on.redirect",
      "kept-for-nobody programs.0.on.redirect",
    ]);
    expect(found(chainOf([{ ...redirect, on: { aborted: "next" } }, second]))).toEqual([]);
  });
});

const withoutKeep = (edge: Edge): Edge => (typeof edge === "object" ? edge.to : edge);

describe("a verdict that is kept for nobody", () => {
  it("makes no difference in the model", () => {
    fc.assert(
      fc.property(graphs(6), bounded, (graph, codes) => {
        const chain = chainOfGraph(graph, (rank) => codes[rank]);
        const paths = lintChain(chain).flatMap(({ code, path }) => (code === "kept-for-nobody" ? [path] : []));
        fc.pre(paths.length > 0);
        const named = (...path: readonly (string | number)[]): boolean =>
          paths.some((other) => other.join(".") === path.join("."));
        const without: ModelChain = {
          ...chain,
          groups: mapValues(chain.groups!, (group, name) =>
            named("groups", name, "end") ? { end: withoutKeep(group.end!) } : group,
          ),
          programs: chain.programs.map((declared, index) => ({
            ...declared,
            ...(declared.on && {
              on: mapValues(declared.on, (edge, key) =>
                named("programs", index, "on", key) ? withoutKeep(edge) : edge,
              ),
            }),
          })),
        };
        const rank = (name: string): number => graph.programs.find((p) => p.name === name)!.rank;
        const codesOf = (name: string): readonly number[] => codes[rank(name)]!;
        expect(everyPacket(without, codesOf)).toEqual(everyPacket(chain, codesOf));
      }),
      { numRuns: 200 },
    );
  });

  const keep = (to: string): Edge => ({ to, keep: "verdict" });
  const asks = { on: { pass: "return kept" } } as const;
  it.each<[string, readonly Program[], NonNullable<Chain["groups"]>, readonly string[]]>([
    ["on the last program", [program("a", 0, { on: { tx: keep("next") } }, [2, 3])], {}, ["programs.0.on.tx"]],
    [
      "before one that does not ask",
      [program("a", 0, { on: { default: keep("next") } }, [2, 3]), program("b", 1, {}, [1, 2])],
      {},
      ["programs.0.on.default"],
    ],
    [
      "before one that keeps again",
      [
        program("a", 0, { on: { tx: keep("b"), pass: "next" } }, [2, 3]),
        program("b", 1, { on: { pass: keep("next") } }, [2]),
        program("c", 2, asks, [2]),
      ],
      {},
      ["programs.0.on.tx"],
    ],
    [
      "at the end of a group",
      [
        program("a", 0, { on: { tx: "red", pass: "next" } }, [2, 3]),
        program("b", 1, {}, [2, 3]),
        program("c", 2, { group: "red" }, [2]),
      ],
      { red: { end: keep("b") } },
      ["groups.red.end"],
    ],
    [
      "not where 31 brings it out",
      [program("a", 0, { on: { tx: keep("next"), pass: "next" } }, [2, 3]), program("b", 1)],
      {},
      [],
    ],
    [
      "not where it comes out",
      [program("a", 0, { on: { default: keep("next") } }, [2, 3]), program("b", 1, asks, [2])],
      {},
      [],
    ],
    [
      "not where one action only can be kept",
      [program("a", 0, { on: { tx: keep("b") } }, [1, 3]), program("b", 1, asks, [2])],
      {},
      [],
    ],
  ])("%s", (_, programs, groups, expected) => {
    const chain = chainOf(programs, { groups });
    const paths = (of: Chain): readonly string[] =>
      lintChain(of).flatMap(({ code, path }) => (code === "kept-for-nobody" ? [path.join(".")] : []));
    expect(paths(chain)).toEqual(expected);
    expect(paths({ ...chain, allow: { "kept-for-nobody": "for a program to come" } })).toEqual([]);
  });
});

function mapValues<K extends string, T>(
  map: Readonly<Partial<Record<K, T>>>,
  change: (value: T, key: K) => T,
): Record<K, T> {
  const entries = (Object.entries(map) as [K, T][]).map(([key, value]) => [key, change(value, key)]);
  return Object.fromEntries(entries) as Record<K, T>;
}

describe("allow", () => {
  const chain = (own?: Allow, whole?: Allow): Chain =>
    chainOf([program("a", 0, { proceedOn: ["drop", "pass"], ...(own && { allow: own }) }), program("z", 1)], {
      ...(whole && { allow: whole }),
    });
  const allow: Allow = { "drop-becomes-pass": "drops are only counted so far" };

  it("silences by name, at the program and for the chain", () => {
    expect(found(chain())).toHaveLength(1);
    expect(found(chain(allow))).toEqual([]);
    expect(found(chain(undefined, allow))).toEqual([]);
  });

  it("is a warning itself where it silences nothing", () => {
    expect(found(chain({ ...allow, "never-runs": "old" }))).toEqual(["useless-allow programs.0.allow.never-runs"]);
    expect(found(chain(allow, { "never-runs": "old" }))).toEqual(["useless-allow allow.never-runs"]);
  });

  it("is read with its reason, and a code that is none is answered with the nearest", () => {
    const text = (code: string, reason: string): string =>
      `chain: a\nallow: { ${code}: ${reason} }\nprograms: [{ name: a, object: a.o }]\n`;
    expect(requireChain(text("never-runs", "old"), "a.yaml").allow).toEqual({ "never-runs": "old" });
    const refusal = (of: string): string => {
      try {
        requireChain(of, "a.yaml");
      } catch (error) {
        if (error instanceof XdpgenError) return error.message;
      }
      return "accepted";
    };
    expect(refusal(text("never-run", "old"))).toContain("did you mean `never-runs`?");
    expect(refusal(text("never-runs", '" "'))).toContain("must be the reason, in words");
  });
});

describe("an inlined loop", () => {
  const looping = (linkage: Program["linkage"]): Program => ({
    name: "loop",
    object: "loop.bpf.o",
    bytes: objectOf("xdp_loop", [
      mov64Imm(R1, 0),
      withLabel("again", add64Imm(R1, 1)),
      jneImm(R1, 9, "again"),
      mov64Imm(R0, 2),
      exit(),
    ]),
    ...(linkage && { linkage }),
  });
  const straight = { name: "straight", object: "s.bpf.o", bytes: verdictObject(0), linkage: "inline" } as const;

  it("is no jump back that leads out, as compilers lay out code", () => {
    const code = [
      ja("last"),
      withLabel("first", mov64Imm(R0, 2)),
      exit(),
      withLabel("last", mov64Imm(R1, 1)),
      ja("first"),
    ];
    const back: Program = { name: "back", object: "b.bpf.o", bytes: objectOf("xdp_back", code), linkage: "inline" };
    expect(found(chainOf([back]))).toEqual([]);
  });

  it("is warned of where it was declared, and not where auto can call it", () => {
    expect(found(chainOf([looping("inline"), straight]))).toEqual(["inlined-loop programs.0.linkage"]);
    expect(found(chainOf([looping(undefined)], { linkage: "inline" }))).toEqual(["inlined-loop programs.0.name"]);
    expect(found(chainOf([looping(undefined)], { prefer: "speed" }))).toEqual([]);
    expect(found(chainOf([looping("call")], { linkage: "inline" }))).toEqual([]);
  });
});

/** Cases of the control flow do what nobody should: `default: next` and these proceed-on sets take DROP along. */
const MEANT: Readonly<Record<string, readonly string[]>> = {
  tenants: ["drop-becomes-pass programs.0.on.default"],
  "proceed-sets": [
    "verdict-unused programs.6.name",
    ...[1, 3, 5, 6].map((index) => `drop-becomes-pass programs.${index}.proceed-on`),
  ],
};

describe("no false alarm", () => {
  it.each(caseNames())("%s", (name) => {
    expect(found(readCase(name))).toEqual(MEANT[name] ?? []);
  });

  it.each(TEMPLATES)("templates/%s.yaml", (name) => {
    expect(found(readTemplate(name))).toEqual([]);
  });
});
