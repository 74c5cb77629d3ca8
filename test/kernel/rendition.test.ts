/** What `build --emit c` writes: of every chain in test/cases: clang has nothing to say of it, and the kernel loads it. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { planToC, synthesise } from "../../src/codegen/index.ts";
import { openKernel } from "../../src/loader/index.ts";
import { caseNames, readCase } from "../support/chains.ts";
import { withFile } from "../support/llvm.ts";
import { compile } from "../support/objects.ts";
import { kernelMissing } from "../support/samples.ts";
import { verdictPacket } from "../support/verdict-program.ts";

const COMPILER = "clang reads the same C on every kernel, and takes minutes where it is emulated";
const inVm = process.env["XDPGEN_VM"] !== undefined;

describe.each(caseNames())("%s as C", (name) => {
  it("compiles without a warning, loads, and passes packets while it has no programs", async (context) => {
    context.skip(inVm, COMPILER);
    context.skip(kernelMissing() !== undefined, kernelMissing());
    const chain = readCase(name);
    const source = planToC(synthesise(chain).plan);
    const elf = compile(source, "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror");
    using object = openKernel().openObject(elf, "rendition");
    object.load();
    const { retval } = await openKernel().testRun(object.programs[0]!.fd(), { data: verdictPacket([]) });
    expect(retval).toBe(chain.end === "verdict" ? 2 : ["aborted", "drop", "pass", "tx", "redirect"].indexOf(chain.end));
  });
});

it("programs that are linked to it take the place of the weak functions, by libbpf's linker", async (context) => {
  context.skip(inVm, COMPILER);
  context.skip(kernelMissing() !== undefined, kernelMissing());
  const edges = planToC(synthesise(readCase("verdict-kept")).plan);
  const programs = `
    #include <linux/bpf.h>
    int slot_firewall(struct xdp_md *ctx) { return ctx->data_end - ctx->data > 100 ? XDP_TX : XDP_DROP; }
    int slot_ids(struct xdp_md *ctx) { return ctx->data_end - ctx->data > 200 ? XDP_DROP : XDP_PASS; }`;
  using object = openKernel().openObject(linked([edges, programs]), "linked");
  object.load();
  const verdicts = [100, 150, 250].map(async (size) => {
    const { retval } = await openKernel().testRun(object.programs[0]!.fd(), { data: new Uint8Array(size) });
    return retval;
  });
  // Dropped by the firewall; sent back as it said, since the IDS passes; dropped by the IDS.
  expect(await Promise.all(verdicts)).toEqual([1, 3, 1]);
});

function linked([first, second]: readonly [string, string]): Uint8Array {
  return withFile(compile(first), (one) =>
    withFile(compile(second), (two) => {
      execFileSync("bpftool", ["gen", "object", `${one}.linked`, one, two], { stdio: "pipe" });
      return new Uint8Array(readFileSync(`${one}.linked`));
    }),
  );
}
