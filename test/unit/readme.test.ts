/** What the README says of installing, of a program of one's own and of the commands, done as it says. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { synthesise } from "../../src/codegen/index.ts";
import { loadChain } from "../../src/loader/index.ts";
import { blocksOf, publish, type PublishedPackage } from "../support/published.ts";
import { run } from "./cli/fake.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

/** The indented lines, which are for a shell, that begin with a command. */
const lines = (command: string): readonly string[] =>
  readme.split("\n").flatMap((line) => (line.startsWith(`    ${command} `) ? [line.trim()] : []));

let published: PublishedPackage;
let folder: string;
beforeAll(() => {
  published = publish();
  folder = mkdtempSync(join(tmpdir(), "xdpgen-readme-"));
}, 60_000);
afterAll(() => {
  published[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

it("lists every command that --help lists, and no other", async () => {
  const { out } = await run("--help");
  const known = [...out.split("\nCommands:\n")[1]!.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name!);
  expect(known.length).toBeGreaterThan(10);
  const section = readme.split("\n## Commands\n")[1]!.split("\n\n")[0]!;
  const listed = [...section.matchAll(/^ {4}xdpgen (\w+)/gm)].map(([, name]) => name!);
  expect(listed.toSorted()).toEqual(known.filter((name) => name !== "help").toSorted());
});

it("has npx find the command where the package is built", () => {
  symlinkSync(join(root, "node_modules"), join(published.folder, "node_modules"));
  const argv = ["--no-install", "xdpgen", "--version"];
  const { version, bin, scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    version: string;
    bin: Record<string, string>;
    scripts: Record<string, string>;
  };
  expect(execFileSync("npx", argv, { cwd: published.folder, encoding: "utf8" })).toBe(`${version}\n`);
  expect(Object.keys(bin)).toEqual(["xdpgen"]);
  expect(readme).toContain(`./xdpgen-${version}.tgz `);
  const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name!);
  expect(named).toEqual(expect.arrayContaining(["build"]));
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
}, 60_000);

it("compiles a program of one's own to an object that a chain can have", async () => {
  const [source] = blocksOf(readme, "c");
  const [command] = lines("clang");
  writeFileSync(join(folder, "mine.bpf.c"), source!);
  execFileSync("sh", ["-ec", command!], { cwd: folder });
  const file = join(folder, "chain.yaml");
  writeFileSync(file, "chain: mine\nend: drop\nprograms: [{ name: mine, object: mine.bpf.o }]\n");
  for (const linkage of ["freplace", "call", "inline"] as const) {
    const { slots } = synthesise({ ...(await loadChain(file)), linkage });
    expect(slots).toMatchObject([{ program: "mine", linkage }]);
  }
});
