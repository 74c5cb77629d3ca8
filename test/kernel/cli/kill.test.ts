/**
 * A command is killed as it enters a system call, by strace, once for each: packets meet the old chain or the new one, whole;
 * status says which; the next command succeeds; and when all is detached nothing is left.
 *
 * An apply by `call` that changes the chain of an interface, and a rollback, are killed at every bpf(2) and at every call that changes
 * a file; other operations and linkages at every tenth of these. With XDPGEN_KILLS=changing each is killed at all of these, also in
 * emulation, where it takes hours; with XDPGEN_KILLS=all at every system call of its main thread, from the lock on.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, unlinkSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Linkage } from "../../../src/chain/index.ts";
import { openKernel, status } from "../../../src/loader/index.ts";
import { requireBpffs } from "../../../src/loader/machine/bpffs.ts";
import { counted } from "../../support/counted.ts";
import { runnableLinkages } from "../../support/linkages.ts";
import { Made } from "../../support/made.ts";
import { verdictObject, verdictPacket, visited } from "../../support/verdict-program.ts";
import { type Veth, veth } from "../../support/veth.ts";
import { run, XDPGEN } from "./command.ts";
import {
  attachmentFolder,
  BPFFS,
  EMULATED,
  expectUnchanged,
  type Folder,
  freshWorld,
  type Snapshot,
  snapshot,
  tree,
} from "./world.ts";

const KILLS = process.env["XDPGEN_KILLS"];
const ALL = KILLS === "all";
const SAMPLED = 10;
const SLOW = "it takes hours in emulation; loader.test.ts kills at calls of the kernel there too";

/** System calls that can change what is loaded, pinned, attached or locked. */
const CHANGING = /^(bpf|flock|mkdir|rename|rmdir|unlink)$/;

const LINKAGES: readonly Linkage[] = [...runnableLinkages, "tail"];

/** The second one is for what goes to two interfaces at once. */
let pairs: readonly Veth[];
let here: Folder;
let before: Snapshot;
beforeAll(() => {
  requireBpffs(openKernel(), () => {});
  for (const k of PROGRAMS) {
    using object = openKernel().openObject(verdictObject(k), "theirs");
    object.programs[0]!.makeXdp();
    object.load();
    openKernel().pin(object.programs[0]!.fd(), pinOf(k));
  }
});
afterAll(() => PROGRAMS.map(pinOf).forEach((pin) => unlinkSync(pin)));
beforeEach(({ skip }) => {
  skip(EMULATED && KILLS === undefined, SLOW);
  const world = freshWorld();
  pairs = [world.pair, veth("xe2")];
  ({ here } = world);
  before = snapshot();
  return async () => {
    for (const { far } of pairs) await run(["detach", far]);
    for (const pair of pairs) pair[Symbol.dispose]();
    here[Symbol.dispose]();
  };
});

/** Numbers of the programs that run, in their order. 9 is another object of program 2. */
type Programs = readonly number[];
const PROGRAMS: Programs = [1, 2, 3, 9];
const placeOf = (k: number): number => (k === 9 ? 2 : k);
/** Of those that are loaded already, for linkage `tail`. */
const pinOf = (k: number): string => `${BPFFS}/xe-kill-${process.pid}-${k}`;

interface Operation {
  readonly name: string;
  readonly from: Programs | undefined;
  readonly to: Programs | undefined;
  /** What is killed, of the command line; default `apply` of what is to run. */
  readonly command?: "rollback" | "detach";
  /** How many there are; default one. */
  readonly interfaces?: 2;
}

const OPERATIONS: readonly Operation[] = [
  { name: "an apply that adds, removes and changes a program", from: [1, 2], to: [9, 3] },
  { name: "a first apply", from: undefined, to: [1, 2] },
  { name: "rollback", from: [1, 2], to: [9, 3], command: "rollback" },
  { name: "detach", from: [1, 2], to: undefined, command: "detach" },
  { name: "an apply to two interfaces that share a dispatcher", from: [1, 2], to: [9, 3], interfaces: 2 },
];

/** What packets of an interface meet, which status must know too; undefined for nothing. */
async function ran(made: Made, device: string): Promise<Programs | undefined> {
  const kernel = openKernel();
  const hook = kernel.queryXdp(kernel.interfaceIndex(device));
  const [found] = status(device);
  expect(hook).toEqual({ native: found?.mode === undefined ? 0 : found.dispatcher.id, generic: 0, offloaded: 0 });
  if (found?.mode === undefined) return undefined;
  using dispatcher = kernel.programById(hook.native);
  made.noteProgram(dispatcher.number);
  const { dataOut } = await kernel.testRun(dispatcher.number, { data: verdictPacket(Array(10).fill(2)) });
  const met = visited(dataOut);
  expect(found.programs.map(({ name }) => name)).toEqual([...met.map((k) => `p${placeOf(k)}`), "counter"]);
  expect({ troubles: found.troubles, broken: found.kept.filter(({ whole }) => !whole) }).toEqual({
    troubles: [],
    broken: [],
  });
  return met;
}

interface Call {
  readonly name: string;
  /** How many of that name there were up to it. */
  readonly nth: number;
}

/** The system calls of the main thread from its lock on. */
function callsOf(argv: readonly string[]): readonly Call[] {
  const log = `${here.path}/trace`;
  execFileSync("strace", ["-o", log, ...XDPGEN, ...argv], { stdio: "ignore" });
  const counts = new Map<string, number>();
  const calls = readFileSync(log, "utf8")
    .split("\n")
    .flatMap((line): readonly Call[] => {
      const name = /^(\w+)\(/.exec(line)?.[1];
      if (name === undefined) return [];
      const nth = (counts.get(name) ?? 0) + 1;
      counts.set(name, nth);
      return [{ name, nth }];
    });
  const lock = calls.findIndex(({ name }) => name === "flock");
  expect(lock, "no call takes the lock").toBeGreaterThan(-1);
  return calls.slice(lock);
}

/** Whether it was killed; else it has ended by itself before, since not every run makes as many calls of each name. */
function killedAt({ name, nth }: Call, argv: readonly string[]): boolean {
  const words = ["-o", "/dev/null", "-e", `trace=${name}`, "-e", `inject=${name}:signal=KILL:when=${nth}`];
  const { signal, status: code, stderr } = spawnSync("strace", [...words, ...XDPGEN, ...argv], { encoding: "utf8" });
  expect([signal, code], `strace said: ${stderr}`).toBeOneOf([
    ["SIGKILL", null],
    [null, 0],
  ]);
  return signal !== null;
}

describe.each(LINKAGES)("linkage %s", (linkage) => {
  function chainFile(programs: Programs): string {
    const lines = programs.map((k) => {
      const place = placeOf(k);
      here.write(`v${k}.bpf.o`, verdictObject(k));
      const source = linkage === "tail" ? `pinned: ${pinOf(k)}` : `object: v${k}.bpf.o, linkage: ${linkage}`;
      return `  - { name: p${place}, ${source}, priority: ${place} }\n`;
    });
    const by = linkage === "tail" ? "" : `, linkage: ${linkage}`;
    const counter = `  - { name: counter, object: ${here.object("counter")}, priority: 50${by} }\n`;
    return here.write(`${programs.join("-")}.yaml`, `chain: xe\nprograms:\n${lines.join("")}${counter}`);
  }
  const pinsOf = (devices: readonly string[]): readonly string[] =>
    devices
      .flatMap((device) => tree(attachmentFolder(openKernel().interfaceIndex(device))))
      .map((pin) => pin.replace(/\/gen-\d+/, "/gen"))
      .toSorted();

  it.for(OPERATIONS)(
    "$name",
    { timeout: KILLS === undefined ? 600_000 : 36_000_000 },
    async ({ name, from, to, command, interfaces = 1 }) => {
      const made = new Made(openKernel());
      const devices = pairs.slice(0, interfaces).map(({ far }) => far);
      const applying = (programs: Programs): readonly string[] => [
        "apply",
        chainFile(programs),
        ...devices.flatMap((device) => ["--dev", device]),
      ];
      const argv = command ? [command, pairs[0]!.far] : applying(to!);
      const go = async (programs: Programs | undefined): Promise<void> => {
        const commands = programs ? [applying(programs)] : devices.map((device) => ["detach", device]);
        for (const words of commands) expect(await run(words)).toMatchObject({ status: 0 });
      };
      const pins = (): readonly string[] => pinsOf(devices);
      const met = (): Promise<readonly (Programs | undefined)[]> =>
        Promise.all(devices.map((device) => ran(made, device)));
      const everywhere = (programs: Programs | undefined) => devices.map(() => programs);
      // So that there is a way back to it.
      if (command === "rollback") await go(to);
      await go(from);
      const all = callsOf(argv);
      expect(await met()).toEqual(everywhere(to));
      const whole = pins();
      const changing = all.filter((call) => CHANGING.test(call.name));
      const each =
        KILLS !== undefined || (linkage === "call" && from !== undefined && to !== undefined && interfaces === 1);
      const moments = ALL ? all : changing.filter((_, at) => each || at % SAMPLED === 0);
      const ends = { old: 0, new: 0, whole: 0 };
      for (const call of moments) {
        await go(from);
        const counts = from && to && counted(status(devices[0])[0]!);
        const killed = killedAt(call, argv);
        const now = await met();
        for (const programs of now) expect([from, to], `killed at ${call.name} ${call.nth}`).toContainEqual(programs);
        const isNew = now.every((programs) => String(programs) === String(to));
        ends[killed ? (isNew ? "new" : "old") : "whole"]++;
        await go(to);
        expect(await met(), `after ${call.name} ${call.nth}`).toEqual(everywhere(to));
        expect(pins(), `after ${call.name} ${call.nth}`).toEqual(whole);
        // One packet on each interface, each time.
        if (counts !== undefined) expect(counted(status(devices[0])[0]!)).toBe(counts + 2 * interfaces);
      }
      const figures = `${moments.length} of ${all.length} calls from the lock on, ${changing.length} of them changing`;
      console.log(`linkage ${linkage}, ${name}: killed at ${figures}: ${JSON.stringify(ends)}`);
      expect(ends.old).toBeGreaterThan(0);
      // Of the few moments of a sample, none need be behind the swap.
      // The last of such calls of a rollback is the swap itself; other operations are sampled.
      if (each && !command) expect(ends.new).toBeGreaterThan(0);
      expect(ends.whole).toBeLessThanOrEqual(Math.ceil(moments.length / 10));
      await go(undefined);
      await expectUnchanged(before);
      for (let tries = 0; made.alive().length > 0 && tries < 600; tries++) await setTimeout(50);
      expect(made.alive()).toEqual([]);
    },
  );
});
