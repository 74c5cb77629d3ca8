import { describe, expect, it } from "vitest";
import { requireChain } from "../../../src/chain/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { attachment, run } from "./fake.ts";

const COMMANDS = [
  "build",
  "graph",
  "plan",
  "test",
  "apply",
  "watch",
  "status",
  "rollback",
  "detach",
  "doctor",
  "lint",
  "schema",
];
const rejecting = (error: unknown) => ({
  status: async () => {
    throw error;
  },
});

describe("help", () => {
  it("is shown on stdout when asked for, with every command", async () => {
    const { status, out, err } = await run("--help");
    expect({ status, err }).toEqual({ status: 0, err: "" });
    for (const command of COMMANDS) expect(out).toContain(`\n  ${command} `);
  });

  it.each(COMMANDS)(
    "%s --help has exit statuses, examples at the end and no line over 80 characters",
    async (command) => {
      const { status, out } = await run(`${command} --help`);
      expect(status).toBe(0);
      expect(out).toMatch(/\nExit status:\n {2}0 +\S.*\n(?: {2}\d.*\n)+\nExamples:\n/);
      expect(out).toMatch(new RegExp(`Examples:\\n(?:  # .+\\n  \\$ .*xdpgen ${command}.*\\n)+$`));
      expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
    },
  );

  it("is shown on stderr when no command is given", async () => {
    const { status, out, err } = await run("");
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toContain("Usage: xdpgen");
  });

  it("prints the version", async () => {
    expect(await run("--version")).toMatchObject({ status: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});

describe("a wrong command line", () => {
  it.each([
    ["aply c.yaml", "apply"],
    ["build c.yaml --emt asm", "--emit"],
    ["build c.yaml --emit ams", "asm"],
    ["build c.yaml --linkage cal", "call"],
    ["apply c.yaml --mode natve", "native"],
    ["apply c.yaml --colour always", "--color"],
    ["status --josn", "--json"],
  ])("%s: exit status 2 and the nearest right word", async (line, meant) => {
    const { status, out, err } = await run(line);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toContain(`(Did you mean ${meant}?)`);
    expect(err).toMatch(/^error: /);
  });

  it.each([
    "build",
    "build a b",
    "apply",
    "status a b",
    "detach",
    "detach eth0 --all",
    "rollback",
    "rollback eth0 --to last",
    "rollback eth0 --to 0",
    "doctor x",
    "build c.yaml --emit o,o",
  ])("%s: exit status 2", async (line) => {
    const { status, out, err } = await run(line);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(/^error: /);
  });

  it("is JSON for programs", async () => {
    const { status, out } = await run("status --json --al");
    expect(status).toBe(2);
    expect(JSON.parse(out)).toEqual({ error: { code: "usage", message: expect.stringContaining("--al") } });
  });
});

describe("errors", () => {
  it.each([
    ["not-attached", 1],
    ["environment", 1],
    ["object-invalid", 2],
  ] as const)("%s: the message without a stack, exit status %i", async (code, status) => {
    const answer = await run("status", { library: rejecting(new XdpgenError(code, "it did not work")) });
    expect(answer).toMatchObject({ status, out: "", err: "error: it did not work\n" });
  });

  it("are JSON for programs, too", async () => {
    const { out, err } = await run("status --json", { library: rejecting(new XdpgenError("kernel", "no")) });
    expect(JSON.parse(out)).toEqual({ error: { code: "kernel", message: "no" } });
    expect(err).toBe("error: no\n");
  });

  it("that are ours keep their stack and say so", async () => {
    const { status, err } = await run("status", { library: rejecting(new TypeError("x is not a function")) });
    expect(status).toBe(1);
    expect(err).toMatch(/TypeError: x is not a function\n {4}at /);
    expect(err).toContain("this is a bug");
  });

  it("of a chain are shown as they are, in colour when asked for", async () => {
    const library = { loadChain: async () => requireChain("chain: edge\n", "c.yaml") };
    const plain = await run("build c.yaml", { library });
    expect(plain).toMatchObject({
      status: 2,
      err: expect.stringMatching(/^c\.yaml:1:1: error: the file has no `programs`\n/),
    });
    const coloured = await run("build c.yaml --color=always", { library });
    expect(coloured.err).toContain("\u001B[");
    // oxlint-disable-next-line no-control-regex
    expect(coloured.err.replace(/\u001B\[[\d;]*m/g, "")).toBe(plain.err);
  });
});

describe("colour", () => {
  const library = { status: async () => [attachment] };
  it.each([
    ["status", false, {}, false],
    ["status", true, {}, true],
    ["status", true, { NO_COLOR: "1" }, false],
    ["status", true, { NO_COLOR: "" }, true],
    ["status", true, { TERM: "dumb" }, false],
    ["status", false, { FORCE_COLOR: "1" }, true],
    ["status --color always", false, { NO_COLOR: "1" }, true],
    ["status --color never", true, {}, false],
  ])("%s, terminal %s, %j: %s", async (line, terminal, env, coloured) => {
    const { out } = await run(line, { library, terminal, env });
    expect(out.includes("\u001B[")).toBe(coloured);
  });
});
