/**
 * Eight processes on one interface at once, while others read and clear all the while: each takes its turn, and no frame, map or
 * generation is lost.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AttachmentStatus, clearDefunct, open, openKernel, type SwapResult } from "../../../src/loader/index.ts";
import { requireBpffs } from "../../../src/loader/machine/bpffs.ts";
import { ethernet, frame, payload } from "../../../src/packets/index.ts";
import { counted } from "../../support/counted.ts";
import { loaderLinkages } from "../../support/linkages.ts";
import { wordsToStart } from "../../support/processes.ts";
import { traffic } from "../../support/traffic.ts";
import { verdictObject, verdictPacket, visited } from "../../support/verdict-program.ts";
import type { Veth } from "../../support/veth.ts";
import { type Ended, json, run } from "./command.ts";
import {
  attachmentFolder,
  EMULATED,
  expectUnchanged,
  type Folder,
  freshWorld,
  hostOnly,
  type Snapshot,
  tree,
} from "./world.ts";

const WRITERS = 8;
const BATCH = 10_000;
const SLOW = "nine processes take minutes to start in emulation; loader.test.ts has writers at once there too";
const WRITER = wordsToStart(new URL("at-once-child.ts", import.meta.url));
const READER = wordsToStart(new URL("../status-child.ts", import.meta.url));

interface Writer {
  readonly process: ChildProcessWithoutNullStreams;
  readonly lines: Interface;
}

const writers: Writer[] = [];
let pair: Veth;
let here: Folder;
let before: Snapshot;
beforeAll(async () => {
  requireBpffs(openKernel(), () => {});
  if (EMULATED) return;
  // For the reader, to whom all that there is to clear is a mistake.
  clearDefunct();
  const [command, ...words] = WRITER;
  for (let n = 0; n < WRITERS; n++) {
    const child = spawn(command, words);
    child.stderr.pipe(process.stderr);
    writers.push({ process: child, lines: createInterface(child.stdout) });
  }
  await Promise.all(writers.map(({ lines }) => once(lines, "line")));
}, 600_000);
afterAll(() => writers.forEach(({ process: child }) => void child.kill()));
beforeEach(() => void ({ pair, here, before } = freshWorld()));
afterEach(async () => {
  await run(["detach", pair.far]);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

/** What each writer makes of its command line; all are told at once. */
async function atOnce(argvs: readonly (readonly string[])[]): Promise<readonly Ended[]> {
  return Promise.all(
    writers.map(async ({ process: child, lines }, n) => {
      const line = once(lines, "line");
      child.stdin.write(`${JSON.stringify(argvs[n])}\n`);
      return JSON.parse(((await line) as [string])[0]) as Ended;
    }),
  );
}

/** Does `work` while another process reads what runs, and clears what is defunct, without end. */
async function whileOthersRead<T>(work: () => Promise<T>): Promise<T> {
  const [command, ...words] = READER;
  const child = spawn(command, [...words, "sweep"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(child.stdout, "data");
    const result = await work();
    expect(child.exitCode, "the reader failed").toBeNull();
    return result;
  } finally {
    child.kill("SIGKILL");
  }
}

const statusOf = async (): Promise<AttachmentStatus> =>
  (json(await run(["status", "--json", pair.far])) as AttachmentStatus[])[0]!;

const resultsOf = (all: readonly Ended[]): readonly SwapResult[] =>
  all.map((ended) => (json(ended) as { readonly applied: readonly SwapResult[] }).applied[0]!);

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  /** Program `k` behind a counter. */
  function chainFile(k: number): string {
    here.write(`v${k}.bpf.o`, verdictObject(k));
    const counter = `{ name: counter, object: ${here.object("counter")}, priority: 1 }`;
    const own = `{ name: p${k}, object: v${k}.bpf.o, priority: 2 }`;
    return here.write(
      `${k}.yaml`,
      `chain: xe\nhistory: 0\nlinkage: ${linkage}\nprograms:\n  - ${counter}\n  - ${own}\n`,
    );
  }

  const applyEach = (files: readonly string[]): readonly (readonly string[])[] =>
    files.map((file) => ["apply", file, "--dev", pair.far, "--json"]);
  const eachChain = (first: number): readonly string[] => writers.map((_, n) => chainFile(first + n));

  /** All had a generation of their own, and the last one runs, with the one before it kept. */
  async function expectTurns(results: readonly SwapResult[], from: number): Promise<void> {
    const generations = results.map(({ generation }) => generation);
    expect(generations.toSorted((a, b) => a - b)).toEqual(results.map((_, n) => from + n));
    const last = from + results.length - 1;
    const { generation, programs, troubles } = await statusOf();
    expect({ generation, troubles }).toEqual({ generation: last, troubles: [] });
    await using live = await open(pair.far);
    const { dataOut } = await live.testRun({ data: verdictPacket(Array(40).fill(2)) });
    expect(visited(dataOut).map((k) => `p${k}`)).toEqual([programs[1]!.name]);
    const left = tree(attachmentFolder(live.ifindex)).filter((pin) => /\/(gen-\d+|programs\/[^/]+)\/$/.test(pin));
    expect(left).toHaveLength(3);
  }

  it(
    "first applies of eight chains, and then eight changes under traffic",
    hostOnly(SLOW, async () => {
      await whileOthersRead(async () => {
        const first = resultsOf(await atOnce(applyEach(eachChain(10))));
        expect(first.map(({ outcome }) => outcome).toSorted()).toEqual([
          "created",
          ...Array(WRITERS - 1).fill("swapped"),
        ]);
        await expectTurns(first, 1);

        const start = counted(await statusOf());
        using source = traffic(openKernel(), pair.near);
        const data = frame(ethernet(), payload(46));
        const done = new AbortController();
        const sending = (async () => {
          do await source.send(data, BATCH);
          while (!done.signal.aborted);
        })();
        const changes = await atOnce(applyEach(eachChain(20)));
        done.abort();
        await sending;
        const results = resultsOf(changes);
        expect(results.map(({ outcome }) => outcome)).toEqual(Array(WRITERS).fill("swapped"));
        expect(counted(await statusOf()) - start).toBe(source.sent());
        await expectTurns(results, WRITERS + 1);
        console.log(`linkage ${linkage}: ${2 * WRITERS} applies of ${WRITERS} processes, ${source.sent()} frames`);
      });
      expect(await run(["detach", pair.far])).toMatchObject({ status: 0 });
      await expectUnchanged(before);
    }),
    120_000,
  );

  it(
    "first applies of one chain: one attaches it, and the others find nothing to do",
    hostOnly(SLOW, async () => {
      const results = resultsOf(await atOnce(applyEach(writers.map(() => chainFile(1)))));
      expect(results.map(({ outcome }) => outcome).toSorted()).toEqual([
        "created",
        ...Array(WRITERS - 1).fill("unchanged"),
      ]);
      expect(new Set(results.map(({ generation }) => generation))).toEqual(new Set([1]));
      const detached = await atOnce(writers.map(() => ["detach", pair.far, "--json"]));
      expect(detached.map(({ status }) => status)).toEqual(Array(WRITERS).fill(0));
      await expectUnchanged(before);
    }),
    120_000,
  );
});
