/** Chains with programs that bpftool has loaded, on the command line. */
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Veth } from "../../support/veth.ts";
import { json, run } from "./command.ts";
import { BPFFS, expectUnchanged, type Folder, freshWorld, hostOnly, type Snapshot } from "./world.ts";

let pair: Veth;
let here: Folder;
let before: Snapshot;
const pins = `${BPFFS}/xe-tail-${process.pid}`;
beforeEach(() => void ({ pair, here, before } = freshWorld()));
afterEach(async () => {
  await run(["detach", pair.far]);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

function load(name: string): number {
  execFileSync("bpftool", ["prog", "load", `${here.path}/${here.object(name)}`, `${pins}-${name}`, "type", "xdp"]);
  const shown = execFileSync("bpftool", ["-j", "prog", "show", "pinned", `${pins}-${name}`], { encoding: "utf8" });
  return (JSON.parse(shown) as { readonly id: number }).id;
}

interface Shown {
  readonly programs: readonly { readonly id?: number; readonly linkage: string; readonly loaded?: string }[];
}

it(
  "apply, plan and status of a program that bpftool has loaded, and of another in its place",
  hostOnly("what a process does is the same there; test/kernel/tail.test.ts runs on every kernel", async () => {
    try {
      const [first, second] = [load("bench-pass"), load("counter")];
      const denylist = here.object("denylist");
      const chain = (source: string): string =>
        here.write(
          "chain.yaml",
          `chain: xe\nprograms:\n  - { name: deny, object: ${denylist}, linkage: call, priority: 10 }\n` +
            `  - { name: ids, ${source}, priority: 20 }\n`,
        );
      const path = chain(`pinned: ${pins}-bench-pass`);
      const words = [path, "--dev", pair.far];
      const applied = await run(["apply", ...words]);
      expect(applied).toMatchObject({ status: 0 });
      expect(applied.out).toContain("attached chain xe, generation 1, 2 programs by call and tail");
      const shown = async (): Promise<Shown> =>
        (json(await run(["status", pair.far, "--json"])) as readonly Shown[])[0]!;
      expect((await shown()).programs[1]).toMatchObject({ id: first, linkage: "tail", loaded: "xdp_bench_pass" });
      expect((await run(["status", pair.far])).out).toMatch(
        new RegExp(`ids +tail +${first} +[0-9a-f]{16} +xdp_bench_p`),
      );

      chain(`id: ${second}`);
      expect((await run(["plan", ...words])).out).toContain(`loaded program: id ${first} -> ${second}`);
      expect((await run(["apply", ...words])).out).toContain("replaced one loaded program");
      expect((await shown()).programs[1]).toMatchObject({ id: second, loaded: "xdp_counter" });

      chain(`pinned: ${pins}-nowhere`);
      const refused = await run(["apply", ...words]);
      expect(refused).toMatchObject({ status: 1, out: "" });
      expect(refused.err).toMatch(/program ids \(pinned: .*-nowhere\): no such program is loaded: `bpftool prog show`/);
      expect((await shown()).programs[1]).toMatchObject({ id: second });
    } finally {
      execFileSync("rm", ["-f", `${pins}-bench-pass`, `${pins}-counter`]);
    }
    await run(["detach", pair.far]);
    await expectUnchanged(before);
  }),
);

it("build says what its object lacks", async () => {
  const path = here.write("chain.yaml", "chain: xe\nprograms:\n  - { name: ids, pinned: /sys/fs/bpf/ids }\n");
  const { status, err } = await run(["build", path, "-o", `${here.path}/xe.bpf.o`]);
  expect({ status, err }).toEqual({
    status: 0,
    err: "ids is loaded already: who loads the object puts it into map tail_ids, key 0; until then its slot returns 31\n",
  });
});
