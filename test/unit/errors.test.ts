/** docs/errors.md has every code of `src/errors.ts` once, with the exit status that a command ends with. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { combineFailures, type ErrorCode, XdpgenError } from "../../src/errors.ts";
import { page } from "../support/published.ts";
import { run } from "./cli/fake.ts";

/** A union leaves nothing behind at run time, so it is read where it is declared. */
const declared = [
  ...readFileSync(new URL("../../src/errors.ts", import.meta.url), "utf8")
    .split("export type ErrorCode =")[1]!
    .split(";\n")[0]!
    .matchAll(/^ {2}\| "([a-z-]+)"$/gm),
].map(([, code]) => code as ErrorCode);

const { text, blocks } = page("errors.md");
const rows = [...text.matchAll(/^\| `([a-z-]+)` \| .+ \| (\d)[^|]* \| .+ \|$/gm)].map(([, code, status]) => ({
  code,
  status,
}));

describe("docs/errors.md", () => {
  it("has exactly the codes that there are, with their exit status", () => {
    expect(declared.length).toBeGreaterThan(20);
    const expected = declared.map((code) => ({ code, status: `${new XdpgenError(code, "").exitStatus}` }));
    const byCode = (a: { code?: string | undefined }, b: { code?: string | undefined }): number =>
      a.code! < b.code! ? -1 : 1;
    expect(rows.toSorted(byCode)).toEqual(expected.toSorted(byCode));
  });

  it("shows an error as a command prints it", async () => {
    const [shown] = blocks("json");
    const { error } = JSON.parse(shown!) as { error: { code: ErrorCode; message: string } };
    const failing = async (): Promise<never> => {
      throw new XdpgenError(error.code, error.message);
    };
    expect(await run("lint chain.yaml --json", { library: { loadChain: failing } })).toMatchObject({
      status: 2,
      out: shown,
    });
  });
});

describe("several failures", () => {
  const [busy, gone] = [new XdpgenError("conflict", "lo is busy"), new XdpgenError("kernel", "b is gone")];
  const bug = new TypeError("x is undefined");

  it("are one error with the code of the first, and each is in it", () => {
    expect(combineFailures([busy])).toBe(busy);
    expect(combineFailures([bug])).toBe(bug);
    const both = combineFailures([busy, gone]);
    expect(both).toMatchObject({ code: "conflict", message: "lo is busy\nb is gone", cause: { errors: [busy, gone] } });
  });

  it("lose none where one is a bug of ours", () => {
    const all = combineFailures([busy, bug, "text"]);
    expect(all).not.toBeInstanceOf(XdpgenError);
    expect(all).toMatchObject({ message: "lo is busy\nx is undefined\ntext", errors: [busy, bug, "text"] });
  });

  it("are all told by a command, the bug with its stack", async () => {
    const errors = [busy, bug];
    const library = {
      status: async () => ["lo", "b"].map((name) => ({ interface: name, namespace: { kind: "own" } })) as never,
      clearDefunct: async () => 0,
      detach: async (): Promise<never> => {
        throw errors.shift();
      },
    };
    const { status, err, out } = await run("detach --all --json", { library });
    expect(status).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ error: { code: "bug", message: "lo is busy\nx is undefined" } });
    expect(err).toMatch(/^lo is busy\nTypeError: x is undefined\n +at /);
    expect(err).toContain("this is a bug in xdpgen");
  });
});
