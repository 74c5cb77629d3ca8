import { describe, expect, it } from "vitest";
import { pictureOfPrograms } from "../../../src/codegen/index.ts";
import { formatAge } from "../../../src/cli/render/age.ts";
import { renderDoctor } from "../../../src/cli/render/doctor.ts";
import { renderFlow } from "../../../src/cli/render/flow.ts";
import { renderStatus } from "../../../src/cli/render/status.ts";
import { style } from "../../../src/cli/render/style.ts";
import { renderTable, wrap } from "../../../src/cli/render/table.ts";
import { attachment } from "./fake.ts";

const plain = style(false);
const view = { now: new Date("2026-11-22T12:05:30"), columns: 80, paint: plain };

describe("status", () => {
  it("shows a chain", async () => {
    const shown = renderStatus([attachment], view);
    expect(shown.split("\n").filter((line) => line.length > 80)).toEqual([]);
    await expect(shown).toMatchFileSnapshot("../../cases/cli/status.txt");
  });

  it("fits 80 columns with long names, many actions and big numbers", () => {
    const [first] = attachment.programs;
    const long = {
      ...first!,
      name: "a-program-with-a-long-name",
      function: "xdp_function_with_a_long_name",
      id: 1234567,
    };
    const programs = [
      {
        ...long,
        edges: { ...long.edges, tx: { to: "another-program", keep: "verdict" as const } },
        priority: 4294967295,
      },
      { ...long, name: "another-program" },
      attachment.programs[1]!,
    ];
    const shown = renderStatus([{ ...attachment, programs }], view);
    const wide = shown.split("\n").filter((line) => line.length > 80);
    expect(wide).toEqual([]);
    expect(shown).toContain("f00dfacef00dface");
  });

  it("shows the packets of each program where they are counted, also on a narrow terminal", () => {
    const counts = { aborted: 1, drop: 2, pass: 1_000_000, tx: 3, redirect: 4, "no-verdict": 5, other: 6 };
    const programs = attachment.programs.map((program) => ({ ...program, counts }));
    for (const columns of [60, 80, 120]) {
      const shown = renderStatus([{ ...attachment, programs }], { ...view, columns });
      expect(shown).toMatch(/ program +packets .*\n.* denylist +1,000,021 .*\n(.*\n)? .* counter +1,000,021 /);
      expect(shown.split("\n").filter((line) => line.length > Math.max(80, columns))).toEqual([]);
      expect(shown).toContain("│ pass 1,000,000");
      const quiet = renderStatus([attachment], { ...view, columns });
      expect(quiet).not.toContain("packets");
    }
  });

  it("shows what the kernel keeps of extensions where there is room, and of an old kernel nothing", () => {
    const wide = renderStatus([attachment], { ...view, columns: 120 });
    expect(wide).toMatch(/ tag +verified +function\n.* f00dfacef00dface +227 +xdp_denylist\n/);
    const programs = attachment.programs.map((program) => ({ ...program, function: "xdp_function_with_a_long_name" }));
    expect(renderStatus([{ ...attachment, programs }], view)).toMatch(/^ +# +id +tag +verified +function$/m);
    const { verifiedInstructions: _, ...figures } = { ...attachment.dispatcher.figures, functions: 1, jitedBytes: 0 };
    const dispatcher = { ...attachment.dispatcher, figures };
    const old = renderStatus([{ ...attachment, dispatcher }], view);
    expect(old).toMatch(/^ {2}1 function, 2 maps, interpreted$/m);
  });

  it("draws no picture that nobody could take in", () => {
    const programs = Array.from({ length: 255 }, (_, i) => ({
      ...attachment.programs[0]!,
      name: `p${i}`,
      edges: { pass: `p${i + 1}` },
      order: i + 1,
      maps: [],
    }));
    const shown = renderStatus([{ ...attachment, programs }], view);
    expect(shown).not.toContain("▼");
    expect(shown.split("\n").length).toBeLessThan(270);
  });

  it("says loudly that a chain does not run", () => {
    const { interface: _, ...gone } = attachment;
    const shown = renderStatus([{ ...gone, defunct: true }], view);
    expect(shown).toContain("interface 2 (gone)");
    expect(shown).toContain("NOT RUNNING");
  });
});

it("says of a chain that moved away where it runs, and no mode", () => {
  const { interface: _, mode: __, ...rest } = attachment;
  const shown = renderStatus([{ ...rest, moved: true }], view);
  expect(shown).toContain("interface 2 (moved to another network namespace): chain edge, generation 3\n");
  expect(shown).not.toContain("NOT RUNNING");
});

describe("flow", () => {
  it("paints the words of actions, the names and the lines, and changes no character", () => {
    const programs = [
      { name: "a", priority: 1, edges: { pass: "b", drop: "return kept" } },
      { name: "b", priority: 2, edges: {} },
    ];
    const picture = pictureOfPrograms("c", programs);
    const painted = renderFlow(picture, style(true)).join("\n");
    const { tx, pass } = style(true).actions;
    expect(painted).toContain(tx("tx"));
    expect(painted).toContain(pass("pass"));
    expect(painted).toContain(style(true).bold("kept"));
    // oxlint-disable-next-line no-control-regex
    expect(painted.replaceAll(/\u001B\[[\d;]*m/g, "")).toBe(renderFlow(picture, style(false)).join("\n"));
  });
});

describe("doctor", () => {
  it("wraps and ends with what it comes to", () => {
    const words = "word ".repeat(40).trim();
    const entries = [{ name: "freplace", state: "limited" as const, value: "refused", meaning: words, advice: words }];
    const shown = renderDoctor({ entries, linkage: "call" }, 60, plain);
    expect(shown.split("\n").filter((line) => line.length > 60)).toEqual([]);
    expect(shown).toMatch(/This machine runs chains; linkage auto is call\.\n$/);
  });
});

describe("table", () => {
  it("aligns, shrinks what may shrink, and loses no character", () => {
    const columns = [
      { title: "n", align: "right" as const },
      { title: "text", min: 6 },
    ];
    const lines = renderTable(
      columns,
      [
        ["1", "abcdefghij kl"],
        ["22", "x"],
      ],
      10,
      (text) => text,
    );
    expect(lines).toEqual([" n  text", " 1  abcdef", "    ghij", "    kl", "22  x"]);
  });

  it.each([
    ["", 5, [""]],
    ["a b", 5, ["a b"]],
    ["aaa bbb", 5, ["aaa", "bbb"]],
    ["aaaaaaa", 3, ["aaa", "aaa", "a"]],
    ["to a-long_name", 7, ["to", "a-long_", "name"]],
    ["ab", 0, ["a", "b"]],
  ] as const)("wraps %j at %i", (text, width, lines) => {
    expect(wrap(text, width)).toEqual(lines);
  });
});

describe("age", () => {
  it.each([
    [-5, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [3_600_000, "1 h"],
    [7_530_000, "2 h 5 min"],
    [86_400_000, "1 day"],
    [273_600_000, "3 days 4 h"],
  ])("%i ms is %s", (milliseconds, text) => {
    expect(formatAge(milliseconds)).toBe(text);
  });
});
