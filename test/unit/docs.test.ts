/** The examples of docs/ are run as they stand, against the package as npm would publish it, and print what the pages show. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PublishedPackage, page, publish } from "../support/published.ts";

let published: PublishedPackage;
beforeAll(() => {
  published = publish();
}, 60_000);
afterAll(() => published[Symbol.dispose]());

interface Package {
  readonly version: string;
  readonly bin: { readonly xdpgen: string };
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const described = (): Package => JSON.parse(readFileSync(join(published.folder, "package.json"), "utf8")) as Package;

it("every export of package.json is a file of the package", () => {
  const { exports } = described();
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  expect(targets.filter((path) => !existsSync(join(published.folder, path)))).toEqual([]);
  expect(Object.keys(exports)).toEqual(expect.arrayContaining(["./asm", "./btf", "./elf"]));
});

it("the command needs no package to start, and carries the licence of each that is in it", () => {
  const { bin, version, dependencies } = described();
  const command = join(published.folder, bin.xdpgen);
  expect(execFileSync(command, ["--version"], { encoding: "utf8" })).toBe(`${version}\n`);
  const licences = readFileSync(join(dirname(command), "licenses.txt"), "utf8").split(/^-{80}$/m);
  // Of machine code, and so not in it.
  const { koffi, ...bundled } = dependencies;
  expect(koffi).toBeDefined();
  for (const [name, which] of Object.entries(bundled)) {
    const licence = licences.find((text) => text.trimStart().startsWith(`${name} ${which}\n`));
    expect(licence).toMatch(/copyright/i);
    expect(licence).toMatch(/permission/i);
  }
});

/** A column of the table with that heading: what is written as code in it. */
function codeIn(text: string, heading: string, column: number): string {
  const table = text.split(`\n${heading}\n`)[1]?.split("\n\n")[0] ?? "";
  return table
    .split("\n")
    .slice(1)
    .map((row) => row.split(" | ")[column]!)
    .join(" ");
}

/** The functions that a page's tables name: `encode(…)`, and builders without parentheses, their families written out. */
function namesIn(text: string): string[] {
  // Functions are followed by their parameters; a class is a word that begins with a capital.
  const words = codeIn(text, "| | |", 0).matchAll(/`(?:(\w+)\(|([A-Z][a-z]\w*)`)/g);
  const called = [...words].map(([, name, of]) => (name ?? of)!);
  // `add64Imm add64Reg`, and for `add` also `sub mul`
  const families = codeIn(text, "| RFC 9669 | builders |", 1).replaceAll(
    /`([^`]+)`, and for `(\w+)` also `([^`]+)`/g,
    (_, first: string, stem: string, others: string) =>
      [stem, ...others.split(" ")].map((other) => `\`${first.replaceAll(stem, other)}\``).join(" "),
  );
  return [...called, ...[...families.matchAll(/`([^`]+)`/g)].flatMap(([, names]) => names!.split(" "))];
}

describe.each(["asm", "btf", "elf"])("xdpgen/%s", (name) => {
  it("has an example that prints what its page shows", () => {
    const { blocks } = page(`${name}.md`);
    expect(published.run(name, blocks("ts")[0]!)).toBe(blocks("text")[0]);
  }, 60_000);

  it("has tables that name every function that it exports, and nothing else", async () => {
    const exported = (await import(join(published.folder, "dist/codegen", name, "index.js"))) as Record<
      string,
      unknown
    >;
    const functions = Object.keys(exported).filter((word) => typeof exported[word] === "function");
    expect(namesIn(page(`${name}.md`).text).toSorted()).toEqual(functions.toSorted());
  });
});
