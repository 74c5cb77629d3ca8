/**
 * Real objects, read and written: every program that we compile, those of xdp-tools, one source through many options of
 * clang, what libbpf's static linker makes of them, and dispatchers of ours. The witnesses are llvm-readelf and that linker.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, test } from "vitest";
import { OBJECT_LINKAGES } from "../../../src/chain/index.ts";
import { decode, encode } from "../../../src/codegen/asm/index.ts";
import { btfStrings, decodeBtf, decodeBtfExt, encodeBtf } from "../../../src/codegen/btf/index.ts";
import { SHF_EXECINSTR, readElf, writeElf } from "../../../src/codegen/elf/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { chainOf, sampleProgram, testProgram } from "../../support/chains.ts";
import { LLVMS } from "../../support/llvm-tools.ts";
import {
  clangVariations,
  compiledObjects,
  contentsOf,
  distributionObjects,
  throughValues,
} from "../../support/objects.ts";
import { readelfViews, viewOf } from "../../support/readelf.ts";

const folder = mkdtempSync(join(tmpdir(), "xdpgen-objects-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What libbpf's static linker makes of an object, or why it refuses it. */
function linked(bytes: Uint8Array): Uint8Array | string {
  const [input, output] = [join(folder, "in.o"), join(folder, "out.o")];
  writeFileSync(input, bytes);
  const { status, stderr } = spawnSync("bpftool", ["gen", "object", output, input], { encoding: "utf8" });
  return status === 0 ? new Uint8Array(readFileSync(output)) : stderr;
}

const dispatchers = OBJECT_LINKAGES.map((linkage): [string, Uint8Array] => {
  const programs = [sampleProgram("counter"), sampleProgram("denylist"), testProgram("globals"), testProgram("core")];
  return [`dispatcher, ${linkage}`, synthesise(chainOf(programs, { linkage })).elf];
});
const compiled = compiledObjects();
const unlinked = [...compiled, ...distributionObjects(), ...clangVariations(), ...dispatchers];
const links = new Map(unlinked.map(([name, bytes]) => [name, linked(bytes)]));
const linkedOnes = [...links].flatMap(([name, output]): [string, Uint8Array][] =>
  typeof output === "string" ? [] : [[`${name}, linked by libbpf`, output]],
);
const OBJECTS = [...unlinked, ...linkedOnes];

it("are there, of every kind", () => {
  expect(compiled.map(([name]) => name)).toContain("bpf/.output/counter.bpf.o");
  expect(compiled.map(([name]) => name)).toContain("test/bpf/.output/globals.bpf.o");
  expect(linkedOnes.length).toBeGreaterThan(compiled.length);
});

test.each(OBJECTS)("%s is read again as it was written", (_, bytes) => {
  const object = readElf(bytes);
  expect(object.sections.length).toBeGreaterThan(3);
  expect(object.symbols.length).toBeGreaterThan(1);
  expect(readElf(writeElf(object))).toEqual(object);
});

test.each(OBJECTS)("%s has code that is decoded and encoded to the same bytes", (_, bytes) => {
  const code = readElf(bytes).sections.filter((s) => (s.flags & SHF_EXECINSTR) !== 0 && s.size > 0);
  expect(code.length).toBeGreaterThan(0);
  for (const { data } of code) expect(encode(decode(data))).toEqual(data);
});

const TYPED = OBJECTS.filter(([, bytes]) => contentsOf(readElf(bytes), ".BTF"));
test.each(TYPED)("%s has types and records that are decoded and encoded to the same bytes", (_, bytes) => {
  const object = readElf(bytes);
  const [btf, ext] = [contentsOf(object, ".BTF")!, contentsOf(object, ".BTF.ext")!];
  const [types, records] = [decodeBtf(btf), decodeBtfExt(ext, btf)];
  const again = encodeBtf({ btf: types, ext: records });
  expect(decodeBtf(again.btf)).toEqual(types);
  expect(decodeBtfExt(again.ext!, again.btf)).toEqual(records);
  // All but strings lies in the same places: relocations against the sections still fit.
  expect(typesLength(again.btf)).toBe(typesLength(btf));
  expect(again.ext!.length).toBe(ext.length);
  expect(encodeBtf({ btf: types, ext: records, strings: btfStrings(btf) })).toEqual({ btf, ext });
});

test.each(unlinked)("libbpf links %s to the same bytes, or refuses it, after all that", (name, bytes) => {
  expect(linked(writeElf(throughValues(readElf(bytes))))).toEqual(links.get(name));
});

const typesLength = (btf: Uint8Array): number => new DataView(btf.buffer, btf.byteOffset).getUint32(12, true);

describe.each(LLVMS)("llvm-readelf $version", (llvm) => {
  const read = readelfViews(
    llvm,
    OBJECTS.map(([, bytes]) => bytes),
  );
  const written = readelfViews(
    llvm,
    OBJECTS.map(([, bytes]) => writeElf(readElf(bytes))),
  );

  it.each(OBJECTS.map(([name, bytes], index): [string, Uint8Array, number] => [name, bytes, index]))(
    "sees in %s the sections, symbols and relocations that we read, and those that we wrote",
    (_, bytes, index) => {
      const ours = viewOf(readElf(bytes));
      expect(read[index]).toEqual(ours);
      expect(written[index]).toEqual(ours);
    },
  );

  it("has no complaint about what we wrote", () => {
    const [file, ...words] = llvm.command("llvm-readelf");
    for (const [, bytes] of dispatchers) {
      const path = join(folder, "written.o");
      writeFileSync(path, bytes);
      // Warnings about a damaged file go to stderr.
      const text = execFileSync("sh", ["-c", '"$@" 2>&1', "sh", file, ...words, "--all", path], { encoding: "utf8" });
      expect(text).toContain("EM_BPF");
      expect(text).not.toMatch(/warning|error/i);
    }
  });
});
