/** Warnings as their users see them, in the place where the chain says what is warned of. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { requireChain, WARNINGS } from "../../src/chain/index.ts";
import { formatWarnings } from "../../src/cli/render/warnings.ts";
import { lintChain } from "../../src/codegen/index.ts";
import { CASES } from "../support/chains.ts";
import { verdictObject } from "../support/verdict-program.ts";

const folder = `${CASES}lint/`;
const names = readdirSync(folder).flatMap((file) => (file.endsWith(".yaml") ? [file.replace(/\.yaml$/, "")] : []));

it.each(names)("%s", async (name) => {
  const chain = requireChain(readFileSync(`${folder}${name}.yaml`, "utf8"), `${name}.yaml`);
  const programs = chain.programs.map((program, slot) => ({ ...program, bytes: verdictObject(slot) }));
  const warnings = lintChain({ ...chain, programs });
  await expect(formatWarnings(chain, warnings, false)).toMatchFileSnapshot(`${folder}${name}.stderr`);
  // Made in code there is no text to point into, and no warning less.
  const { source: _, ...rest } = chain;
  expect(formatWarnings(rest, warnings, false).split("\n").length - 1).toBe(warnings.length);
});

it("docs/lint.md names every warning, and its example is silent", () => {
  const text = readFileSync(new URL("../../docs/lint.md", import.meta.url), "utf8");
  const codes = [...text.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map((match) => match[1]);
  expect(codes).toEqual([...WARNINGS, "useless-allow"]);
  const example = (yaml: string): readonly string[] => {
    const chain = requireChain(yaml, "chain.yaml");
    const programs = chain.programs.map((program, slot) => ({ ...program, bytes: verdictObject(slot) }));
    return lintChain({ ...chain, programs }).map(({ code }) => code);
  };
  const yaml = /```yaml\n([^]*?)```/.exec(text)![1]!;
  expect(example(yaml)).toEqual([]);
  expect(example(yaml.replace(/ {4}allow:\n.*\n/, ""))).toEqual(["drop-becomes-pass"]);
});
