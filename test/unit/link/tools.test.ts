/** What other tools make of a linked object. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { OBJECT_LINKAGES } from "../../../src/chain/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { type DispatcherImage, synthesise } from "../../../src/codegen/index.ts";
import { chainOf, sampleProgram, testProgram } from "../../support/chains.ts";

const folder = mkdtempSync(join(tmpdir(), "xdpgen-tools-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (command: string, ...args: readonly string[]): string => execFileSync(command, args, { encoding: "utf8" });

describe.each(OBJECT_LINKAGES)("linkage %s", (linkage) => {
  const programs = [
    ...["counter", "denylist"].map(sampleProgram),
    ...["globals", "core", "map-in-map", "externs", "kconfig", "functions", "arg-tags"].map(testProgram),
  ];
  const image: DispatcherImage = synthesise(chainOf(programs, { linkage }));
  const file = join(folder, `${linkage}.bpf.o`);
  writeFileSync(file, image.elf);

  it("is disassembled by llvm-objdump under the names of its functions", () => {
    const text = run("llvm-objdump", "-d", file);
    for (const name of [image.main, ...image.slots.map((slot) => slot.symbol)]) expect(text).toContain(`<${name}>:`);
    // LLVM has names for stores of immediates since 18.
    expect(text.match(/.*<unknown>.*/g)?.filter((line) => !/:\t7a /.test(line)) ?? []).toEqual([]);
  });

  it("is an object that llvm-readelf has no complaint about", () => {
    const text = run("llvm-readelf", "--all", file);
    expect(text).toContain("EM_BPF");
    expect(text).not.toMatch(/warning|error/i);
  });

  it("has types that bpftool prints", () => {
    const text = run("bpftool", "btf", "dump", "file", file);
    for (const slot of image.slots)
      expect(text).toMatch(new RegExp(`\\[${slot.btfId}\\] FUNC '${slot.symbol}' .*linkage=global`));
  });

  it("can be linked again by libbpf's static linker", () => {
    const output = join(folder, `${linkage}.again.o`);
    run("bpftool", "gen", "object", output, file);
    const names = readElf(new Uint8Array(readFileSync(output))).symbols.map((s) => s.name);
    for (const slot of image.slots) expect(names).toContain(slot.symbol);
  });
});
