/** Every `test/cases/asm-errors/NAME.s` has its messages in `NAME.stderr`; `vitest -u` writes them anew. */
import { readFileSync, readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "../../../src/codegen/asm/index.ts";
import { XdpgenError } from "../../../src/errors.ts";

const folder = new URL("../../cases/asm-errors/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".s"));

it("has cases", () => {
  expect(files.length).toBeGreaterThan(3);
});

it.each(files)("%s", async (file) => {
  const text = readFileSync(new URL(file, folder), "utf8");
  let shown = "";
  try {
    parse(text, { file });
  } catch (error) {
    if (!(error instanceof XdpgenError)) throw error;
    shown = `${error.message}\n`;
  }
  expect(shown).not.toBe("");
  await expect(shown).toMatchFileSnapshot(new URL(file.replace(/s$/, "stderr"), folder).pathname);
});
