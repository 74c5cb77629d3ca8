/** What the README and docs/library.md show is what happens: chain, session, assembly, and library examples on real interfaces. */
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
import { run as command } from "./cli/run.ts";
import { skipInShort } from "./cli/world.ts";

const SLOW = "to transform what a process imports takes a minute and a half in emulation";

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

/** What differs from machine to machine and from run to run. */
const VARIES = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(.+ ago\)|\bid \d+|\b[\da-f]{16}\b|\d{10}-\d+(?=\/)|auto is \w+/g;

/** Commands of a session, each with the lines that are shown of its output; `…` begins a part behind lines that are left out. */
function sessionOf(text: string): readonly { readonly line: string; readonly parts: readonly string[] }[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [line, ...shown] = step.split("\n");
      return {
        line: line!,
        parts: shown
          .join("\n")
          .split("…\n")
          .filter((part) => part !== ""),
      };
    });
}

it("shows a session as it goes", async () => {
  const ends = { veth0: "readme-s0", veth1: "readme-s1" };
  // Named as in the session: plans show objects by their paths from here.
  const file = "readme-session.yaml";
  writeFileSync(`${root}${file}`, chain());
  const session = sessionOf(block("```console"));
  expect(session.map(({ line }) => line.split(" ")[1])).toEqual(
    expect.arrayContaining(["doctor", "lint", "plan", "apply", "status", "detach"]),
  );
  try {
    for (const { line, parts } of session) {
      const [program, ...words] = line.replace("veth0", ends.veth0).replace("veth1", ends.veth1).split(" ");
      if (program === "ip") {
        execFileSync("ip", words);
        continue;
      }
      const [argv, filter] = words.join(" ").split(" | ");
      const {
        status: exit,
        out,
        err,
      } = await command(argv!.split(" ").map((word) => (word === "chain.yaml" ? file : word)));
      expect({ line, exit, err: exit === 0 ? "" : err }).toEqual({ line, exit: 0, err: "" });
      const printed = out.replaceAll(ends.veth0, "veth0").replaceAll(VARIES, "*");
      let rest = filter === "tail -n 1" ? printed.slice(printed.lastIndexOf("\n", printed.length - 2) + 1) : printed;
      for (const part of parts.map((each) => each.replaceAll(VARIES, "*"))) {
        expect(rest).toContain(part);
        rest = rest.slice(rest.indexOf(part) + part.length);
      }
    }
  } finally {
    rmSync(`${root}${file}`);
    execFileSync("ip", ["link", "del", ends.veth0]);
  }
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

  it("of the README runs as it stands, against the package's own exports", async (context) => {
    skipInShort(context, SLOW);
    const output = run(block("```ts"));
    expect(output).toContain(block("```asm"));
    expect(output.trimEnd().endsWith("\n3")).toBe(true);
    const [live] = status(pair.far);
    expect(live!.programs.map((p) => p.name)).toEqual(["vlan", "counter", "denylist", "ratelimit", "echo"]);
    expect(await detach(pair.far)).toEqual({ detached: true });
  });

  it("of docs/library.md prints what the page shows", async (context) => {
    skipInShort(context, SLOW);
    const { blocks } = page("library.md");
    expect(run(blocks("ts")[0]!)).toBe(blocks("text")[0]);
    for (const { far } of [pair, other]) expect(await detach(far)).toEqual({ detached: true });
  });
});
