/** What the README and docs/apply.md show is what happens: chain, assembly, and library examples on real interfaces. */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { requireChain } from "../../src/chain/index.ts";
import { synthesise } from "../../src/codegen/index.ts";
import { detach, status } from "../../src/loader/index.ts";
import { withBytes } from "../support/chains.ts";
import { blocksOf, page } from "../support/published.ts";
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

describe("the library examples", () => {
  let pair: Veth;
  let other: Veth;
  const files = { chain: `${root}readme-test.yaml`, script: `${root}readme-test.mts` };
  beforeEach(() => {
    pair = veth("readme");
    other = veth("readme-b");
    writeFileSync(files.chain, chain());
  });
  afterEach(() => {
    for (const file of Object.values(files)) rmSync(file, { force: true });
    pair[Symbol.dispose]();
    other[Symbol.dispose]();
  });

  /** Runs a script in the package's folder, and gives what it prints. */
  function run(script: string): string {
    const here = script
      .replaceAll('"eth0"', JSON.stringify(pair.far))
      .replaceAll('"eth1"', JSON.stringify(other.far))
      .replace('"chain.yaml"', '"readme-test.yaml"');
    writeFileSync(files.script, here);
    return execFileSync("node", ["--import", "tsx", files.script], { cwd: root, encoding: "utf8" });
  }

  it("of the README runs as it stands, against the package's own exports", async () => {
    const output = run(block("```ts"));
    expect(output).toContain(block("```asm"));
    expect(output.trimEnd().endsWith("\n3")).toBe(true);
    const [live] = status(pair.far);
    expect(live!.programs.map((p) => p.name)).toEqual(["vlan", "counter", "denylist", "ratelimit", "echo"]);
    expect(await detach(pair.far)).toEqual({ detached: true });
  });

  it("of docs/apply.md prints what the page shows", async () => {
    const { blocks } = page("apply.md");
    expect(run(blocks("ts")[0]!)).toBe(blocks("text")[0]);
    for (const { far } of [pair, other]) expect(await detach(far)).toEqual({ detached: true });
  });
});
