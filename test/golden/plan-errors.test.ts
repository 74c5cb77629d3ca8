/** Chains whose text is right and whose graph is not: what their users are told, in the place where they wrote it. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { requireChain } from "../../src/chain/index.ts";
import { synthesise } from "../../src/codegen/index.ts";
import { XdpgenError } from "../../src/errors.ts";
import { CASES } from "../support/chains.ts";
import { verdictObject } from "../support/verdict-program.ts";

const folder = `${CASES}plan-errors/`;
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => file.replace(/\.yaml$/, ""));

it.each(names)("%s", async (name) => {
  const chain = requireChain(readFileSync(`${folder}${name}.yaml`, "utf8"), `${name}.yaml`);
  const programs = chain.programs.map((program, slot) => ({ ...program, bytes: verdictObject(slot) }));
  const refusal = (of: typeof chain): string => {
    try {
      synthesise(of);
    } catch (error) {
      if (error instanceof XdpgenError && error.code === "chain-invalid") return error.message;
      throw error;
    }
    return "accepted";
  };
  await expect(`${refusal({ ...chain, programs })}\n`).toMatchFileSnapshot(`${folder}${name}.stderr`);
  // The same chain, made in code: no text to point into, and no mistake less.
  const { source: _, ...rest } = chain;
  expect(refusal({ ...rest, programs })).toMatch(/^chain `a` is not valid:\n {2}/);
});
