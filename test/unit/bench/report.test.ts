/** The report: charts that can be read, and documents whose figures are from result files. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Bar, drawBars } from "../../../bench/report/chart/bars.ts";
import { WIDTH } from "../../../bench/report/chart/frame.ts";
import { drawLines, type LineChart } from "../../../bench/report/chart/lines.ts";
import { linear, logarithmic } from "../../../bench/report/chart/scale.ts";
import { filled } from "../../../bench/report/documents.ts";
import { charts, page } from "../../../bench/report/page.ts";
import { committed, Missing, type Results } from "../../../bench/report/results.ts";
import { textWidth } from "../../../src/codegen/plan/svg-text.ts";
import { type Element, elementsOf, parseXml } from "../../support/xml.ts";

describe.each(Object.entries(charts(committed)))("chart %s", (_, svg) => {
  it("keeps its words inside, and apart", () => {
    const boxes = elementsOf(parseXml(svg)).flatMap((element) => (element.name === "text" ? [boxOf(element)] : []));
    expect(boxes.length).toBeGreaterThan(5);
    expect(boxes.filter(({ left, right }) => left < 0 || right > WIDTH)).toEqual([]);
    const meeting = boxes.flatMap((box, k) =>
      boxes
        .slice(k + 1)
        .filter(({ left, right, base }) => box.left < right && left < box.right && Math.abs(box.base - base) < SIZE)
        .map(({ text }) => `${box.text} on ${text}`),
    );
    expect(meeting).toEqual([]);
  });
});

const SIZE = 12;

interface Box {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly base: number;
}

function boxOf({ attributes, text }: Element): Box {
  const width = textWidth(text, attributes.get("class") === "title" ? 15 : SIZE);
  const before = { start: 0, middle: width / 2, end: width }[attributes.get("text-anchor") ?? "start"]!;
  const left = Number(attributes.get("x")) - before;
  return { text, left, right: left + width, base: Number(attributes.get("y")) };
}

it("says of a result that is missing what makes it, and draws nothing of it", () => {
  const without = Object.defineProperties(
    {},
    {
      ...Object.getOwnPropertyDescriptors(committed),
      swap: {
        enumerable: true,
        get() {
          throw new Missing("Not measured yet: `npm run bench -- swap`.");
        },
      },
    },
  ) as Results;
  expect(page(without)).toMatch(/## Swaps\n\nNot measured yet: `npm run bench -- swap`\.\n\n## Swaps where/);
  expect(page(without)).toContain("## Latency");
  expect(charts(without)).not.toHaveProperty("swap");
  expect(charts(without)).toHaveProperty("latency");
});

describe("a line", () => {
  const chart = (y: LineChart["y"]["scale"], figures: readonly number[]): LineChart => ({
    title: "title",
    note: "note",
    x: { label: "n", scale: "linear", ticks: figures.map((_, at) => ({ at, text: `${at}` })) },
    y: { label: "ns", scale: y },
    lines: [
      { name: "a", look: { hue: "blue", marker: "circle" }, points: figures.map((figure, x) => ({ x, y: figure })) },
    ],
  });
  const heights = (svg: string): readonly number[] =>
    [...svg.matchAll(/<circle class="marker full blue" cx="[\d.]+" cy="([\d.]+)"/g)]
      .map(([, y]) => Number(y))
      .slice(0, 3);

  it("goes as far up as its figures are high", () => {
    const [a, b, c] = heights(drawLines(chart("linear", [10, 20, 40])));
    expect((a! - c!) / (a! - b!)).toBeCloseTo(3, 1);
    const [d, e, f] = heights(drawLines(chart("logarithmic", [10, 20, 40])));
    expect((d! - f!) / (d! - e!)).toBeCloseTo(2, 1);
  });

  it("says its figures in words, too", () => {
    expect(drawLines(chart("linear", [10, 20.26, 4000]))).toContain("a: 0: 10, 1: 20.3, 2: 4,000</desc>");
  });
});

describe("a bar", () => {
  const svg = drawBars({
    title: "title",
    note: "note",
    label: "ms",
    groups: [{ name: "", bars: [bar("a", 10, 20), bar("b", 60, 0)] }],
  });

  it("is as long as its parts are together", () => {
    const widths = [...svg.matchAll(/<rect class="bar part (?:blue|sky)" x="[\d.]+" y="[\d.]+" width="([\d.]+)"/g)];
    const [a, b, c] = widths.map(([, width]) => Number(width));
    expect(b! / a!).toBeCloseTo(2, 1);
    expect(c! / a!).toBeCloseTo(6, 1);
  });

  it("says its figure, and what a unit of its axis is", () => {
    expect(svg).toContain(">30</text>");
    expect(svg).toContain(">ms</text>");
    for (const tick of [0, 20, 40, 60]) expect(svg).toContain(`text-anchor="middle">${tick}</text>`);
  });
});

function bar(name: string, first: number, second: number): Bar {
  const parts = [
    { name: "first", value: first, hue: "blue" },
    { name: "second", value: second, hue: "sky" },
  ] as const;
  return { name, parts };
}

describe("an axis", () => {
  it.each([
    [linear, [3.2, 55], [0, 20, 40, 60]],
    [linear, [0.07], [0, 0.02, 0.04, 0.06, 0.08]],
    [linear, [100], [0, 20, 40, 60, 80, 100]],
    [logarithmic, [6, 4249], [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]],
    [logarithmic, [0.4, 1], [0.2, 0.5, 1]],
  ])("%o of %j has round figures around it", (scale, values, ticks) => {
    const made = scale(values);
    expect(made.ticks).toEqual(ticks);
    expect(made.at(ticks.at(-1)!)).toBeCloseTo(1);
    expect(made.at(ticks[0]!)).toBeCloseTo(0);
  });
});

describe("documents", () => {
  const marked = (name: string, between = ""): string =>
    `before\n<!-- bench: ${name} -->\n${between}<!-- bench end -->\nafter\n`;

  it("have figures where they want them, and nothing else changed", () => {
    const text = filled("x.md", marked("ten", "| old | 1 ns |\n"), committed);
    expect(text).toMatch(/^before\n<!-- bench: ten -->\n\| [^]*\n<!-- bench end -->\nafter\n$/);
    expect(text).not.toContain("old");
    expect(text).toContain("| inline |");
    expect(text).toContain("`npm run bench -- dispatcher`");
    expect(filled("x.md", text, committed)).toBe(text);
  });

  it("are told when they want what there is not", () => {
    expect(() => filled("x.md", marked("eleven"), committed)).toThrow(
      /^x\.md wants the figures `eleven`; there are .*\bten\b/,
    );
  });

  it("have figures of measurements nowhere else", () => {
    const text = readFileSync("docs/performance.md", "utf8");
    const prose = text.replaceAll(/<!-- bench: [^]*?<!-- bench end -->/g, "");
    expect(prose.length).toBeGreaterThan(2000);
    const units =
      /\d[\d.,]* ?(?:ns|µs|ms|s|%|instructions|nanoseconds|microseconds|milliseconds|MB|kB|times|frames)\b/g;
    expect([...prose.matchAll(units)].map(([found]) => found)).toEqual([]);
  });
});
