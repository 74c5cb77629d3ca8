/** Every `test/cases/chain-errors/NAME.yaml` has its messages in `NAME.stderr`; `vitest -u` writes them anew. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseChain } from "../../../src/chain/index.ts";
import { formatDiagnostics } from "../../../src/diagnostic.ts";

const folder = new URL("../../cases/chain-errors/", import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => file.slice(0, -".yaml".length));

function diagnose(name: string) {
  const text = readFileSync(new URL(`${name}.yaml`, folder), "utf8");
  const parsed = parseChain(text, { file: `${name}.yaml` });
  return { ...parsed, shown: formatDiagnostics(parsed.diagnostics, text, `${name}.yaml`) };
}

it.each(names)("%s", async (name) => {
  const { chain, diagnostics, shown } = diagnose(name);
  expect(diagnostics.length).toBeGreaterThan(0);
  expect(chain !== undefined).toBe(diagnostics.every(({ severity }) => severity === "warning"));
  await expect(shown).toMatchFileSnapshot(new URL(`${name}.stderr`, folder).pathname);
});

it("shows all ten mistakes of a file at once, each once", () => {
  const { diagnostics } = diagnose("ten-mistakes");
  expect(diagnostics).toHaveLength(10);
  expect(new Set(diagnostics.map(({ line }) => line)).size).toBe(10);
});

it.each([
  ["missing-colon", 1],
  ["indented-too-far", 1],
  ["unclosed-quote", 1],
  ["alias-bomb", 1],
  ["alias-of-itself", 1],
  ["alias-mistake-once", 1],
  ["two-documents", 1],
  ["tab", 1],
])("one slip is one message: %s", (name, count) => {
  expect(diagnose(name).diagnostics).toHaveLength(count);
});

it("colours only when asked", () => {
  const text = "chain: edge\n";
  const { diagnostics } = parseChain(text, { file: "a.yaml" });
  const escape = "\u001B[";
  expect(formatDiagnostics(diagnostics, text, "a.yaml")).not.toContain(escape);
  expect(formatDiagnostics(diagnostics, text, "a.yaml", { color: true })).toContain(escape);
});
