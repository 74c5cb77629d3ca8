/** Objects of bpf-gcc, which writes other records, names and relocations than clang: linked, or refused by name. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { chainOf } from "../../support/chains.ts";
import { withFile } from "../../support/llvm.ts";
import { INCLUDES } from "../../support/objects.ts";

const missing = spawnSync("bpf-gcc", ["--version"]).error !== undefined;
if (missing) console.warn("SKIP objects of gcc: bpf-gcc is not in PATH: apt-get install gcc-bpf");

function gcc(name: string): { name: string; object: string; bytes: Uint8Array } {
  const source = fileURLToPath(new URL(`../../bpf/${name}.bpf.c`, import.meta.url));
  const headers = INCLUDES.map((word) => word.replace(/^-idirafter$/, "-I"));
  const bytes = withFile(readFileSync(source), (path) => {
    const output = `${path}.obj`;
    const words = ["-O2", "-gbtf", "-mco-re", "-I/usr/include", ...headers, "-x", "c", "-c", path, "-o", output];
    const { status, stderr } = spawnSync("bpf-gcc", words, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    return new Uint8Array(readFileSync(output));
  });
  return { name, object: `${name}.bpf.o`, bytes };
}

/** Names of the functions behind each other in `.text`. */
function linked(name: string): readonly string[] {
  const elf = readElf(synthesise(chainOf([gcc(name), { ...gcc(name), name: "again" }], { linkage: "call" })).elf);
  const text = elf.sections.findIndex((section) => section.name === ".text");
  return elf.symbols
    .filter((symbol) => symbol.type === "func" && symbol.section === text)
    .toSorted((a, b) => a.value - b.value)
    .map((symbol) => symbol.name);
}

describe.skipIf(missing)("objects of gcc", () => {
  it("are linked without records of functions, with calls by name and by section, and with clones", () => {
    const own = ["xdp_globals", "advance", "choose.isra.0", "entry"];
    const expected = ["globals", "again"].flatMap((program) => own.map((name) => `${program}_${name}`));
    expect(linked("globals")).toEqual(expected);
  });

  it.each(["callback", "hidden", "stack", "action"])("are linked: %s", (name) => {
    expect(linked(name).length).toBeGreaterThanOrEqual(2);
  });

  it.each([
    ["core", /core: core\.bpf\.o uses __builtin_preserve_type_info, which it does not define/],
    ["externs", /externs: externs\.bpf\.o uses \w+, which it does not define and which its BTF does not list/],
  ])("are refused where gcc 12 leaves something for nobody to do: %s", (name, message) => {
    expect(() => linked(name)).toThrow(message);
  });
});
