/** chain.yaml and its objects from disk: what is read, and what a user is told when it cannot be. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Check } from "../../../src/chain/index.ts";
import { Mistakes } from "../../../src/diagnostic.ts";
import { loadChain, resolveChain } from "../../../src/loader/load/source.ts";
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

it("names every file that cannot be used in its place, as it is written, and the nearest that can", async () => {
  mkdirSync(join(dir, "folder"));
  writeFileSync(join(dir, "notes.txt"), "no object");
  const path = write("folder", "./denylst.bpf.o", "notes.txt", "denylist.bpf.o", "folder/../denylst.bpf.o");
  const checks = ["pcap", "pcap"].map((end, i) => `  - { name: c${i}, packet: in${i}.${end}, expect: pass }`);
  appendFileSync(path, `checks:\n${checks.join("\n")}\n`);
  const attempt = loadChain(path);
  await expect(attempt).rejects.toMatchObject({ code: "file-unreadable", exitStatus: 2, cause: expect.any(Mistakes) });
  const shown = await attempt.catch((error: Error) => error.message);
  expect(
    String(shown)
      .replaceAll(dir, "DIR")
      .replaceAll(/^ {2,3}[ \d]\d .*\n/gm, ""),
  ).toBe(`\
DIR/chain.yaml:3:25: error: program p0: the object folder is a directory, not a file
     |                         ^^^^^^ name the file in it

DIR/chain.yaml:4:25: error: program p1: the object ./denylst.bpf.o does not exist
     |                         ^^^^^^^^^^^^^^^ did you mean ./denylist.bpf.o?

DIR/chain.yaml:5:25: error: p2 (DIR/notes.txt): not an ELF file: it begins with 6e 6f 20 6f, not 7f 45 4c 46
     |                         ^^^^^^^^^

DIR/chain.yaml:7:25: error: program p4: the object folder/../denylst.bpf.o does not exist
     |                         ^^^^^^^^^^^^^^^^^^^^^^^ did you mean folder/../denylist.bpf.o?

DIR/chain.yaml:9:25: error: check \`c0\`: the capture in0.pcap does not exist
     |                         ^^^^^^^^

DIR/chain.yaml:10:25: error: check \`c1\`: the capture in1.pcap does not exist
     |                         ^^^^^^^^

6 mistakes in DIR/chain.yaml`);
});

it("names them in order of declaration where there is no text", async () => {
  mkdirSync(join(dir, "folder"));
  const objects = ["folder", "none.bpf.o", "folder"].map((file) => join(dir, file));
  const { source: _, ...chain } = await loadChain(write("denylist.bpf.o"));
  const programs = objects.map((object, i) => ({ name: `p${i}`, object }));
  const check: Check = { name: "one", packet: join(dir, "in.pcap"), expect: ["pass"] };
  const attempt = resolveChain({ ...chain, programs, checks: [check] });
  await expect(attempt).rejects.toMatchObject({ code: "file-unreadable", cause: { code: "EISDIR" } });
  const lines = await attempt.catch((error: Error) => error.message.split("\n"));
  expect(lines).toEqual([
    `program p0: the object ${objects[0]} is a directory, not a file; name the file in it`,
    `program p1: the object ${objects[1]} does not exist`,
    `program p2: the object ${objects[2]} is a directory, not a file; name the file in it`,
    `check \`one\`: the capture ${check.packet} does not exist`,
  ]);
});

it("says when the chain itself is not there", async () => {
  write("denylist.bpf.o");
  await expect(loadChain(join(dir, "chain.yml"))).rejects.toThrow(
    /the chain .*chain\.yml does not exist; did you mean .*chain\.yaml\?/,
  );
});

it("reads no FIFO and no device, which may never end, and says what each is", async () => {
  const fifo = join(dir, "fifo");
  execFileSync("mkfifo", [fifo]);
  await expect(loadChain(fifo)).rejects.toMatchObject({
    code: "file-unreadable",
    message: `the chain ${fifo} is a FIFO, not a file; write what comes from it to a file, and name that`,
  });
  symlinkSync("fifo", join(dir, "to-fifo"));
  symlinkSync("fifo", join(dir, "in.pcap"));
  const path = write("to-fifo", "/dev/zero");
  appendFileSync(path, "checks:\n  - { name: one, packet: in.pcap, expect: pass }\n");
  const shown = await loadChain(path).catch((error: Error) => error.message);
  expect(String(shown).match(/error: .*/g)).toEqual([
    "error: program p0: the object to-fifo is a FIFO, not a file",
    "error: program p1: the object /dev/zero is a device, not a file",
    "error: check `one`: the capture in.pcap is a FIFO, not a file",
  ]);
});

it("reads a pipe that the shell made for it", () => {
  const source = new URL("../../../src/loader/load/source.ts", import.meta.url).href;
  const script = `import { loadChain } from "${source}"; console.log((await loadChain(process.argv[1])).programs[0].name);`;
  const chain = write(join(dir, "denylist.bpf.o"));
  const command = `"$0" --import tsx --input-type module --eval "$1" <(cat "$2")`;
  const run = (path: string): string =>
    execFileSync("bash", ["-c", command, process.execPath, script, path], { encoding: "utf8" });
  expect(run(chain)).toBe("p0\n");
});

it("reads what a symbolic link leads to", async () => {
  symlinkSync("denylist.bpf.o", join(dir, "link.bpf.o"));
  const { programs } = await loadChain(write("link.bpf.o"));
  expect(Buffer.from(programs[0]!.bytes!).equals(Buffer.from(verdictObject(1)))).toBe(true);
});
