/**
 * A report is right at every instant: whatever other processes do meanwhile, it is whole, of one generation, and of the chain
 * that this generation runs. And whoever reads or clears changes nothing that runs, from whatever network namespace.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Linkage } from "../../src/chain/index.ts";
import { attach, type AttachmentStatus, detach, openKernel, status } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { loaderLinkages } from "../support/linkages.ts";
import { wordsToStart } from "../support/processes.ts";
import { type Veth, veth } from "../support/veth.ts";
import { attachmentFolder, EMULATED, skipInShort, LONG, tree } from "./cli/world.ts";
import { alternating } from "./status-chains.ts";

const CHILD = wordsToStart(new URL("status-child.ts", import.meta.url));
/** Reports of each test; the generations, and then the attachments, that they must have seen. In emulation all is slow. */
const [REPORTS, GENERATIONS, ATTACHMENTS] = EMULATED ? [20, 2, 1] : [1000, 30, 5];
const NAMESPACE = `xs-${process.pid}`;

let pair: Veth;
const children: ChildProcess[] = [];
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  pair = veth("xs");
  execFileSync("ip", ["netns", "add", NAMESPACE]);
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(stop));
  await detach(pair.far);
  await detach(pair.near);
  pair[Symbol.dispose]();
  execFileSync("ip", ["netns", "del", NAMESPACE]);
});

/** Starts a process that works on the other end; resolves when its first round is done. */
async function start(before: readonly string[], ...words: readonly string[]): Promise<ChildProcess> {
  const [command = "", ...rest] = [...before, ...CHILD, ...words];
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout, "data");
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  const { exitCode } = child;
  expect(exitCode, "a process ended by itself").toBeNull();
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** `nsenter` and not `ip netns exec`: the bpffs is to be the same, and not found by a detour. */
const elsewhere = (): readonly string[] => ["nsenter", `--net=/run/netns/${NAMESPACE}`];

/** The report on the end that is worked on, which must be whole. */
function report(linkage: Linkage): AttachmentStatus | undefined {
  const all = status();
  const found = all.filter((one) => one.interface === pair.far);
  expect(found.length).toBeLessThanOrEqual(1);
  const [one] = found;
  if (!one) return undefined;
  expect(one).toMatchObject({ moved: false, troubles: [], namespace: { kind: "own" } });
  expect(one).toMatchObject({ defunct: false, mode: "native" });
  const names = alternating(linkage, one.generation).programs.map(({ name }) => name);
  expect(one.programs.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  const counter = one.programs.find(({ name }) => name === "counter")!;
  expect(counter.maps.map(({ name }) => name)).toEqual(["protocols", "totals"]);
  if (linkage === "freplace") expect(one.programs.every(({ id }) => id !== undefined)).toBe(true);
  return one;
}

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  it(
    "while others swap, clear and read",
    async (context) => {
      skipInShort(
        context,
        "takes a minute in emulation; a run on this machine's own kernel has it by the other linkages",
      );
      await attach(alternating(linkage, 1), pair.near);
      const still = { status: status(pair.near), pins: tree(attachmentFolder(openKernel().interfaceIndex(pair.near))) };
      await start([], "swap", pair.far, linkage);
      await start(elsewhere(), "sweep");
      const dispatchers = new Map<number, number>();
      let last = 0;
      for (let reports = 0; reports < REPORTS || dispatchers.size < GENERATIONS; reports++) {
        const one = report(linkage)!;
        expect(one.generation).toBeGreaterThanOrEqual(last);
        last = one.generation;
        expect(dispatchers.get(one.generation) ?? one.dispatcher.id).toBe(one.dispatcher.id);
        dispatchers.set(one.generation, one.dispatcher.id);
        // A child that ended is noticed.
        if (reports % 100 === 0) await setImmediate();
      }
      expect(new Set(dispatchers.values()).size).toBe(dispatchers.size);
      expect(status(pair.near)).toEqual(still.status);
      expect(tree(attachmentFolder(openKernel().interfaceIndex(pair.near)))).toEqual(still.pins);
      console.log(`linkage ${linkage}: ${REPORTS} reports or more, ${dispatchers.size} generations, each whole`);
    },
    LONG,
  );

  it(
    "while others attach, detach, clear and read",
    async (context) => {
      skipInShort(
        context,
        "takes a minute in emulation; a run on this machine's own kernel has it by the other linkages",
      );
      await start([], "attach", pair.far, linkage);
      await start(elsewhere(), "sweep");
      const seen = { none: 0, running: 0 };
      for (let reports = 0; reports < REPORTS || Math.min(seen.none, seen.running) < ATTACHMENTS; reports++) {
        seen[report(linkage) ? "running" : "none"]++;
        if (reports % 100 === 0) await setImmediate();
      }
      expect(tree(attachmentFolder(openKernel().interfaceIndex(pair.near)))).toEqual([]);
      console.log(`linkage ${linkage}: attached and detached, ${JSON.stringify(seen)}`);
    },
    LONG,
  );
});
