/**
 * Pictures of random graphs: whoever follows a line comes to the program that its words name, and nothing stands on
 * anything else. What pictures look like is in the goldens of test/cases.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACTIONS, type Chain } from "../../../src/chain/index.ts";
import {
  type DrawnProgram,
  groupsOf,
  pictureOfPlan,
  pictureOfPrograms,
  pictureToSvg,
  planChain,
  planToDot,
  planToSvg,
  planToText,
  withCounts,
} from "../../../src/codegen/index.ts";
import { outcomeWords } from "../../../src/codegen/plan/picture.ts";
import { GROUP_SIDE, layoutSvg } from "../../../src/codegen/plan/svg-layout.ts";
import { DARK, LIGHT } from "../../../src/codegen/plan/svg-style.ts";
import { textWidth } from "../../../src/codegen/plan/svg-text.ts";
import { readCase } from "../../support/chains.ts";
import { chainOfGraph, graphs } from "../../support/graphs.ts";
import { readTemplate, TEMPLATES } from "../../support/templates.ts";
import { elementsOf, parseXml } from "../../support/xml.ts";

const DOCS = fileURLToPath(new URL("../../../docs/", import.meta.url));
const anyCode = (): undefined => undefined;
const drawn = (chain: Chain): Parameters<typeof planToSvg> => [
  planChain(chain),
  { groups: groupsOf(chain), all: true },
];

describe("text", () => {
  it("has lanes that lead where their words say", () => {
    fc.assert(
      fc.property(graphs(20), (graph) => {
        const [plan, options] = drawn(chainOfGraph(graph, anyCode));
        const wanted = pictureOfPlan(plan, options).programs.flatMap(({ name, ways }, index) =>
          ways.flatMap(({ to }) =>
            to.kind === "node" && to.node > index + 1 ? [`${name} ${plan.nodes[to.node]!.program.name}`] : [],
          ),
        );
        expect(walk(planToText(plan, options)).toSorted()).toEqual(wanted.toSorted());
      }),
      { numRuns: 100 },
    );
  });

  it("fits twenty programs into 80 columns", () => {
    fc.assert(
      fc.property(graphs(20), (graph) => {
        const [plan, options] = drawn(chainOfGraph(graph, anyCode));
        const lines = planToText(plan, options).split("\n");
        expect(lines.filter((line) => line.length > 80 || line.endsWith(" "))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

/** Follows each line that leaves a program to the left; `FROM TO` by the names at its ends, TO also as its words have it. */
function walk(text: string): readonly string[] {
  const rows = text.split("\n");
  const at = (x: number, y: number): string => rows[y]?.[x] ?? " ";
  const nameAt = (x: number, y: number): string => /^[a-z][\w-]*/.exec(rows[y]!.slice(x))![0];
  let from = "";
  return rows.flatMap((row, start) => {
    const named = /^[│┼└┴─▶ ]*?(?<name>(?<![a-z])p\d+)(?= |$)/.exec(row);
    if (named && !/[┤┘]/.test(row)) from = named.groups!["name"]!;
    const leaves = /[┤┘] .*: (?<to>p\d+)/.exec(row);
    if (!leaves) return [];
    let x = leaves.index - 1;
    let y = start;
    while ("─┼".includes(at(x, y))) x--;
    expect("┌├").toContain(at(x, y));
    for (y++; "│┼├".includes(at(x, y)); y++);
    expect("└┴").toContain(at(x, y));
    for (x++; "─┼┴".includes(at(x, y)); x++);
    expect(at(x, y)).toBe("▶");
    expect(nameAt(x + 2, y)).toBe(leaves.groups!["to"]);
    return [`${from} ${nameAt(x + 2, y)}`];
  });
}

describe("SVG", () => {
  it("is well-formed, and names every program and action", () => {
    fc.assert(
      fc.property(graphs(64), (graph) => {
        const [plan, options] = drawn(chainOfGraph(graph, anyCode));
        const svg = parseXml(planToSvg(plan, options));
        const names = elementsOf(svg).filter(({ attributes }) => attributes.get("class") === "name");
        expect(names.map(({ text }) => text)).toEqual(plan.nodes.map(({ program }) => program.name));
      }),
      { numRuns: 50 },
    );
  });

  it("escapes what XML would take for its own", () => {
    const svg = parseXml(pictureToSvg(pictureOfPrograms("a<b&c", [{ name: "p", priority: 1, edges: {} }])));
    expect(svg.children[0]!.text).toBe("Chain a&lt;b&amp;c: 1 program");
  });

  it("has no line through a card, no two lines on one another, and nothing outside of the page", () => {
    fc.assert(
      fc.property(graphs(40), (graph) => {
        const elements = elementsOf(parseXml(planToSvg(...drawn(chainOfGraph(graph, anyCode)))));
        const number = (map: ReadonlyMap<string, string>, key: string): number => Number(map.get(key));
        const cards = elements.filter(({ attributes }) => attributes.get("class") === "card");
        const left = number(cards[0]!.attributes, "x");
        const lines = elements
          .filter(({ attributes }) => attributes.get("class")?.startsWith("way"))
          .map(({ attributes }) => /^M(\S+) (\S+)V(\S+)$/.exec(attributes.get("d")!)?.slice(1).map(Number))
          .flatMap((line) => (line ? [{ x: line[0]!, top: line[1]!, bottom: line[2]! }] : []));
        const page = elements[0]!.attributes;
        for (const { x, top, bottom } of lines) {
          expect(x).toBeGreaterThan(0);
          expect(bottom).toBeGreaterThan(top);
          expect(bottom).toBeLessThan(number(page, "height"));
          const crossed = cards.filter(({ attributes: card }) => {
            const y = number(card, "y");
            return x >= left && top < y + number(card, "height") && bottom > y;
          });
          expect(crossed).toEqual([]);
        }
        const over = lines.filter((a) =>
          lines.some((b) => a !== b && a.x === b.x && a.top < b.bottom && b.top < a.bottom),
        );
        expect(over).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ["light", LIGHT],
    ["dark", DARK],
  ])("can be read on a %s page", (_, colours) => {
    const pairs = [...ACTIONS, "text" as const, "muted" as const].flatMap((name) =>
      (["page", "card", "group"] as const).map((ground) => ({
        pair: `${name} on ${ground}`,
        ratio: contrast(colours[name], colours[ground]),
      })),
    );
    expect(pairs.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
  });
});

/** WCAG 2.2, "contrast ratio". */
function contrast(a: string, b: string): number {
  const luminance = (colour: string): number => {
    const [r, g, blue] = [1, 3, 5]
      .map((i) => Number.parseInt(colour.slice(i, i + 2), 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * blue!;
  };
  const [low, high] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (high! + 0.05) / (low! + 0.05);
}

describe("31", () => {
  const program = (name: string, edges: DrawnProgram["edges"]): DrawnProgram => ({ name, priority: 1, edges });
  const ways = (edges: DrawnProgram["edges"], all = false): readonly string[] =>
    pictureOfPrograms("c", [program("a", edges), program("b", {})], { all }).programs[0]!.ways.map(({ outcomes }) =>
      outcomes.join(" "),
    );

  it.each([
    ["to the program that an action leads to", { pass: "b", "no-verdict": "b" }],
    [
      "to the program that an action leads to with its verdict kept",
      { pass: { to: "b", keep: "verdict" }, "no-verdict": "b" },
    ],
    ["to PASS, off the end", { "no-verdict": "return pass" }],
    ["to the end of the chain as an action does", { pass: "return drop", "no-verdict": "return drop" }],
    ["to the kept verdict as an action does", { pass: "return kept-or-own", "no-verdict": "return kept-or-pass" }],
  ] as const)("is not drawn %s, unless all is", (_, edges) => {
    expect(ways(edges).join(" ")).not.toContain("no-verdict");
    expect(ways(edges, true).join(" ")).toContain("no-verdict");
  });

  it.each([
    ["to a program that no action leads to", { "no-verdict": "b" }],
    ["to a verdict that no action ends with", { "no-verdict": "return drop" }],
    ["to a kept verdict that no action ends with", { "no-verdict": "return kept" }],
  ] as const)("is drawn %s", (_, edges) => {
    expect(ways(edges).join(" ")).toContain("no-verdict");
  });
});

it("keeps the words at a line between two programs of a group in its box", () => {
  const chain = readCase("tenants");
  const picture = withCounts(pictureOfPlan(planChain(chain), { groups: groupsOf(chain), all: true }), () => 12_345_678);
  const { cardX, cardWidth, cards } = layoutSvg(picture);
  const inside = cards.flatMap(({ down, downAt }, i) => (picture.programs[i]!.group ? [{ down, downAt }] : []));
  const ends = inside.flatMap(({ down, downAt }) =>
    down.map((way, k) => {
      const words = outcomeWords(way).map(({ text }) => text);
      return cardX + downAt[k]! + 10 + textWidth(words.join(", "), 12);
    }),
  );
  expect(ends.length).toBeGreaterThan(0);
  for (const end of ends) expect(end).toBeLessThan(cardX + cardWidth + GROUP_SIDE);
});

it("draws a group as one box in DOT, and as boxes of what stands together in SVG", () => {
  const programs = ["a", "b", "c"].map((name) => ({ name, priority: 1, edges: {} }));
  const groups = new Map([
    ["a", "red"],
    ["c", "red"],
  ]);
  const svg = parseXml(pictureToSvg(pictureOfPrograms("x", programs, { groups })));
  expect(elementsOf(svg).filter(({ attributes }) => attributes.get("class") === "group")).toHaveLength(2);
  const chain = readCase("tenants");
  expect(planToDot(planChain(chain), { groups: groupsOf(chain) }).match(/subgraph "cluster \w+"/g)).toHaveLength(2);
});

describe("docs", () => {
  const pictures = (folder: string): readonly string[] =>
    readdirSync(`${DOCS}${folder}`).flatMap((file) => (file.endsWith(".svg") ? [file.replace(/\.svg$/, "")] : []));

  it.each([
    ...pictures("pictures").map((name) => [name, readCase] as const),
    ...TEMPLATES.map((name) => [`templates/${name}`, readTemplate] as const),
  ])("has the picture of %s", async (name, read) => {
    const chain = read(name.replace("templates/", ""));
    const options = { groups: groupsOf(chain) };
    await expect(planToSvg(planChain(chain), options)).toMatchFileSnapshot(`${DOCS}pictures/${name}.svg`);
  });

  it("shows the text that graph prints", () => {
    const page = readFileSync(`${DOCS}graph.md`, "utf8");
    const chain = readCase("tenants");
    expect(page).toContain(`\n${planToText(planChain(chain), { groups: groupsOf(chain) })}`);
    for (const name of pictures("pictures")) expect(page).toContain(`(pictures/${name}.svg)`);
    expect(pictures("pictures/templates")).toEqual(TEMPLATES);
  });
});
