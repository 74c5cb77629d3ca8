/** What the README shows is what happens: its chain, its assembly, and its library example on a real interface. */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { requireChain } from "../../src/chain/index.ts";
import { synthesise } from "../../src/codegen/index.ts";
import { detach, status } from "../../src/loader/index.ts";
import { withBytes } from "../support/chains.ts";
import { blocksOf } from "../support/published.ts";
import { type Veth, veth } from "../support/veth.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const readme = readFileSync(`${root}README.md`, "utf8");

/** The text of the code block that follows the fence. */
function block(fence: string): string {
  const start = readme.indexOf(`\n${fence}\n`);
  expect(start).toBeGreaterThan(0);
  return readme.slice(start + fence.length + 2, readme.indexOf("\n```\n", start + 1) + 1);
}

const chain = (): string => block("```yaml");

it("shows the assembly that its chain becomes", () => {
  const image = synthesise(withBytes(requireChain(chain(), `${root}chain.yaml`)));
  expect(image.listing).toBe(block("```asm"));
});

it("shows what a slot of an extension program compares", () => {
  const { listing } = synthesise(withBytes(requireChain(chain(), `${root}chain.yaml`)), { auto: "freplace" });
  const [, slot] = blocksOf(readme, "asm");
  expect(listing).toContain(slot);
  expect(slot).toContain("call denylist ");
});

describe("the library example", () => {
  let pair: Veth;
  const files = { chain: `${root}readme-test.yaml`, script: `${root}readme-test.mts` };
  beforeEach(() => {
    pair = veth("readme");
    writeFileSync(files.chain, chain());
  });
  afterEach(() => {
    for (const file of Object.values(files)) rmSync(file, { force: true });
    pair[Symbol.dispose]();
  });

  it("runs as it stands, against the package's own exports", async () => {
    const script = block("```ts")
      .replaceAll('"eth0"', JSON.stringify(pair.far))
      .replace('"chain.yaml"', '"readme-test.yaml"');
    writeFileSync(files.script, script);
    const output = execFileSync("node", ["--import", "tsx", files.script], { cwd: root, encoding: "utf8" });
    expect(output).toContain(block("```asm"));
    expect(output.trimEnd().endsWith("\n3")).toBe(true);
    const [live] = status(pair.far);
    expect(live!.programs.map((p) => p.name)).toEqual(["vlan", "counter", "denylist", "ratelimit", "echo"]);
    expect(await detach(pair.far)).toEqual({ detached: true });
  });
});
