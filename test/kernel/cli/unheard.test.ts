/** Nobody listens any more: a reader or a terminal that goes away leaves no swap half done. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { openKernel, status } from "../../../src/loader/index.ts";
import { requireBpffs } from "../../../src/loader/machine/bpffs.ts";
import { type Veth, veth } from "../../support/veth.ts";
import { run, XDPGEN } from "./command.ts";
import { type Folder, folder, hostOnly, LONG, numberedChain } from "./world.ts";

let pair: Veth;
let here: Folder;
let child: ChildProcess | undefined;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(async () => {
  pair = veth("xe");
  here = folder();
  expect(await run(["apply", numberedChain(here, "first", [1]), ...both()])).toMatchObject({ status: 0 });
});
afterEach(async () => {
  child?.kill("SIGKILL");
  for (const device of [pair.near, pair.far]) await run(["detach", device]);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

const both = (): readonly string[] => ["--dev", pair.near, "--dev", pair.far];
const generations = (): readonly number[] => status().map(({ generation }) => generation);

/** Its health command takes a while on each interface, and fails on the second. */
function failing(): string {
  const [first] = status().map(({ interface: name }) => name);
  return numberedChain(here, "second", [1, 2], `health: { command: 'sleep 0.5; test $XDPGEN_INTERFACE = ${first}' }\n`);
}

function start(...argv: readonly string[]): ChildProcess {
  const [command, ...words] = [...XDPGEN, ...argv];
  child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"] });
  return child;
}

async function ended(process: ChildProcess): Promise<{ readonly code: number | null; readonly signal: string | null }> {
  const [code, signal] = (await once(process, "exit")) as [number | null, string | null];
  return { code, signal };
}

const PROCESS = "a process costs seconds in emulation, and streams are no matter of the kernel's version";

it(
  "of a watch: the health command is heard to its end, and what ran before runs again",
  hostOnly(PROCESS, async () => {
    const watcher = start("watch", failing(), ...both(), "--json");
    watcher.stderr!.resume();
    await once(watcher.stdout!, "data");
    watcher.stdout!.destroy();
    expect(await ended(watcher)).toEqual({ code: 0, signal: null });
    expect(generations()).toEqual([1, 1]);
  }),
  LONG,
);

it(
  "of what apply says on the way: it goes on, and its status tells what came of it",
  hostOnly(PROCESS, async () => {
    const applying = start("apply", failing(), ...both(), "--json");
    applying.stderr!.destroy();
    let out = "";
    applying.stdout!.setEncoding("utf8").on("data", (text: string) => (out += text));
    expect(await ended(applying)).toEqual({ code: 1, signal: null });
    expect(JSON.parse(out)).toMatchObject({ error: { code: "health-failed" } });
    expect(generations()).toEqual([1, 1]);
  }),
  LONG,
);

it(
  "of a terminal that went away: the swap is cancelled",
  hostOnly(PROCESS, async () => {
    const applying = start("apply", failing(), ...both());
    let err = "";
    applying.stderr!.setEncoding("utf8").on("data", (text: string) => {
      err += text;
      if (text.includes("decides whether it stays")) applying.kill("SIGHUP");
    });
    expect(await ended(applying)).toEqual({ code: null, signal: "SIGHUP" });
    expect(err).toContain("cancelled while generation 2");
    expect(generations()).toEqual([1, 1]);
  }),
  LONG,
);

it(
  "of a detach: all are detached",
  hostOnly(PROCESS, async () => {
    const detaching = start("detach", "--all");
    detaching.stdout!.destroy();
    detaching.stderr!.resume();
    expect(await ended(detaching)).toEqual({ code: 0, signal: null });
    expect(status()).toEqual([]);
  }),
  LONG,
);
