/** `xdpgen watch` over a library that says which versions come. */
import { expect, it } from "vitest";
import type { Library } from "../../../src/cli/library.ts";
import { XdpgenError } from "../../../src/errors.ts";
import type { ChainVersion } from "../../../src/loader/index.ts";
import { chain, image, run } from "./fake.ts";

const good: ChainVersion = { chain: chain as Extract<ChainVersion, { chain: unknown }>["chain"] };
const bad: ChainVersion = { error: new XdpgenError("chain-invalid", "chain.yaml is wrong") };

/** Applies to eth0 and refuses to apply to any other interface. */
function library(...versions: readonly ChainVersion[]): Partial<Library> {
  let generation = 0;
  return {
    status: async () => [],
    autoReason: async () => "why",
    watchChain: async function* () {
      yield* versions;
    },
    apply: async (_, [device], { events }) => {
      if (device !== "eth0") throw new XdpgenError("interface-occupied", `${device} runs another program`);
      events?.({ kind: "notice", message: "said on the way" });
      return [{ interface: device, outcome: "swapped", generation: ++generation, mode: "native", image }];
    },
  };
}

it("applies each version, and says what is wrong with one and goes on", async () => {
  const { status, out, err } = await run("watch c.yaml --dev eth0", { library: library(good, bad, good) });
  expect(status).toBe(0);
  expect(out.match(/^eth0: swapped to chain edge, generation \d/gm)).toEqual([
    "eth0: swapped to chain edge, generation 1",
    "eth0: swapped to chain edge, generation 2",
  ]);
  expect(err).toContain("error: chain.yaml is wrong\nwhat runs stays as it is; watching c.yaml and what it names\n");
  expect(err).toMatch(/ended; the chain runs on, and `xdpgen detach` takes it off\n$/);
});

it("goes on when a version cannot be applied", async () => {
  const { status, err } = await run("watch c.yaml --dev eth9", { library: library(good, good) });
  expect(status).toBe(0);
  expect(err.match(/error: eth9 runs another program/g)).toHaveLength(2);
  expect(err).toMatch(/ended; nothing was applied\n$/);
});

it("prints one JSON value in each line", async () => {
  const { out } = await run("watch c.yaml --dev eth0 --json", { library: library(good, bad) });
  const lines = out.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { event: "message", message: "said on the way", time: expect.stringMatching(/^\d{4}-.*Z$/) as string },
    { event: "message", message: "linkage auto is call here: why" },
    { event: "applied", chain: "edge", interface: "eth0", outcome: "swapped", generation: 1 },
    { event: "refused", error: { code: "chain-invalid", message: "chain.yaml is wrong" } },
    { event: "ended" },
  ]);
});

it("says what a cancelled swap left, and never that all stays where it does not", async () => {
  const message = "cancelled: attach chain edge to eth0\nNot all is as before: eth0 could not be put back";
  const cancelled: Partial<Library> = {
    ...library(good),
    apply: async () => {
      throw new XdpgenError("aborted", message);
    },
  };
  const { status, err } = await run("watch c.yaml --dev eth0", { library: cancelled });
  expect(status).toBe(0);
  expect(err).toContain("error: cancelled: attach chain edge to eth0\n");
  expect(err).toContain("Not all is as before: eth0 could not be put back");
  expect(err).not.toContain("what runs stays as it is");
  const { out } = await run("watch c.yaml --dev eth0 --json", { library: cancelled });
  expect(
    out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object),
  ).toMatchObject([{ event: "refused", error: { code: "aborted", message } }, { event: "ended" }]);
});

it("does not say that what runs stays as it is, after a failure that could not be taken back", async () => {
  const failed: Partial<Library> = {
    ...library(good),
    apply: async (_, interfaces, { events }) => {
      events?.({ kind: "begin", step: "commit", interfaces });
      throw new XdpgenError("health-failed", "not healthy\nNot all is as before: eth0 could not be put back");
    },
  };
  const { err } = await run("watch c.yaml --dev eth0", { library: failed });
  expect(err).toContain("could not be put back\nwatching c.yaml and what it names\n");
  const later = await run("watch c.yaml --dev eth0", {
    library: { ...failed, watchChain: library(good, bad).watchChain! },
  });
  expect(later.err).toContain("chain.yaml is wrong\nwhat runs stays as it is; watching");
});

it("ends at once where no file could help", async () => {
  const without: Partial<Library> = {
    ...library(good),
    status: async () => {
      throw new XdpgenError("environment", "this needs root");
    },
  };
  const { status, out } = await run("watch c.yaml --dev eth0 --json", { library: without });
  expect(status).toBe(1);
  expect(out).toMatch(/^\{.*\}\n$/);
  expect(JSON.parse(out)).toEqual({
    event: "failed",
    time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    error: { code: "environment", message: "this needs root" },
  });
  const wrong = await run("watch c.yaml --json --colour", {});
  expect(JSON.parse(wrong.out)).toMatchObject({ event: "failed", error: { code: "usage" } });
});

it("finishes the swap that nobody hears of any more, and ends", async () => {
  const unheard = new AbortController();
  const applied: (AbortSignal | undefined)[] = [];
  const plain = library();
  const listening: Partial<Library> = {
    ...plain,
    watchChain: async function* (_, { signal }) {
      while (!signal!.aborted) yield good;
    },
    apply: async (to, devices, options) => {
      unheard.abort();
      applied.push(options.signal);
      return plain.apply!(to, devices, options);
    },
  };
  const { status } = await run("watch c.yaml --dev eth0 --json", { library: listening, unheard: unheard.signal });
  expect(status).toBe(0);
  expect(applied.map((signal) => signal?.aborted)).toEqual([false]);
});

it("tries a version again that another process was in the way of, and no other", async () => {
  const asked: (number | undefined)[] = [];
  const codes = ["conflict", "conflict", "interface-occupied", "conflict"] as const;
  let tries = 0;
  const busy: Partial<Library> = {
    ...library(),
    watchChain: async function* (_, { retryAfter }) {
      for (let version = 0; version <= codes.length; version++) {
        yield asked.at(-1) === undefined ? good : { ...good, again: true };
        asked.push(retryAfter!());
      }
    },
    apply: async (...args) => {
      const code = codes[tries++];
      if (code) throw new XdpgenError(code, "process 7 still held the lock");
      return library().apply!(...args);
    },
  };
  const { err } = await run("watch c.yaml --dev eth0", { library: busy });
  expect(asked).toEqual([5000, 10_000, undefined, 5000, undefined]);
  expect(err).toContain("what runs stays as it is; trying again in 5 s; watching c.yaml and what it names\n");
  tries = 0;
  const { out } = await run("watch c.yaml --dev eth0 --json", { library: busy });
  const events = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly event: string; readonly retryInMs?: number });
  expect(events.flatMap(({ event, retryInMs }) => (event === "refused" ? [retryInMs] : []))).toEqual([
    5000,
    10_000,
    undefined,
    5000,
  ]);
});

it("waits for a version that is new as long as for the first one", async () => {
  const asked: (number | undefined)[] = [];
  const busy: Partial<Library> = {
    ...library(),
    watchChain: async function* (_, { retryAfter }) {
      for (const again of [{}, { again: true }, { again: true }, {}, { again: true }] as const) {
        yield { ...good, ...again };
        asked.push(retryAfter!());
      }
    },
    apply: async () => {
      throw new XdpgenError("conflict", "process 7 still held the lock");
    },
  };
  await run("watch c.yaml --dev eth0", { library: busy });
  expect(asked).toEqual([5000, 10_000, 20_000, 5000, 10_000]);
});

it("answers a wrong command line in one line too", async () => {
  const { status, out } = await run("watch c.yaml --dev eth0 --json --mode fast");
  expect(status).toBe(2);
  expect(out.trimEnd().split("\n")).toHaveLength(1);
  expect(JSON.parse(out)).toMatchObject({ error: { code: "usage", message: expect.stringContaining("--mode") } });
});
