/** What `clang -S` writes for the programs of bpf/ and test/bpf/ assembles to what LLVM's assembler makes of it. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { type ElfObject, readElf } from "../../../src/codegen/elf/index.ts";
import { parseObject } from "../../../src/codegen/source/index.ts";
import { LLVMS } from "../../support/llvm-tools.ts";
import { tryAssemble } from "../../support/llvm.ts";
import { INCLUDES } from "../../support/objects.ts";
import { meaning } from "./same.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

const sources = ["bpf", "test/bpf"].flatMap((folder) =>
  readdirSync(`${root}${folder}`)
    .filter((name) => name.endsWith(".bpf.c"))
    .map((name) => `${folder}/${name}`),
);

/** Assembly text with the flags of scripts/build-bpf.mjs, with those that the source asks for, and with others. */
function compiled(path: string, debug: "-g" | "-g0"): string {
  const own = [...readFileSync(`${root}${path}`, "utf8").matchAll(/^[ *]*clang: (-.+)$/gm)].flatMap(([, flags]) =>
    flags!.split(" ").filter((flag) => !flag.startsWith("-g")),
  );
  const paths = ["-Ibpf", ...INCLUDES];
  const flags = ["-O2", debug, "-target", "bpf", "-mcpu=v3", "-fdebug-compilation-dir=.", ...own, ...paths];
  return execFileSync("clang", [...flags, "-S", path, "-o", "-"], { cwd: root, encoding: "utf8", stdio: "pipe" });
}

/** DWARF's line table and call frames come of directives that are ignored here. */
const IGNORED = /^\.debug_(?:line|line_str|frame)$/;

function withoutLineTable(object: ElfObject): ReturnType<typeof meaning> {
  const { sections, symbols } = meaning(object);
  const kept = Object.entries(sections).filter(([name]) => !IGNORED.test(name));
  return {
    sections: Object.fromEntries(kept),
    symbols: symbols.filter((line) => !IGNORED.test(line.replace(/.* in /, ""))),
  };
}

/** CO-RE needs -g. */
const usesCore = (path: string): boolean => readFileSync(`${root}${path}`, "utf8").includes("bpf_core_read.h");

it.each(sources.flatMap((path) => (usesCore(path) ? ["-g"] : ["-g", "-g0"]).map((debug) => [path, debug] as const)))(
  "%s %s",
  (path, debug) => {
    const text = compiled(path, debug as "-g" | "-g0");
    // clang 14 prints a 32-bit move as `r2 = w0`, which no assembler reads.
    const readable = text.replaceAll(/^\tr(\d+) = w(\d+)$/gm, "\tw$1 = w$2");
    const ours = parseObject(readable, { file: path });
    for (const llvm of LLVMS) {
      const theirs = tryAssemble(readable, llvm);
      if (!("object" in theirs)) throw new Error([...theirs.refused.values()].join("\n"));
      expect(withoutLineTable(ours)).toEqual(withoutLineTable(readElf(theirs.object)));
    }
  },
);
