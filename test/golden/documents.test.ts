/** Chains that users start from: those of the documents and of templates/ are right, and mean something for each linkage. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { OBJECT_LINKAGES, requireChain } from "../../src/chain/index.ts";
import { renderError } from "../../src/cli/render/error.ts";
import { synthesise } from "../../src/codegen/index.ts";
import type { XdpgenError } from "../../src/errors.ts";
import { blocksOf } from "../support/published.ts";
import { docsOf, readTemplate, TEMPLATES, templateText } from "../support/templates.ts";
import { verdictObject } from "../support/verdict-program.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

describe.each(TEMPLATES)("templates/%s.yaml", (name) => {
  it.each(OBJECT_LINKAGES)("becomes a dispatcher, linkage %s", (auto) => {
    const image = synthesise(readTemplate(name), { auto });
    expect(image.slots.length).toBeGreaterThan(0);
    expect(image.slots.map((slot) => slot.linkage)).toEqual(image.slots.map(() => auto));
  });

  it("has checks, and more of them in its docs, where it is linked and quoted as it is", () => {
    const { text, liveChecks, excerpts } = docsOf(name);
    for (const excerpt of excerpts) expect(templateText(name)).toContain(excerpt);
    expect(text).toContain(`(pictures/templates/${name}.svg)`);
    const { checks } = readTemplate(name);
    const more = requireChain(`${templateText(name)}${liveChecks}`, "chain.yaml").checks!;
    expect(checks!.length).toBeGreaterThan(1);
    expect(more.slice(0, checks!.length)).toEqual(checks);
    expect(more.slice(checks!.length).map(({ maps }) => maps)).toContain("live");
  });
});

describe("docs/chain.md", () => {
  const text = readFileSync(`${root}docs/chain.md`, "utf8");
  const examples = [...text.matchAll(/```yaml\n([^]*?)```/g)].map((match) => match[1]!);
  const example = examples[0]!;

  it("has only examples without a mistake", () => {
    expect(examples.length).toBeGreaterThan(3);
    for (const yaml of examples) {
      const chain = requireChain(yaml, "chain.yaml");
      // Which program is behind a name makes no difference to the graph; one without variables and maps takes none.
      const programs = chain.programs.map((program, slot) => {
        const { globals: _, function: __, maps: ___, ...rest } = program;
        return { ...rest, bytes: verdictObject(slot) };
      });
      expect(synthesise({ ...chain, programs }).plan.nodes.length).toBe(programs.length);
    }
  });

  it("runs programs in the order that it says", () => {
    const chain = requireChain(
      examples.find((yaml) => yaml.includes("chain: ordered"))!,
      "chain.yaml",
    );
    const programs = chain.programs.map((program, slot) => ({ ...program, bytes: verdictObject(slot) }));
    const { plan } = synthesise({ ...chain, programs });
    const order = plan.nodes.map((node) => node.program.name);
    expect(order).toEqual(["early", "middle", "late"]);
    expect(text).toContain(`This chain runs ${order.map((name) => `\`${name}\``).join(", ")}:`);
  });

  it("shows what is said of an order that contradicts itself", () => {
    const yaml = examples.find((each) => each.includes("chain: ordered"))!;
    const chain = requireChain(yaml.replace("a.bpf.o,", "a.bpf.o, priority: 10,"), "chain.yaml");
    const programs = chain.programs.map((program, slot) => ({ ...program, bytes: verdictObject(slot) }));
    const said = (): string => {
      try {
        synthesise({ ...chain, programs });
      } catch (error) {
        return renderError(error as XdpgenError, false);
      }
      return "";
    };
    expect(blocksOf(text, "text")).toContain(said());
  });

  it("describes each key of its example", () => {
    const keys = [...example.matchAll(/^[ -]*([a-z-]+):/gm)].map((match) => match[1]!);
    expect(keys.length).toBeGreaterThan(10);
    for (const key of keys) expect(text).toContain(`| \`${key}\` |`);
  });
});
