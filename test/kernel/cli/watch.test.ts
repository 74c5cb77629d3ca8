/** `xdpgen watch` as a process: it follows the files, keeps the good chain running, and leaves it when it ends. */
import { type ChildProcess, spawn as start } from "node:child_process";
import { once } from "node:events";
import { renameSync, rmSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { open, openKernel } from "../../../src/loader/index.ts";
import { requireBpffs } from "../../../src/loader/machine/bpffs.ts";
import { verdictObject, verdictPacket, visited } from "../../support/verdict-program.ts";
import { type Veth, veth } from "../../support/veth.ts";
import { run, XDPGEN } from "./command.ts";
import { type Folder, folder, hostOnly, LONG } from "./world.ts";

let pair: Veth;
let here: Folder;
let child: ChildProcess | undefined;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  pair = veth("xe");
  here = folder();
});
afterEach(async () => {
  child?.kill("SIGKILL");
  await run(["detach", pair.far]);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

const text = (...programs: readonly number[]): string =>
  `chain: xe\nlinkage: call\nprograms:\n${programs.map((k) => `  - { name: p${k}, object: v${k}.o }\n`).join("")}`;

async function running(): Promise<readonly number[]> {
  await using live = await open(pair.far);
  const { dataOut } = await live.testRun({ data: verdictPacket([2, 2, 2, 2, 2, 2]) });
  return visited(dataOut);
}

interface Said {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** The command, and its lines as they come. */
function watching(path: string): { readonly process: ChildProcess; readonly next: () => Promise<Said> } {
  const [command, ...words] = [...XDPGEN, "watch", path, "--dev", pair.far, "--json"];
  child = start(command, words, { stdio: ["ignore", "pipe", "ignore"] });
  const lines: Interface = createInterface({ input: child.stdout! });
  const each = lines[Symbol.asyncIterator]();
  return {
    process: child,
    async next() {
      const { value } = await Promise.race([
        each.next(),
        setTimeout(20_000, { value: '{"event":"nothing in 20 seconds"}' }, { ref: false }),
      ]);
      return JSON.parse(value as string) as Said;
    },
  };
}

it(
  "applies what changes, keeps what runs when it is bad, and leaves it when it ends",
  hostOnly("a process costs seconds in emulation, and files are no matter of the kernel's version", async () => {
    for (const k of [1, 2]) here.write(`v${k}.o`, verdictObject(k));
    const path = here.write("chain.yaml", text(1));
    const { process: watcher, next } = watching(path);
    expect(await next()).toMatchObject({ event: "applied", outcome: "created", generation: 1, interface: pair.far });
    expect(await running()).toEqual([1]);

    renameSync(here.write("new.yaml", text(1, 2)), path);
    expect(await next()).toMatchObject({ event: "applied", outcome: "swapped", generation: 2 });
    expect(await running()).toEqual([1, 2]);

    here.write("chain.yaml", "chain: xe\nprograms: [\n");
    expect(await next()).toMatchObject({ event: "refused", error: { code: "chain-invalid" } });
    expect(await running()).toEqual([1, 2]);

    here.write("chain.yaml", text(2, 3));
    expect(await next()).toMatchObject({ event: "refused", error: { code: "file-unreadable" } });
    here.write("v3.o", verdictObject(3));
    expect(await next()).toMatchObject({ event: "applied", generation: 3 });
    expect(await running()).toEqual([2, 3]);

    // Another object under the same path.
    here.write("v3.o", verdictObject(4));
    expect(await next()).toMatchObject({ event: "applied", generation: 4 });
    expect(await running()).toEqual([2, 4]);
    rmSync(path);
    expect(await next()).toMatchObject({ event: "refused" });

    watcher.kill("SIGTERM");
    const [code, signal] = (await once(watcher, "exit")) as [number | null, string | null];
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(await next()).toMatchObject({ event: "ended" });
    expect(await running()).toEqual([2, 4]);
  }),
  LONG,
);
