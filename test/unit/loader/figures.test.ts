/** What the verifier says of programs when they are loaded, and what the kernel keeps of them, on a kernel of plain objects. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { OBJECT_LINKAGES } from "../../../src/chain/chain.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { attach } from "../../../src/loader/attachment.ts";
import { readStatistics } from "../../../src/loader/load/verifier-log.ts";
import { verifyImage } from "../../../src/loader/load/verify.ts";
import type { BpfObject, Kernel } from "../../../src/loader/machine/kernel.ts";
import { numbered } from "../../support/verdict-program.ts";
import { failure } from "./fake-kernel.ts";
import { chain, world } from "./world.ts";

const PROCESSED =
  "processed 670 insns (limit 1000000) max_states_per_insn 16 total_states 46 peak_states 30 mark_read 0\n";

describe("statistics", () => {
  it.each([
    ["5.10 to 6.18", `verification time 3551 usec\nstack depth 48+0+8\n${PROCESSED}`],
    ["7.2", `verification time 3551 usec\nstack depth 48+0+8 max 64\ninsns processed 657+8+5\n${PROCESSED}`],
    ["any, behind a remark", `arg#0 is no pointer\nverification time 3551 usec\nstack depth 48+0+8\n${PROCESSED}`],
  ])("are read as kernel %s writes them", (_, log) => {
    expect(readStatistics(log)).toEqual({ verifiedInstructions: 670, microseconds: 3551, frames: [48, 0, 8] });
  });

  it.each(["", PROCESSED, `verification time 3551 usec\nstack depth 48+0`, "stack depth of all calls is 544"])(
    "are none in %j",
    (log) => {
      expect(readStatistics(log)).toBeUndefined();
    },
  );
});

const TAKEN = {
  verifiedInstructions: 345,
  microseconds: 12,
  frames: [
    { function: expect.any(String), bytes: 16 },
    { function: "func#1", bytes: 0 },
  ],
};

describe.each(OBJECT_LINKAGES)("linkage %s", (linkage) => {
  it("has the figures of what a swap loads, and of nothing else", async () => {
    using w = world();
    const live = await attach(chain(linkage, numbered(1), numbered(2)), "lo", { machine: w.machine() });
    const extension = (program: string) => ({ program, as: "extension", ...TAKEN });
    const extensions = linkage === "freplace";
    expect(live.result!.verified).toEqual({
      dispatcher: TAKEN,
      programs: extensions ? [extension("p1"), extension("p2")] : [],
    });
    const swapped = await live.update(chain(linkage, numbered(1), numbered(3)));
    expect(swapped.verified).toEqual({ dispatcher: TAKEN, programs: extensions ? [extension("p3")] : [] });
    expect((await live.update(chain(linkage, numbered(1), numbered(3)))).verified).toBeUndefined();
    expect(w.kernel.openFds).toBe(0);
  });

  it("has what the kernel keeps in the status", async () => {
    using w = world();
    const live = await attach(chain(linkage, numbered(1), numbered(2)), "lo", { machine: w.machine() });
    const { dispatcher, programs } = live.status();
    const kept = { verifiedInstructions: 345, functions: 2, translatedBytes: 80, jitedBytes: 64, memoryBytes: 4096 };
    expect(dispatcher.figures).toEqual({ ...kept, maps: 1 });
    expect(programs.map(({ figures }) => figures)).toEqual(
      programs.map(() => (linkage === "freplace" ? { ...kept, maps: 0 } : undefined)),
    );
  });

  it("is verified without being attached: the dispatcher, and each program alone", () => {
    using w = world();
    const image = synthesise(chain(linkage, numbered(1), numbered(2)));
    const as = linkage === "freplace" ? "extension" : "xdp";
    expect(verifyImage(image, w.kernel)).toEqual({
      dispatcher: TAKEN,
      programs: ["p1", "p2"].map((program) => ({ program, as, ...TAKEN })),
    });
    expect([w.kernel.openFds, w.pins()]).toEqual([0, []]);
  });
});

it("verifies as plain XDP what the kernel does not take as an extension, and says why", () => {
  using w = world({ freplace: false });
  const image = synthesise(chain("freplace", numbered(1)));
  const because = "loading an extension program (BPF_PROG_TYPE_EXT) fails with EPERM";
  expect(verifyImage(image, w.kernel).programs).toEqual([{ program: "p1", as: "xdp", because, ...TAKEN }]);
  expect(w.kernel.openFds).toBe(0);
});

it("shows what the kernel keeps of a program that is loaded already, and verifies the dispatcher without it", async () => {
  using w = world();
  const theirs = { name: "theirs", fd: w.kernel.loadedAs("theirs", {}).number, priority: 50 };
  const both = chain("call", numbered(1), theirs);
  const live = await attach(both, "lo", { machine: w.machine() });
  expect(live.result!.verified).toEqual({ dispatcher: TAKEN, programs: [] });
  expect(live.status().programs.map(({ name, figures }) => [name, figures?.memoryBytes])).toEqual([
    ["p1", undefined],
    ["theirs", 4096],
  ]);
  const image = synthesise(both);
  const open = w.kernel.openFds;
  expect(verifyImage(image, w.kernel).programs.map(({ program }) => program)).toEqual(["p1"]);
  expect(image.figures.programs.map(({ program }) => program)).toEqual(["p1"]);
  expect(w.kernel.openFds).toBe(open);
});

it("names the program that is refused, with the verifier's reasons", () => {
  using w = world({ rejects: ["verdict_2"] });
  const image = synthesise(chain("call", numbered(1), numbered(2)));
  expect(() => verifyImage(image, w.kernel)).toThrow(/refuses program p2 \(p2\.bpf\.o\)[^]*R0 !read_ok/);
  expect(w.kernel.openFds).toBe(0);
});

it("leaves verified instructions out where the kernel does not count them", async () => {
  using w = world();
  const live = await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
  const info = w.kernel.programInfo;
  w.kernel.programInfo = (fd) => ({ ...info(fd), verifiedInstructions: 0 });
  expect(live.status().dispatcher.figures).not.toHaveProperty("verifiedInstructions");
});

it("loads what fails only with statistics, and has no figures of it but the one that the kernel keeps", async () => {
  using w = world();
  const open = (bytes: Uint8Array, name: string): BpfObject => {
    const object = w.kernel.openObject(bytes, name);
    const load: BpfObject["load"] = (options) => {
      if (options?.statistics) throw failure("bpf_object__load", "E2BIG");
      object.load(options);
    };
    return { ...object, load };
  };
  const kernel = new Proxy<Kernel>(w.kernel, {
    get: (target, key) => (key === "openObject" ? open : (Reflect.get(target, key, target) as unknown)),
  });
  const live = await attach(chain("call", numbered(1)), "lo", { machine: w.machine(kernel) });
  expect(live.result).toMatchObject({ outcome: "created" });
  expect(live.result!.verified!.dispatcher).toEqual({ verifiedInstructions: 345, frames: [] });
  expect(w.kernel.openFds).toBe(0);
});

it("has every key in docs/figures.md", async () => {
  const page = readFileSync(new URL("../../../docs/figures.md", import.meta.url), "utf8");
  using w = world();
  const live = await attach(chain("freplace", numbered(1)), "lo", { machine: w.machine() });
  const { image, verified } = live.result!;
  const objects = [image.figures.dispatcher, verified!.dispatcher, live.status().dispatcher.figures];
  const [frame] = verified!.dispatcher.frames;
  const keys = [...objects, verified!, frame!, { because: "" }, ...verified!.programs].flatMap((o) => Object.keys(o));
  expect(keys.length).toBeGreaterThan(15);
  expect(keys.filter((key) => !page.includes(`\`${key}\``))).toEqual([]);
});
