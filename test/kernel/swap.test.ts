/** Membership changes under traffic: frames sent are frames counted, and what programs have counted is kept. */
import { execFileSync } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MODES } from "../../src/chain/index.ts";
import { attach, type Attachment, open, openKernel } from "../../src/loader/index.ts";
import { ethernet, frame, payload } from "../../src/packets/index.ts";
import { chainOf, sampleProgram, testProgram } from "../support/chains.ts";
import { counted, countedAtEnds } from "../support/counted.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { traffic } from "../support/traffic.ts";
import { type Veth, veth } from "../support/veth.ts";
import { skipInShort } from "./cli/world.ts";

/** Traffic flows until both are reached. An emulated processor sends some fifty times fewer frames in the same time. */
const [FRAMES, SWAPS] = process.env["XDPGEN_VM"] === undefined ? [3_000_000, 20] : [50_000, 4];
const BATCH = FRAMES / 10;

const data = frame(ethernet(), payload(46));

describe.each(runnableLinkages)("linkage %s", (linkage) => {
  let pair: Veth;
  let live: Attachment | undefined;
  beforeEach(() => {
    pair = veth("swaps");
  });
  afterEach(async () => {
    await live?.detach();
    live = undefined;
    pair[Symbol.dispose]();
  });

  const first = { ...sampleProgram("counter"), name: "first", priority: 1 };
  const last = { ...sampleProgram("counter"), name: "last", priority: 99 };
  const added = { ...sampleProgram("denylist"), priority: 50 };
  const chain = chainOf([first, last], { linkage, end: "drop" });
  const more = chainOf([first, last, added], { linkage, end: "drop" });

  it("loses no frame while programs come and go", async (context) => {
    // An extension that is unchanged serves the old dispatcher and the new one. Of what is linked in, each has its own.
    if (linkage !== "freplace") skipInShort(context, "generations.test.ts counts frames under as many swaps");
    live = await attach(chain, pair.far, { mode: "native" });
    using source = traffic(openKernel(), pair.near);
    const done = new AbortController();
    const sending = (async () => {
      while (!done.signal.aborted) await source.send(data, BATCH);
    })().finally(() => done.abort());
    let swaps = 0;
    while (!done.signal.aborted && (swaps < SWAPS || source.sent() < FRAMES)) {
      const result = await live.update(swaps % 2 === 0 ? more : chain);
      expect(result.outcome).toBe("swapped");
      swaps++;
      // An update that need not wait yields to no timer and no callback of its own accord.
      await setImmediate();
    }
    done.abort();
    await sending;
    const frames = source.sent();
    const both = countedAtEnds(live.status());
    expect(both).toEqual({ first: frames, last: frames });
    console.log(
      `linkage ${linkage}: ${frames} frames, ${swaps} swaps, every frame counted once at both ends of the chain`,
    );
  });

  it.each(MODES)("attaches, swaps and detaches in %s mode", async (mode) => {
    live = await attach(chain, pair.far, { mode });
    await live.update(more, { mode });
    expect(live.status()).toMatchObject({ mode, generation: 2, defunct: false });
    const shown = execFileSync("ip", ["link", "show", pair.far], { encoding: "utf8" });
    expect(shown).toMatch(mode === "native" ? /\bxdp\b.*mtu|prog\/xdp/ : /\bxdpgeneric\b/);
  });

  it("keeps the maps and variables of a program that stays", async () => {
    const program = { ...testProgram("globals"), priority: 10 };
    const counting = { ...testProgram("verdict"), name: "runs", priority: 5 };
    live = await attach(chainOf([program, counting], { linkage }), pair.far);
    const verdicts: number[] = [];
    const run = async (): Promise<void> => {
      verdicts.push((await live!.testRun({ data: new Uint8Array(64) })).retval);
    };
    await run();
    await run();
    await live.update(chainOf([program, counting, added], { linkage }));
    await run();
    await live.update(chainOf([counting, program], { linkage }));
    await run();
    // globals: verdict is table[seen % 4] = { PASS, DROP, TX, PASS }, and `seen` is a variable in .bss.
    expect(verdicts).toEqual([1, 3, 2, 2]);
    expect(counted(live.status(), "runs", "runs")).toBe(4);
  });

  it("keeps a map whose definition is unchanged when its program's object changes", async () => {
    const version = (globals: Record<string, number>) => ({ ...testProgram("verdict"), globals });
    live = await attach(chainOf([version({}), added], { linkage }), pair.far);
    await live.testRun({ data: new Uint8Array(64) });
    await live.update(chainOf([version({ mark: 1 }), added], { linkage }));
    await live.testRun({ data: new Uint8Array(64) });
    expect(counted(live.status(), "verdict", "runs")).toBe(2);
  });

  it("changes nothing when the chain is what runs already", async () => {
    live = await attach(chain, pair.far);
    const before = live.status();
    expect((await live.update(chain)).outcome).toBe("unchanged");
    expect(live.status()).toEqual(before);
  });

  it("runs on when the handle is disposed of, and is opened again", async () => {
    live = await attach(chain, pair.far);
    await live[Symbol.asyncDispose]();
    using source = traffic(openKernel(), pair.near);
    const sent = await source.send(data, 1000);
    live = await open(pair.far);
    expect(counted(live.status(), "last")).toBe(sent);
  });
});
