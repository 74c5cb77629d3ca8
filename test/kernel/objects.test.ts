/**
 * Objects that went through our hands, in the kernel: those that we read and wrote are the same programs as before, and what
 * libbpf's static linker makes of our dispatchers and other objects loads and runs.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readElf, writeElf } from "../../src/codegen/elf/index.ts";
import { synthesise } from "../../src/codegen/index.ts";
import { KernelError, openKernel } from "../../src/loader/index.ts";
import type { BpfObject } from "../../src/loader/machine/kernel.ts";
import { chainOf } from "../support/chains.ts";
import { compile, compiledObjects, distributionObjects, throughValues } from "../support/objects.ts";
import { u32 } from "../support/samples.ts";
import { numbered, verdictPacket, visited } from "../support/verdict-program.ts";

const folder = mkdtempSync(join(tmpdir(), "xdpgen-linked-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The programs as the kernel knows them: name and tag, which is a hash of the instructions. Or why it refuses them. */
function inKernel(bytes: Uint8Array): readonly string[] {
  const kernel = openKernel();
  try {
    using object = kernel.openObject(bytes, "object");
    object.load();
    return object.programs.map((program) => {
      const { name, tag } = kernel.programInfo(program.fd());
      return `${name} ${tag}`;
    });
  } catch (error) {
    if (error instanceof KernelError) return [`${error.call}: ${error.errnoName}`];
    throw error;
  }
}

const OBJECTS = [...compiledObjects(), ...distributionObjects()];

describe("objects that were read and written, code and types decoded and encoded", () => {
  it.each(OBJECTS)("%s", (_, bytes) => {
    expect(inKernel(writeElf(throughValues(readElf(bytes))))).toEqual(inKernel(bytes));
  });

  it("are most of them loaded, so that this says something", () => {
    const loaded = OBJECTS.filter(([, bytes]) => inKernel(bytes).every((program) => / [0-9a-f]{16}$/.test(program)));
    expect(loaded.length).toBeGreaterThan(OBJECTS.length / 2);
  });
});

/** What `bpftool gen object` makes of several objects, opened and loaded. Any complaint of the linker's is an error. */
function loadLinked(objects: readonly Uint8Array[]): BpfObject {
  const paths = objects.map((bytes, index) => {
    const path = join(folder, `${index}.o`);
    writeFileSync(path, bytes);
    return path;
  });
  const output = join(folder, "linked.o");
  const text = execFileSync("sh", ["-c", 'bpftool gen object "$@" 2>&1', "sh", output, ...paths], { encoding: "utf8" });
  expect(text).toBe("");
  const object = openKernel().openObject(new Uint8Array(readFileSync(output)), "linked");
  object.load();
  return object;
}

/** Verdict and visited programs of one program of an object, for the codes that the programs of a chain return. */
async function run(object: BpfObject, name: string, codes: readonly number[]) {
  const program = object.programs.find((p) => p.name === name)!;
  const { retval, dataOut } = await openKernel().testRun(program.fd(), { data: verdictPacket(codes) });
  return { verdict: retval, visited: visited(dataOut) };
}

/** A chain of programs 2n and 2n + 1; the first goes on after PASS, as do all. */
const dispatcher = (name: string, ...numbers: readonly number[]): Uint8Array =>
  synthesise(
    chainOf(
      numbers.map((k) => numbered(k)),
      { name, linkage: "call" },
    ),
  ).elf;

const COUNTER = `
  #define SEC(name) __attribute__((section(name), used))
  typedef unsigned int u32;
  struct xdp_md { u32 data; };
  struct { int (*type)[2]; u32 *key; u32 *value; int (*max_entries)[1]; } runs SEC(".maps");
  static void *(*const lookup)(void *, const void *) = (void *)1;
  static volatile u32 step = 3;
  static __attribute__((noinline)) void add(u32 *to) { *to += step; }
  SEC("xdp") int count_runs(struct xdp_md *ctx) {
    u32 key = 0, *value = lookup(&runs, &key);
    if (value) add(value);
    return 3;
  }
  char _license[] SEC("license") = "GPL";
`;

describe("libbpf's static linker joins", () => {
  it("two dispatchers", async () => {
    using object = loadLinked([dispatcher("alpha", 1, 2), dispatcher("beta", 3, 4)]);
    expect(object.programs.map(({ name }) => name)).toEqual(["xdpgen_alpha", "xdpgen_beta"]);
    expect(await run(object, "xdpgen_alpha", [0, 2, 3, 2, 1])).toEqual({ verdict: 3, visited: [1, 2] });
    expect(await run(object, "xdpgen_alpha", [0, 1, 3, 2, 1])).toEqual({ verdict: 1, visited: [1] });
    expect(await run(object, "xdpgen_beta", [0, 1, 1, 2, 4])).toEqual({ verdict: 4, visited: [3, 4] });
    expect(await run(object, "xdpgen_beta", [2, 2, 2, 0, 2])).toEqual({ verdict: 0, visited: [3] });
  });

  it.each([
    ["clang's object behind a dispatcher", (ours: Uint8Array, theirs: Uint8Array) => [ours, theirs]],
    ["a dispatcher behind clang's object", (ours: Uint8Array, theirs: Uint8Array) => [theirs, ours]],
    [
      "the same, read and written by us",
      (ours: Uint8Array, theirs: Uint8Array) => [ours, theirs].map((o) => writeElf(throughValues(readElf(o)))),
    ],
  ])("%s", async (_, order) => {
    using object = loadLinked(order(dispatcher("alpha", 1, 2), compile(COUNTER)));
    expect(object.programs.map(({ name }) => name).toSorted()).toEqual(["count_runs", "xdpgen_alpha"]);
    expect(await run(object, "xdpgen_alpha", [0, 2, 3])).toEqual({ verdict: 3, visited: [1, 2] });
    expect(await run(object, "xdpgen_alpha", [0, 4, 3])).toEqual({ verdict: 4, visited: [1] });
    expect(await run(object, "count_runs", [])).toMatchObject({ verdict: 3 });
    expect(await run(object, "count_runs", [])).toMatchObject({ verdict: 3 });
    expect(openKernel().lookup(object.map("runs")!.fd(), u32(0), 4)).toEqual(u32(6));
  });
});
