/** What the documents say of one another: links lead somewhere, and the glossary has the words. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const markdownIn = (folder: string): readonly string[] =>
  readdirSync(join(root, folder)).flatMap((name) => (name.endsWith(".md") ? [join(folder, name)] : []));
const PAGES = [...markdownIn("."), ...markdownIn("docs")];
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Without blocks of code, which have brackets of their own. */
const prose = (path: string): string => read(path).replaceAll(/^```.*?^```$/gms, "");

/** As GitHub names headings: small letters, digits, hyphens for spaces. */
const anchorsOf = (path: string): ReadonlySet<string> =>
  new Set(
    [...prose(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );

describe.each(PAGES)("%s", (page) => {
  it("has links to files that exist, and to headings that they have", () => {
    const links = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
    const lost = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path, anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path!);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(target).has(anchor);
    });
    expect(lost).toEqual([]);
  });
});

it("README.md names every page of docs/", () => {
  const readme = read("README.md");
  expect(markdownIn("docs").filter((path) => !readme.includes(`](${path})`))).toEqual([]);
});

it("docs/words.md has every word that CONTRIBUTING.md allows", () => {
  const allowed = /\*\*Words\.\*\* ([^.]+)\./.exec(read("CONTRIBUTING.md"))![1]!.split(/,\s+/);
  expect(allowed.length).toBeGreaterThan(10);
  const words = [...read("docs/words.md").matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, word]) => word!.split(", "));
  expect(allowed.filter((word) => !words.includes(word))).toEqual([]);
});
