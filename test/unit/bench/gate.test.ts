/** What fails a submission: counts that rose, claims that do not hold, two runs that do not agree. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { compareToBaseline, showDifference } from "../../../bench/contest/baseline.ts";
import { exactClaims, hostClaims } from "../../../bench/contest/claims.ts";
import { compareResults } from "../../../bench/contest/compare.ts";
import { SLOWED, slowedCall } from "../../../bench/contest/contestants/index.ts";
import type { Row } from "../../../bench/contest/measure.ts";
import { type Result, resultRows } from "../../../bench/contest/result.ts";
import { isBase, nameOf, type Work, WORKS } from "../../../bench/contest/work.ts";
import { writeKept } from "../../../bench/kept.ts";

const base = WORKS.find(isBase)!;
const of = (programs: number): Work => ({ ...base, programs });

/** Figures by contestant as rows of one work, the same in each of two rounds. */
const rowsOf = (work: Work, figures: Readonly<Record<string, number>>): readonly Row[] =>
  Object.entries(figures).map(([contestant, figure]) => ({ contestant, work, samples: [figure, figure] }));

const TEN = {
  "no program": 60,
  "one C file": 160,
  inline: 165,
  call: 260,
  freplace: 270,
  libxdp: 400,
  [slowedCall.name]: 260 + 10 * SLOWED,
};
/** Ten programs, and chains of two and of a hundred that cost as much per program. */
const GOOD: readonly Row[] = [
  ...rowsOf(of(2), { "no program": 60, inline: 81, call: 100, freplace: 102 }),
  ...rowsOf(of(10), TEN),
  ...rowsOf(of(100), { "no program": 60, inline: 1110, call: 2060, freplace: 2160 }),
];

const withTen = (changed: Partial<typeof TEN>): readonly Row[] =>
  GOOD.map((row) => {
    const figure = isBase(row.work) ? changed[row.contestant as keyof typeof TEN] : undefined;
    return figure === undefined ? row : { contestant: row.contestant, work: row.work, samples: [figure, figure] };
  });

const failing = (rows: readonly Row[]): readonly string[] =>
  exactClaims(rows)
    .filter(({ holds }) => !holds)
    .map(({ says }) => says);

describe("claims", () => {
  it("hold where they do", () => {
    expect(failing(GOOD)).toEqual([]);
  });

  it.each([
    [{ freplace: 282 }, "freplace takes at most 0.65 of libxdp"],
    [{ call: 265, [slowedCall.name]: 265 + 10 * SLOWED }, "call takes at most 0.60 of libxdp"],
    [{ inline: 171 }, "inline takes at most 1.10 of one C file"],
    [{ [slowedCall.name]: 260 + 10 * SLOWED - 1 }, `${10 * SLOWED} instructions for nothing are seen`],
  ])("fail for %j", (changed, says) => {
    expect(failing(withTen(changed))).toContainEqual(expect.stringContaining(says));
  });

  it("fail where a program costs more in a long chain", () => {
    const bent = [...GOOD.filter(({ work }) => work.programs <= 10), ...rowsOf(of(100), { ...TEN, call: 2160 })];
    expect(failing(bent)).toContainEqual(expect.stringContaining("a program costs call up to 100"));
  });

  it("fail where one side was not measured", () => {
    expect(failing(GOOD.filter(({ contestant }) => contestant !== "libxdp"))).toHaveLength(2);
    expect(hostClaims([]).some(({ holds }) => holds)).toBe(false);
  });
});

describe("the baseline", () => {
  const rows = rowsOf(base, { "no program": 60, call: 260, inline: 165 });
  const baseline = (call: number) => ({
    kernel: "",
    clang: "",
    instructions: { [nameOf(base)]: { call, inline: 105 } },
  });

  it("is met by the same counts, and by fewer", () => {
    expect(showDifference(compareToBaseline(rows, baseline(200)))).toEqual([]);
    expect(showDifference(compareToBaseline(rows, baseline(201)))).toEqual([]);
    expect(compareToBaseline(rows, baseline(201))).toHaveLength(1);
  });

  it("is missed by one instruction more, which is shown", () => {
    expect(showDifference(compareToBaseline(rows, baseline(199))).join("\n")).toMatch(/call +199 -> 200 {2}\(\+1\)/);
  });

  it("is missed by what could not be counted", () => {
    const gone = rows.filter(({ contestant }) => contestant !== "call");
    expect(showDifference(compareToBaseline(gone, baseline(200))).join("\n")).toContain("200, and not counted now");
  });

  it("is missed by what it has not", () => {
    const empty = { kernel: "", clang: "", instructions: {} };
    expect(showDifference(compareToBaseline(rows, empty)).join("\n")).toContain("200, which the baseline has not");
  });
});

describe("two results", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "xdpgen-bench-"));
    vi.spyOn(console, "log").mockReturnValue(undefined);
    vi.spyOn(console, "error").mockReturnValue(undefined);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  function written(name: string, unit: Result["unit"], rows: readonly Row[]): string {
    const environment = { machine: "", architecture: "", kernel: "", mitigations: {}, versions: VERSIONS, load: 0 };
    const path = join(folder, name);
    const words = { section: "", command: "", method: "", caveats: [] };
    writeKept(path, { ...words, unit, environment }, resultRows(rows));
    return path;
  }

  it("of counts agree when all are equal", () => {
    const [a, b] = [written("a", "instructions", GOOD), written("b", "instructions", withTen({ call: 261 }))];
    expect(compareResults([a, a])).toBe(0);
    expect(compareResults([a, b])).toBe(1);
    expect(console.log).toHaveBeenCalledWith(expect.stringContaining(`call, ${nameOf(base)}: 260.00, then 261.00`));
  });

  it("of nanoseconds agree on another speed, and not on another ratio", () => {
    const times = (factor: number): readonly Row[] =>
      GOOD.map((row) => ({ ...row, samples: [factor * 1, factor * 1.1].map((by) => by * figureOf(row)) }));
    const [a, b] = [written("a", "ns", times(1)), written("b", "ns", times(1.5))];
    const other = written("c", "ns", withTen({ call: 460 }));
    expect(compareResults([a, b])).toBe(0);
    expect(compareResults([a, other])).toBe(1);
  });

  it("of different units are not compared, nor is one alone", () => {
    expect(compareResults([written("a", "ns", GOOD), written("b", "instructions", GOOD)])).toBe(2);
    expect(compareResults(["a"])).toBe(2);
  });
});

const VERSIONS = { node: "", libbpf: "", clang: "", "xdp-tools": "", xdpgen: "" };
const figureOf = (row: Row): number => ("samples" in row ? row.samples[0]! : 0);
