/** What the verifier walks for a chain of inlined programs is little more than for each of them alone. */
import { expect, it } from "vitest";
import type { Program } from "../../src/chain/index.ts";
import { synthesise } from "../../src/codegen/index.ts";
import { openKernel } from "../../src/loader/index.ts";
import { openLoaded } from "../../src/loader/load/loaded.ts";
import { loadCopy } from "../../src/loader/run/copy.ts";
import { chainOf, sampleProgram } from "../support/chains.ts";
import { alone } from "../support/equivalence.ts";
import { kernelMissing } from "../support/samples.ts";

/** Each leaves something else on the stack, and writes parts of slots. Twice they need fewer maps than a program may have. */
const KINDS: readonly Program[] = [
  sampleProgram("counter"),
  sampleProgram("denylist"),
  { ...sampleProgram("vlan-pop"), globals: { vlan_id: 7 } },
  { ...sampleProgram("classify"), globals: { unknown: 2 } },
  { ...sampleProgram("ratelimit"), globals: { rate_pps: 1000, burst: 200 } },
  { ...sampleProgram("firewall"), globals: { family: 4 } },
  { ...sampleProgram("sample"), globals: { one_in: 100 } },
  sampleProgram("echo"),
];

it.skipIf(kernelMissing())("is the sum of the programs", (context) => {
  const kernel = openKernel();
  const walked = ({ program }: { readonly program: number }): number =>
    kernel.programInfo(program).verifiedInstructions;
  const each = KINDS.map((kind) => {
    using one = alone(kind);
    return walked(one);
  });
  if (each.includes(0)) context.skip("the kernel does not tell how much it has walked: Linux 5.16 and later do");

  const programs = [1, 2].flatMap((instance) =>
    KINDS.map((kind): Program => ({ ...kind, name: `${kind.name}${instance}` })),
  );
  const declared = chainOf(programs, { linkage: "inline" });
  using loaded = openLoaded(kernel, declared);
  using chain = loadCopy(kernel, synthesise(declared), loaded);
  const sum = 2 * each.reduce((total, one) => total + one, 0);
  expect(walked(chain)).toBeGreaterThan(0.9 * sum);
  expect(walked(chain)).toBeLessThan(1.1 * sum);
});
