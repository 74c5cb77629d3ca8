import { describe, expect, it } from "vitest";
import { planChain, planToDot, planToSvg, planToText, groupsOf } from "../../../src/codegen/index.ts";
import type { ProgramStatus } from "../../../src/loader/index.ts";
import { readCase } from "../../support/chains.ts";
import { page } from "../../support/published.ts";
import { attachment, run, type World } from "./fake.ts";

const chain = readCase("tenants");
const plan = planChain(chain);
const groups = groupsOf(chain);
const library: World["library"] = { loadChain: async () => chain, planChain: async () => plan };
const live: World["library"] = { status: async () => [attachment] };

describe("graph", () => {
  it.each([
    ["", true, planToText(plan, { groups })],
    ["", false, planToSvg(plan, { groups })],
    ["--format dot", true, planToDot(plan, { groups })],
    ["--format text --all", false, planToText(plan, { groups, all: true })],
  ])("prints what is asked for: %j, on a terminal: %j", async (options, terminal, text) => {
    const { status, out } = await run(`graph c.yaml --color never ${options}`, { library, terminal });
    expect({ status, out }).toEqual({ status: 0, out: text });
  });

  it.each([
    ["a.svg", planToSvg],
    ["out/a.dot", planToDot],
    ["a.gv", planToDot],
    ["a.TXT", planToText],
    ["a", planToSvg],
    ["out.d/a", planToSvg],
  ] as const)("writes %s as it is named, on a terminal too", async (path, draw) => {
    const { out, files } = await run(`graph c.yaml -o ${path}`, { library, terminal: true });
    const data = draw(plan, { groups });
    expect([...files]).toEqual([[path, data]]);
    expect(out).toBe(`${path}: ${Buffer.byteLength(data)} bytes\n`);
  });

  it.each(["chain.png", "out.d/chain.PDF", "a.svgz", "a."])(
    "refuses the ending of %s, unless --format is given",
    async (path) => {
      const { status, err, files } = await run(`graph c.yaml -o ${path}`, { library });
      expect({ status, files: [...files] }).toEqual({ status: 2, files: [] });
      for (const word of [path, ".svg", ".dot", ".gv", ".txt", "--format"]) expect(err).toContain(word);
      expect((await run(`graph c.yaml -o ${path} --format svg`, { library })).files.get(path)).toBe(
        planToSvg(plan, { groups }),
      );
    },
  );

  it("paints a terminal, and no file", async () => {
    expect((await run("graph c.yaml", { library, terminal: true })).out).toContain("\u001B[");
    const { files } = await run("graph c.yaml --color always -o a.txt", { library });
    expect(files.get("a.txt")).toBe(planToText(plan, { groups }));
  });

  it("draws what runs on an interface", async () => {
    const { out } = await run("graph --dev eth0 --format text --color never", { library: live });
    expect(out).toContain("denylist ──▶ aborted, drop, tx, redirect: return\n  │ pass\n  ▼\ncounter");
  });

  describe("of a live chain that counts", () => {
    const none = { aborted: 0, drop: 0, pass: 0, tx: 0, redirect: 0, "no-verdict": 0, other: 0 };
    const edges = (next: string): ProgramStatus["edges"] => ({ pass: next, "no-verdict": next });
    const [base] = attachment.programs;
    const programs: readonly ProgramStatus[] = [
      { ...base!, edges: edges("ratelimit"), counts: { ...none, pass: 81_204_117, drop: 5310, other: 3 } },
      { ...base!, name: "ratelimit", edges: edges("echo"), counts: { ...none, pass: 80_990_001, drop: 214_116 } },
      { ...base!, name: "echo", edges: {}, counts: { ...none, pass: 80_989_773, tx: 228 } },
    ];
    const draw = async (list: readonly ProgramStatus[]): Promise<string> => {
      const status = async () => [{ ...attachment, programs: list }];
      return (await run("graph --dev eth0 --format text --color never", { library: { status } })).out;
    };

    it("has the packets on its ways, as the page shows", async () => {
      expect(page("graph.md").blocks("text")).toContain(await draw(programs));
    });

    it("draws a way of 31 as soon as a packet took it", async () => {
      const [first, ...rest] = programs;
      const gone = await draw([{ ...first!, counts: { ...first!.counts!, "no-verdict": 5 } }, ...rest]);
      expect(gone).toContain("│ pass 81,204,117, 31 5\n");
    });
  });

  it("says so where nothing runs", async () => {
    const { status, err } = await run("graph --dev eth0", { library: { status: async () => [] } });
    expect(status).toBe(1);
    expect(err).toContain("xdpgen apply CHAIN --dev eth0");
  });

  it("gives the picture as JSON", async () => {
    const { out } = await run("graph c.yaml --json", { library });
    expect(JSON.parse(out)).toMatchObject({
      chain: "tenants",
      programs: [
        {
          name: "classify",
          ways: [{ outcomes: ["aborted"], to: { kind: "return", verdict: "drop" } }, {}, {}, {}],
        },
        { name: "red-limit", group: "red" },
        {},
        {},
        {},
      ],
    });
    const written = await run("graph c.yaml --json -o a.svg", { library });
    expect(JSON.parse(written.out)).toMatchObject({ chain: "tenants", file: { path: "a.svg", format: "svg" } });
    expect(written.files.get("a.svg")).toBe(planToSvg(plan, { groups }));
  });

  it.each([
    ["graph", "name what to draw"],
    ["graph c.yaml --dev eth0", "name what to draw"],
    ["graph c.yaml --json --format dot", "--output"],
    ["graph c.yaml --format sgv", "Did you mean svg?"],
  ])("refuses %j", async (line, message) => {
    const { status, err } = await run(line, { library: { ...library, ...live } });
    expect(status).toBe(2);
    expect(err).toContain(message);
  });
});

it("build writes the same picture", async () => {
  const image = { plan, manifest: { chain: "tenants" } } as never;
  const { files } = await run("build c.yaml --emit svg,dot -o out", {
    library: { ...library, synthesise: async () => image },
  });
  expect(files.get("out/tenants.svg")).toBe(planToSvg(plan, { groups }));
  expect(files.get("out/tenants.dot")).toBe(planToDot(plan, { groups }));
});
