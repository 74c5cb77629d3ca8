/** chain.yaml and its objects from disk: what is read, and what a user is told when it cannot be. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { loadChain, resolveChain } from "../../../src/loader/source.ts";
import { verdictObject } from "../../support/verdict-program.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "xdpgen-source-"));
  writeFileSync(join(dir, "denylist.bpf.o"), verdictObject(1));
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(...objects: readonly string[]): string {
  const programs = objects.map((object, i) => `  - { name: p${i}, object: ${object} }`);
  const path = join(dir, "chain.yaml");
  writeFileSync(path, `chain: edge\nprograms:\n${programs.join("\n")}\n`);
  return path;
}

it("reads the objects, relative to the file, and each of them once", async () => {
  const chain = await loadChain(write("denylist.bpf.o"));
  expect(Buffer.from(chain.programs[0]!.bytes!).equals(Buffer.from(verdictObject(1)))).toBe(true);
  rmSync(join(dir, "denylist.bpf.o"));
  const again = await resolveChain(chain);
  expect(again.programs[0]!.bytes).toBe(chain.programs[0]!.bytes);
});

it("reads what is added to a chain", async () => {
  const chain = await loadChain(write("denylist.bpf.o"));
  const more = await resolveChain(chain.with({ name: "more", object: join(dir, "denylist.bpf.o") }));
  expect(more.programs.map((p) => p.bytes?.length)).toEqual([
    more.programs[0]!.bytes!.length,
    more.programs[0]!.bytes!.length,
  ]);
});

it("names every object that cannot be read, and the nearest that can", async () => {
  mkdirSync(join(dir, "folder"));
  const attempt = loadChain(write("denylst.bpf.o", "folder", "denylist.bpf.o"));
  await expect(attempt).rejects.toMatchObject({ code: "file-unreadable", exitStatus: 2 });
  await expect(attempt).rejects.toThrow(
    /program p0: the object .*denylst\.bpf\.o does not exist; did you mean .*denylist\.bpf\.o\?/,
  );
  await expect(attempt).rejects.toThrow(/program p1: the object .*folder is a directory/);
});

it("says when the chain itself is not there", async () => {
  write("denylist.bpf.o");
  await expect(loadChain(join(dir, "chain.yml"))).rejects.toThrow(
    /the chain .*chain\.yml does not exist; did you mean .*chain\.yaml\?/,
  );
});
