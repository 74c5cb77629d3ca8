/** What is asked of the kernel before anything is built. */
import { existsSync, rmSync } from "node:fs";
import { expect, it } from "vitest";
import type { Linkage } from "../../../src/chain/chain.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { attach, type Attachment } from "../../../src/loader/attachment.ts";
import { firstThatFits } from "../../../src/loader/load/fit.ts";
import { saveLog } from "../../../src/loader/load/verifier-log.ts";
import { KernelError } from "../../../src/loader/machine/kernel.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { failure } from "./fake-kernel.ts";
import { chain, world } from "./world.ts";

async function probes(linkage: Linkage | "auto"): Promise<number> {
  using w = world();
  let loaded = 0;
  // Programs of a chain come by objects; a program without one is a probe.
  const kernel = watched(w.kernel, (_, call) => void (loaded += call === "loadProgram" ? 1 : 0));
  await attach(chain(linkage, numbered(1), numbered(2)), "lo", { machine: w.machine(kernel) });
  return loaded;
}

it.each(["call", "inline", "freplace"] as const)(
  "asks nothing of the kernel for declared linkage %s",
  async (linkage) => {
    expect(await probes(linkage)).toBe(0);
  },
);

it("asks what the kernel allows where the linkage is left to it", async () => {
  expect(await probes("auto")).toBe(2);
});

it("takes no lack of memory or files for an answer, and asks again", async () => {
  using w = world();
  let left = 1;
  const kernel = watched(w.kernel, (_, call) => {
    if (call === "loadBtf" && left-- > 0) throw failure("bpf_btf_load", "EMFILE");
  });
  const attempt = (): Promise<Attachment> => attach(chain("auto", numbered(1)), "lo", { machine: w.machine(kernel) });
  await expect(attempt()).rejects.toMatchObject({
    code: "kernel",
    message: expect.stringContaining("EMFILE") as string,
  });
  expect((await attempt()).status().programs).toMatchObject([{ linkage: "freplace" }]);
});

it("takes a refusal for an answer, and asks once", async () => {
  using w = world({ freplace: false });
  let asked = 0;
  const kernel = watched(w.kernel, (_, call) => void (asked += call === "loadBtf" ? 1 : 0));
  const machine = w.machine(kernel);
  for (const k of [1, 2]) {
    const live = await attach(chain("auto", numbered(k)), "lo", { machine });
    expect(live.status().programs).toMatchObject([{ linkage: "call" }]);
  }
  expect(asked).toBe(1);
});

it.each([
  ["too large to inline, which is no failure", "BPF program is too large. Processed 1000001 insn", true],
  ["refused for what it does", "R1 invalid mem access 'scalar'", false],
])("keeps the log of a program only where somebody is told of it: %s", async (_, log, fits) => {
  const [preferred, lighter] = (["inline", "call"] as const).map((linkage) => synthesise(chain(linkage, numbered(1))));
  const cause = new KernelError("bpf_object__load", 7, "E2BIG", log);
  const path = saveLog(cause, "fit", log)!;
  const outcome = await firstThatFits({ preferred: preferred!, lighter: () => lighter! }, (image) => {
    if (image === preferred) throw new XdpgenError("program-rejected", `the whole log is in ${path}`, { cause });
    return "fits";
  }).catch((error: Error) => error.message);
  expect(outcome).toBe(fits ? "fits" : `the whole log is in ${path}`);
  expect(existsSync(path)).toBe(!fits);
  rmSync(path, { force: true });
});
