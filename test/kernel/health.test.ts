/** A health command on a real kernel: it meets the new generation, and what it refuses is gone without a frame lost. */
import { execFileSync, spawn as start } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { attach, detach, openKernel, status } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { ethernet, frame, payload } from "../../src/packets/index.ts";
import { chainOf, sampleProgram } from "../support/chains.ts";
import { countedAtEnds } from "../support/counted.ts";
import { loaderLinkages } from "../support/linkages.ts";
import { traffic } from "../support/traffic.ts";
import { type Veth, veth } from "../support/veth.ts";
import { expectRefusal, run, spawn, XDPGEN } from "./cli/command.ts";
import { type Folder, folder, LONG, numberedChain, skipInShort } from "./cli/world.ts";

const data = frame(ethernet(), payload(46));
const BATCH = process.env["XDPGEN_VM"] === undefined ? 200_000 : 5000;

let pair: Veth;
let here: Folder;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  pair = veth("xe-h");
  here = folder();
});
afterEach(async () => {
  await detach(pair.far);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  it.each([0, 1])("loses no frame on the way there and back, with a history of %i", async (history) => {
    const [first, last] = ["first", "last"].map((name, k) => ({ ...sampleProgram("counter"), name, priority: k + 1 }));
    const old = chainOf([first!, last!], { linkage, history, end: "drop" });
    const live = await attach(old, pair.far, { mode: "native" });
    using source = traffic(openKernel(), pair.near);
    const done = new AbortController();
    const sending = (async () => {
      while (!done.signal.aborted) await source.send(data, BATCH);
    })();
    const denylist = { ...sampleProgram("denylist"), priority: 9 };
    const next = { ...chainOf([first!, denylist, last!], { linkage, history, end: "drop" }) };
    for (let turn = 0; turn < 3; turn++) {
      const command = `bpftool net show dev ${pair.far} >/dev/null; sleep 0.1; exit 5`;
      await expect(live.update({ ...next, health: { command } })).rejects.toMatchObject({ code: "health-failed" });
      expect(live.status()).toMatchObject({ generation: 1, kept: [] });
      await setTimeout(10);
    }
    done.abort();
    await sending;
    const frames = source.sent();
    expect(countedAtEnds(live.status())).toEqual({ first: frames, last: frames });
    const { id } = live.status().dispatcher;
    expect(openKernel().queryXdp(live.ifindex).native).toBe(id);
    console.log(`linkage ${linkage}: ${frames} frames, 3 swaps taken back, every frame counted once at both ends`);
  });

  it("the command line says what failed, and what runs", async () => {
    const head = `linkage: ${linkage}\n`;
    const good = numberedChain(here, "good", [1], `${head}health: { command: [test, -n, $x] }\n`);
    const bad = numberedChain(
      here,
      "bad",
      [1, 2],
      `${head}health: { command: "echo no answer >&2; false", within: 5s }\n`,
    );
    const apply = (path: string) => run(["apply", path, "--dev", pair.far]);
    expectRefusal(await apply(bad), 1, "ended with status 1; detached, since no chain ran before", / {4}no answer\n/);
    expect(status(pair.far)).toEqual([]);
    expect(openKernel().queryXdp(openKernel().interfaceIndex(pair.far)).native).toBe(0);
    expect(await apply(good)).toMatchObject({ status: 0 });
    expectRefusal(await apply(bad), 1, "back to generation 1");
    expect(status(pair.far)).toMatchObject([{ generation: 1, programs: [{ name: "p1" }], kept: [] }]);
  });
});

it.each(loaderLinkages)(
  "linkage %s: xdpgen that is killed while it runs leaves the new generation, and the way back",
  async (linkage) => {
    const head = `linkage: ${linkage}\n`;
    await run(["apply", numberedChain(here, "good", [1], head), "--dev", pair.far]);
    const waiting = `health: { command: "echo $$ >it; mv it pid; exec sleep 300", within: 5m }\n`;
    const slow = numberedChain(here, "slow", [1, 2], head + waiting);
    const [command, ...words] = [...XDPGEN, "apply", slow, "--dev", pair.far];
    const child = start(command, words, { stdio: "ignore" });
    const pid = `${here.path}/pid`;
    while (!existsSync(pid) && child.exitCode === null) await setTimeout(20);
    expect(child.exitCode, "xdpgen ended before its health command ran").toBeNull();
    try {
      child.kill("SIGKILL");
      await once(child, "exit");
      expect(status(pair.far)).toMatchObject([
        { generation: 2, troubles: [{ kind: "undecided" }], kept: [{ generation: 1, whole: true }] },
      ]);
      expect((await run(["status", pair.far])).out).toContain("UNDECIDED: its health command still runs");
      expect((await run(["plan", slow, "--dev", pair.far])).out).toContain("its health command is asked again");
      expect(await run(["rollback", pair.far])).toMatchObject({ status: 0 });
      expect(status(pair.far)).toMatchObject([
        { generation: 1, programs: [{ name: "p1" }], kept: [{ generation: 2 }] },
      ]);
    } finally {
      process.kill(Number(readFileSync(pid, "utf8")));
    }
  },
  LONG,
);

it.for(loaderLinkages)(
  "linkage %s: what a killed xdpgen left undecided is asked again, and goes back where it fails",
  { timeout: LONG },
  async (linkage, context) => {
    skipInShort(context, "processes take seconds to start in emulation; one is killed above");
    const head = `linkage: ${linkage}\n`;
    await run(["apply", numberedChain(here, "good", [1], head), "--dev", pair.far]);
    // It kills the xdpgen that asks, and says no to the next.
    const command = `test -e killed && exit 3; touch killed; kill -KILL $PPID`;
    const doubtful = numberedChain(here, "doubtful", [1, 2], `${head}health: { command: "${command}" }\n`);
    expect(spawn(["apply", doubtful, "--dev", pair.far])).toMatchObject({ status: null });
    expect(status(pair.far)).toMatchObject([{ generation: 2, troubles: [{ kind: "undecided" }] }]);
    expectRefusal(
      await run(["apply", doubtful, "--dev", pair.far]),
      1,
      "ended with status 3",
      "; back to generation 1",
    );
    expect(status(pair.far)).toMatchObject([{ generation: 1, troubles: [], kept: [{ generation: 2 }] }]);
  },
);

it(
  "a slot that got another loaded program when xdpgen was killed is asked again, and goes back to what was healthy",
  async (context) => {
    skipInShort(context, "processes take seconds to start in emulation; one is killed above");
    const pins = `/sys/fs/bpf/${pair.far}`;
    const chain = (name: string, health = ""): string =>
      here.write(
        `${name}.yaml`,
        `chain: xe\n${health}programs:\n  - { name: own, object: ${here.object("counter")}, linkage: call, priority: 1 }\n` +
          `  - { name: ids, pinned: ${pins}-${name}, priority: 2 }\n`,
      );
    const apply = (path: string) => run(["apply", path, "--dev", pair.far]);
    try {
      for (const name of ["old", "other"])
        execFileSync("bpftool", ["prog", "load", `${here.path}/${here.object("counter")}`, `${pins}-${name}`]);
      expect(await apply(numberedChain(here, "good", [1]))).toMatchObject({ status: 0 });
      expect(await apply(chain("old"))).toMatchObject({ status: 0 });
      const command = `test -e killed && exit 3; touch killed; kill -KILL $PPID`;
      const other = chain("other", `health: { command: "${command}" }\n`);
      expect(spawn(["apply", other, "--dev", pair.far])).toMatchObject({ status: null });
      expect(status(pair.far)).toMatchObject([{ generation: 2, troubles: [{ kind: "undecided" }] }]);
      expectRefusal(await apply(other), 1, "ended with status 3", "; back to generation 1");
      expect(status(pair.far)).toMatchObject([{ generation: 1, troubles: [], kept: [{ generation: 2 }] }]);
    } finally {
      execFileSync("rm", ["-f", `${pins}-old`, `${pins}-other`]);
    }
  },
  LONG,
);
