/** What docs/assembly.md shows is what happens. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readElf } from "../../../src/codegen/elf/index.ts";
import * as source from "../../../src/codegen/source/index.ts";
import { assembleObject } from "../../support/llvm.ts";
import { run } from "../cli/fake.ts";
import { meaning } from "./same.ts";

const page = readFileSync(new URL("../../../docs/assembly.md", import.meta.url), "utf8");

/** The texts of all code blocks of a language. */
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gm"))].map(([, text]) => text!);

it("has a program that LLVM assembles alike", () => {
  const [program] = blocks("asm");
  const object = source.parseObject(program!);
  expect(meaning(object)).toEqual(meaning(readElf(assembleObject(program!))));
  expect(meaning(object).symbols).toContain("xdp_even func global default 0+96 in xdp");
});

it("has words for every pseudo source field", () => {
  const code = source.parseObject(blocks("asm")[1]!).sections[0]!.data;
  const sources = [...code.keys()].filter((at) => at % 8 === 1 && code[at - 1] !== 0).map((at) => code[at]! >> 4);
  expect(sources).toEqual([1, 2, 2, 1, 2, 5, 6, 3, 4, 0]);
});

it("has commands that print what it shows", async () => {
  const inputs: Record<string, string | Uint8Array> = {};
  const [session] = blocks("console");
  for (const [, line, expected] of session!.matchAll(/^\$ (.*)\n((?:[^$].*\n)*)/gm)) {
    const [before, command] = line!.includes(" | ") ? line!.split(" | ") : ["", line];
    const printed = /^printf '(.*)'$/.exec(before)?.[1]?.replaceAll("\\n", "\n");
    const { out, files } = await run(command!.replace(/^xdpgen /, ""), {
      inputs: { ...inputs, ...(printed !== undefined && { "-": printed }) },
    });
    expect(out).toBe(expected);
    for (const [name, content] of files) inputs[name] = content;
  }
  expect(Object.keys(inputs)).toEqual(["pass.bpf.o"]);
});

it("has mistakes that are shown so", async () => {
  const text = "    r0 = 1\ngoto answr\n.gobl answer\nanswer: exit\n";
  const { status, err } = await run("asm answer.s -o a.o", { inputs: { "answer.s": text } });
  expect({ status, err }).toEqual({ status: 2, err: blocks("text")[0] });
});

it("names every function that the library has", () => {
  const rows = page.split("## In the library")[1]!.matchAll(/^\| `(\w+)\(/gm);
  expect(Array.from(rows, ([, name]) => name!).toSorted()).toEqual(Object.keys(source).toSorted());
});

it("names every directive that is known", async () => {
  const { err } = await run("asm a.s -o a.o", { inputs: { "a.s": ".nothing\n" } });
  expect(err).toContain("no directive .nothing");
  const code = readFileSync(new URL("../../../src/codegen/source/directives.ts", import.meta.url), "utf8");
  const known = [...code.matchAll(/"(\.[\w]+)"/g)].map(([, name]) => name!);
  expect(known.length).toBeGreaterThan(40);
  expect(known.filter((name) => !page.includes(name.replace(/^\.(?:cfi_\w+|addrsig_sym)$/, ".cfi_")))).toEqual([]);
});
