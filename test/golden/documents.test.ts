/** Chains that users start from: those of the documents and of templates/ are right, and mean something for each linkage. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { LINKAGES, parseChain, requireChain } from "../../src/chain/index.ts";
import { synthesise } from "../../src/codegen/index.ts";
import { withBytes } from "../support/chains.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const templates = readdirSync(`${root}templates`).filter((file) => file.endsWith(".yaml"));

describe.each(templates)("templates/%s", (file) => {
  it.each(LINKAGES)("becomes a dispatcher, linkage %s", (auto) => {
    const path = `${root}templates/${file}`;
    const image = synthesise(withBytes(requireChain(readFileSync(path, "utf8"), path)), { auto });
    expect(image.slots.length).toBeGreaterThan(0);
    expect(image.slots.map((slot) => slot.linkage)).toEqual(image.slots.map(() => auto));
  });
});

describe("docs/chain.md", () => {
  const text = readFileSync(`${root}docs/chain.md`, "utf8");
  const example = /```yaml\n([^]*?)```/.exec(text)![1]!;

  it("has an example without a mistake", () => {
    expect(parseChain(example, { file: "chain.yaml" }).diagnostics).toEqual([]);
  });

  it("describes each key of its example", () => {
    const keys = [...example.matchAll(/^[ -]*([a-z-]+):/gm)].map((match) => match[1]!);
    expect(keys.length).toBeGreaterThan(10);
    for (const key of keys) expect(text).toContain(`| \`${key}\` |`);
  });
});
