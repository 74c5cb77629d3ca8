/**
 * Each packet meets one generation of a chain, whole: while the chain is swapped as fast as it goes, the last program counts
 * the packets that the first program of another generation has marked. Frames in are frames out.
 */
import { execFileSync } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Linkage, MODES } from "../../src/chain/index.ts";
import { attach, type Attachment, openKernel } from "../../src/loader/index.ts";
import { ethernet, frame, payload } from "../../src/packets/index.ts";
import { sampleProgram } from "../support/chains.ts";
import { type Generations, generations, type Passed } from "../support/generations.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { traffic } from "../support/traffic.ts";
import { type Veth, veth } from "../support/veth.ts";

const emulated = process.env["XDPGEN_VM"] !== undefined;
const LINKAGES: readonly Linkage[] = [...runnableLinkages, "tail"];
/** Five hundred in all, on the host. */
const SWAPS = emulated ? 4 : Math.ceil(500 / (LINKAGES.length * MODES.length));
/** Frames of one call, which begins and ends with tens of milliseconds in which none is sent. */
const BATCH = emulated ? 2000 : 1_000_000;

const data = frame(ethernet(), payload(46));

let pair: Veth;
let live: Attachment | undefined;
let source: Generations | undefined;
beforeEach(() => {
  pair = veth("gens");
});
afterEach(async () => {
  await live?.detach();
  live = undefined;
  source?.[Symbol.dispose]();
  source = undefined;
  pair[Symbol.dispose]();
});

const lastMap = (): number => live!.status().programs.find(({ name }) => name === "last")!.maps[0]!.id;

describe.each(LINKAGES)("linkage %s", (linkage) => {
  it.each(MODES)(
    "each packet meets one generation whole, in %s mode",
    async (mode) => {
      // Without a native program, frames reach the stack only where GRO is on.
      if (mode === "generic") execFileSync("ethtool", ["-K", pair.far, "gro", "on"]);
      source = generations(linkage);
      const between = [[], [sampleProgram("counter")], [sampleProgram("denylist"), sampleProgram("counter")]];
      const chain = (n: number) => source!.chain(n, between[n % 3], n % 4 === 0 ? { counters: true } : {});
      live = await attach(chain(1), pair.far, { mode });
      using sender = traffic(openKernel(), pair.near);
      const done = new AbortController();
      const sending = (async () => {
        while (!done.signal.aborted) await sender.send(data, BATCH);
      })();
      for (let n = 2; n < SWAPS + 2; n++) {
        const { outcome } = await live.update(chain(n));
        expect(outcome).toBe("swapped");
        await setImmediate();
      }
      done.abort();
      await sending;
      const passed = source.passed(lastMap);
      console.log(`linkage ${linkage}, ${mode}: ${passed.seen} frames, ${SWAPS} swaps`);
      expect(passed).toEqual({ seen: sender.sent(), mixed: 0 } satisfies Passed);
      expect(passed.seen).toBeGreaterThan(BATCH);
    },
    600_000,
  );
});

it("a packet that meets two generations is seen", async () => {
  source = generations("tail");
  const [one, two] = [source.chain(1), source.chain(2)];
  live = await attach(one, pair.far, { mode: "native" });
  // Only the first program is replaced, in place.
  await live.update({ ...one, programs: [two.programs[0]!, one.programs[1]!] });
  using sender = traffic(openKernel(), pair.near);
  const sent = await sender.send(data, 1000);
  expect(source.passed(lastMap)).toEqual({ seen: sent, mixed: sent });
});
