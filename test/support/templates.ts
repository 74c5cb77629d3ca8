/** The chains of templates/, and what docs/templates.md says of each. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Chain, requireChain } from "../../src/chain/index.ts";
import { withBytes } from "./chains.ts";
import { blocksOf, page } from "./published.ts";

const folder = fileURLToPath(new URL("../../templates/", import.meta.url));

/** Without `.yaml`. */
export const TEMPLATES: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => file.replace(/\.yaml$/, ""));

export const templatePath = (name: string): string => `${folder}${name}.yaml`;
export const templateText = (name: string): string => readFileSync(templatePath(name), "utf8");

/** Parsed, with the bytes of its objects. */
export function readTemplate(name: string): Chain {
  return withBytes(requireChain(templateText(name), templatePath(name)));
}

export interface TemplateDocs {
  /** The section on it. */
  readonly text: string;
  /** Commands that fill its maps, for a shell that has run `words`. */
  readonly fill: string;
  /** Lines of `checks:` that hold once they are filled. */
  readonly liveChecks: string;
  /** What is shown of the file itself. */
  readonly excerpts: readonly string[];
}

/** What docs/templates.md says of one. */
export function docsOf(name: string): TemplateDocs {
  const text = page("templates.md").text.split(`\n## ${name}.yaml\n`)[1]?.split("\n## ")[0];
  if (text === undefined) throw new Error(`docs/templates.md has no section ${name}.yaml`);
  const yaml = blocksOf(text, "yaml");
  const isLive = (block: string): boolean => block.includes("maps: live");
  return {
    text,
    fill: blocksOf(text, "sh").join(""),
    liveChecks: yaml.filter(isLive).join(""),
    excerpts: yaml.filter((block) => !isLive(block)),
  };
}

/** The words that the page's commands use, for an interface. */
export function wordsFor(device: string): string {
  return blocksOf(page("templates.md").text, "sh")[0]!.replace("dev=eth0", `dev=${device}`);
}
