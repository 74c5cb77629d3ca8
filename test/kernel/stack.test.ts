/** Stack use as read from objects, against what the kernel's verifier finds, as bpftool prints it. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { basename } from "node:path";
import { expect, it } from "vitest";
import { openObject, xdpFunctions } from "../../src/codegen/object/open.ts";
import { stackUse } from "../../src/codegen/object/stack.ts";
import { openKernel } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { has } from "../support/kernel-differences.ts";
import { withFile } from "../support/llvm.ts";
import { compiledObjects, distributionObjects } from "../support/objects.ts";
import { kernelMissing } from "../support/samples.ts";
import { skipInShort } from "./cli/world.ts";

const PIN = "/sys/fs/bpf/xdpgen-stack";

/**
 * What the verifier says of the first program: bytes of each function, the main one first; kernels from 7.2 on also the most
 * of all that call each other. Undefined where it refuses it.
 */
function verified(bytes: Uint8Array): readonly number[] | undefined {
  return withFile(bytes, (path) => {
    const options = { encoding: "utf8", maxBuffer: 1 << 28 } as const;
    const { stdout, stderr } = spawnSync("bpftool", ["-d", "prog", "load", path, PIN, "type", "xdp"], options);
    rmSync(PIN, { force: true });
    return /^stack depth ([\d+]+)(?: max \d+)?$/m.exec(`${stdout}${stderr}`)?.[1]?.split("+").map(Number);
  });
}

/** Kernels without function addresses refuse these after they have printed a depth without what is called back. */
const CALLED_BACK = /^(callback|functions|loop|timer)\.bpf\.o$/;

it.skipIf(kernelMissing())("is what the verifier finds, of every object that has one program", (context) => {
  skipInShort(context, "seen on the host; to verify all takes minutes in emulation");
  requireBpffs(openKernel(), () => {});
  let compared = 0;
  for (const [name, bytes] of [...compiledObjects(), ...distributionObjects()]) {
    const object = openObject(bytes);
    const [main, ...others] = xdpFunctions(object);
    if (!main || others.length > 0) continue;
    if (CALLED_BACK.test(basename(name)) && !has("function addresses, and helpers that call back")) continue;
    const [depth, ...below] = verified(bytes) ?? [];
    if (depth === undefined) continue;
    const { own, added, below: deepest } = stackUse(object, main);
    // Kernels later than 6.1 count in steps of eight bytes.
    const inSteps = (size: number): number => 8 * Math.ceil(size / 8);
    expect([name, inSteps(Number(own) + added)]).toEqual([name, inSteps(depth)]);
    if (below.length === 0) expect([name, deepest]).toEqual([name, 0]);
    else expect(Number(deepest)).toBeGreaterThanOrEqual(Math.max(...below));
    compared++;
  }
  expect(compared).toBeGreaterThan(20);
});
