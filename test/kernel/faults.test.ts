/**
 * Every call of the kernel fails in turn, in each operation: the interfaces run the old chain or the new one, whole; the error
 * names what failed; the next command succeeds; and when all is detached, the kernel has nothing left of it.
 */
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Chain, Linkage, Program } from "../../src/chain/index.ts";
import { XdpgenError } from "../../src/errors.ts";
import { attachAll, detach, open, openKernel, rollback, status } from "../../src/loader/index.ts";
import { removeTree } from "../../src/loader/live/pins.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { networkNamespace } from "../../src/loader/machine/interface.ts";
import { type BpfObject, type Kernel, KernelError } from "../../src/loader/machine/kernel.ts";
import type { Machine } from "../../src/loader/machine/machine.ts";
import { chainOf, sampleProgram } from "../support/chains.ts";
import { counted } from "../support/counted.ts";
import { loaderLinkages } from "../support/linkages.ts";
import { Made } from "../support/made.ts";
import { verdictObject, verdictPacket, visited } from "../support/verdict-program.ts";
import { type Veth, veth } from "../support/veth.ts";
import { watched } from "../support/watched-kernel.ts";
import { attachmentFolder, bpfFds, EMULATED, skipInline, skipInShort, tree } from "./cli/world.ts";

const LINKAGES: readonly Linkage[] = EMULATED ? loaderLinkages : [...loaderLinkages, "tail"];
/** It may fail each call, and is no call's answer to anything. */
const [ERRNO, ENOMEM] = ["ENOMEM", 12];

/** Where the map is pinned of a chain with program 8, and what is made for it. */
const FOLDER = "/sys/fs/bpf/xdpgen-faults";
const PIN = `${FOLDER}/deep/totals`;

/** The program of somebody else. */
const FOREIGN = 7;

/** Numbers of the programs that run, in their order. 9 is another object of program 2. */
type Programs = readonly number[];

/** What packets meet on an interface; undefined for nothing. */
type Met = Programs | "somebody else's" | undefined;

/** Where an operation is done, and on what. */
interface Place {
  readonly devices: readonly string[];
  readonly machine: Machine;
  readonly chain: (programs: Programs) => Chain;
}

interface Operation {
  readonly name: string;
  /** What was applied before it, in turn. */
  readonly before: readonly Programs[];
  readonly act: (place: Place) => Promise<unknown>;
  /** A program of somebody else is on the interface instead. */
  readonly foreign?: boolean;
  /** What runs then; nothing where that is undefined. */
  readonly after: Programs | undefined;
  /** What may run where it could not be taken back. */
  readonly meanwhile?: Programs;
  /** What comes next where it was done, or could not be taken back; default the same again. */
  readonly next?: Operation["act"];
}

const apply =
  (programs: Programs): Operation["act"] =>
  ({ devices, machine, chain }) =>
    attachAll(chain(programs), devices, { machine });

const applyAsked =
  (health: string): Operation["act"] =>
  ({ devices, machine, chain }) =>
    attachAll({ ...chain([1, 9]), health: { command: [health] } }, devices, { machine });

/** That it is taken back is what is to happen; that it could not be is an error. */
const applyUnhealthy: Operation["act"] = async (place) => {
  try {
    await applyAsked("false")(place);
  } catch (error) {
    if (!(error instanceof XdpgenError) || error.code !== "health-failed" || /Not all is as before/.test(error.message))
      throw error;
  }
};

const replaceForeign: Operation["act"] = ({ devices, machine, chain }) =>
  attachAll(chain([1, 2]), devices, { machine, replace: true });

const detachEach: Operation["act"] = async ({ devices, machine }) => {
  for (const device of devices) await detach(device, { machine });
};

const rollbackEach: Operation["act"] = async ({ devices, machine }) => {
  for (const device of devices) await rollback(device, { machine });
};

const OPERATIONS: readonly Operation[] = [
  { name: "first apply", before: [], act: apply([1, 2]), after: [1, 2] },
  { name: "apply that adds a program", before: [[1, 2]], act: apply([1, 2, 3]), after: [1, 2, 3] },
  { name: "apply that removes one", before: [[1, 2, 3]], act: apply([1, 3]), after: [1, 3] },
  { name: "apply that changes an object", before: [[1, 2]], act: apply([1, 9]), after: [1, 9] },
  { name: "apply that pins a map", before: [[1, 2]], act: apply([1, 8]), after: [1, 8] },
  {
    name: "rollback",
    before: [
      [1, 2],
      [1, 2, 3],
    ],
    act: rollbackEach,
    after: [1, 2],
    next: apply([1, 2]),
  },
  {
    name: "apply with a health command",
    before: [[1, 2]],
    act: applyAsked("true"),
    after: [1, 9],
  },
  {
    name: "apply whose health command fails",
    before: [[1, 2]],
    act: applyUnhealthy,
    after: [1, 2],
    meanwhile: [1, 9],
    next: apply([1, 2]),
  },
  { name: "apply over a program of somebody else", before: [], foreign: true, act: replaceForeign, after: [1, 2] },
  { name: "detach", before: [[1, 2]], act: detachEach, after: undefined },
];

/** Those that have steps of their own where interfaces share a dispatcher; left to the host, since each takes half a minute in emulation. */
const SHARED = OPERATIONS.filter(({ name }) =>
  ["first apply", "apply that changes an object", "detach"].includes(name),
);

/** Those that have all steps between them, and all calls but that which pins a declared map. */
const ALL_STEPS: readonly string[] = [
  "first apply",
  "apply that adds a program",
  "apply whose health command fails",
  "rollback",
  "detach",
];

let pairs: readonly Veth[];
let made: Made;
const loaded: BpfObject[] = [];
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  pairs = [veth("xf-a"), veth("xf-b")];
  made = new Made(openKernel());
});
afterEach(async () => {
  for (const { far } of pairs) await detach(far);
  for (const pair of pairs) pair[Symbol.dispose]();
  removeTree(FOLDER);
});
afterAll(() => loaded.forEach((object) => object[Symbol.dispose]()));

/** Program `k`, which its owner has loaded. */
const fdOf = (k: number): number => {
  const name = `verdict_${k}`;
  const known = loaded.flatMap(({ programs }) => programs).find((program) => program.name === name);
  if (known) return known.fd();
  const object = openKernel().openObject(verdictObject(k), "theirs");
  object.programs[0]!.makeXdp();
  object.load();
  loaded.push(object);
  return object.programs[0]!.fd();
};

/** With a program that has maps, so that there is something to lose. */
function chainBy(linkage: Linkage): (programs: Programs) => Chain {
  const program = (k: number): Program => {
    const place = k === 9 ? 2 : k;
    const source = linkage === "tail" ? { fd: fdOf(k) } : { object: `p${k}.bpf.o`, bytes: verdictObject(k), linkage };
    return { name: `p${place}`, priority: place, ...source };
  };
  const counter: Program = { ...sampleProgram("counter"), priority: 50, ...(linkage !== "tail" && { linkage }) };
  const pinning: Program = { ...counter, maps: { totals: { pin: PIN } } };
  return (programs) => chainOf([...programs.map(program), programs.includes(8) ? pinning : counter], { name: "xf" });
}

const machineOf = (kernel: Kernel): Machine => ({ kernel, root: "/sys/fs/bpf/xdpgen", netns: networkNamespace() });

/** Gives an interface a program that is not ours, by netlink as `ip link` does. */
function occupy(device: string): void {
  const kernel = openKernel();
  const ifindex = kernel.interfaceIndex(device);
  if (kernel.queryXdp(ifindex).native === 0) kernel.attachXdp(ifindex, fdOf(FOREIGN), "native");
}

const isForeign = (program: number): boolean => program === openKernel().programInfo(fdOf(FOREIGN)).id;

async function metOn(device: string): Promise<Met> {
  const hook = openKernel().queryXdp(openKernel().interfaceIndex(device));
  if (isForeign(hook.native)) return "somebody else's";
  const [found] = status(device);
  const expected = { native: 0, generic: 0, offloaded: 0 };
  expect(hook).toEqual(found?.mode === undefined ? expected : { ...expected, [found.mode]: found.dispatcher.id });
  if (found?.mode === undefined) return undefined;
  await using live = await open(device);
  const { dataOut } = await live.testRun({ data: verdictPacket(Array(10).fill(2)) });
  return visited(dataOut);
}

/** Packets that the program with maps has counted. */
const countedOn = (device: string): number => counted(status(device)[0]!);

/** Pins and folders of an interface, whatever its generation. */
const pinsOf = (device: string): readonly string[] =>
  tree(attachmentFolder(openKernel().interfaceIndex(device)))
    .map((pin) => pin.replace(/\/gen-\d+/, "/gen"))
    .toSorted();

/**
 * Numbers, from 1, of the calls that are made to fail: all; where each costs seconds in emulation, the first and the last of each
 * name, since those between differ in no state of the kernel that the host has not seen.
 */
function telling(calls: readonly string[]): readonly number[] {
  const isTelling = (call: string, index: number): boolean =>
    !EMULATED || calls.indexOf(call) === index || calls.lastIndexOf(call) === index;
  return calls.flatMap((call, index) => (isTelling(call, index) ? [index + 1] : []));
}

describe.each(LINKAGES)("linkage %s, any one call fails", (linkage) => {
  it.for([
    ...OPERATIONS.map((operation) => ({ ...operation, interfaces: 1 })),
    ...(EMULATED ? [] : SHARED.map((operation) => ({ ...operation, interfaces: 2 }))),
  ])(
    "of $name on $interfaces interfaces",
    { timeout: 600_000 },
    async ({ name, before, foreign = false, act, after, meanwhile, next = act, interfaces }, context) => {
      skipInline(context, linkage);
      if (!ALL_STEPS.includes(name))
        skipInShort(context, "a run on this machine's own kernel has it by the other linkages");
      const kernel = made.noting(openKernel());
      const devices = pairs.slice(0, interfaces).map(({ far }) => far);
      const place = (through: Kernel): Place => ({ devices, machine: machineOf(through), chain: chainBy(linkage) });
      const ran = before.at(-1);
      const old: Met = foreign ? "somebody else's" : ran;
      const reset = async (): Promise<void> => {
        if (ran === undefined) await detachEach(place(kernel));
        if (foreign) devices.forEach(occupy);
        for (const programs of before) await apply(programs)(place(kernel));
        removeTree(FOLDER);
      };
      const met = (): Promise<unknown> => Promise.all(devices.map(metOn));
      const each = <T>(what: T): readonly T[] => devices.map(() => what);

      // The first time asks the kernel what it can do.
      const calls: string[] = [];
      for (const heard of [[], calls]) {
        await reset();
        await act(place(watched(kernel, (_, call) => void heard.push(call))));
      }
      expect(await met()).toEqual(each(after));
      const whole = devices.map(pinsOf);
      await reset();
      const start = { pins: devices.map(pinsOf), fds: bpfFds() };

      let refused = 0;
      let reached = 0;
      for (const at of telling(calls)) {
        await reset();
        const what = `call ${at} of ${calls.length}, ${calls[at - 1]}`;
        const counts = ran && countedOn(devices[0]!);
        let failed: KernelError | undefined;
        const failing = watched(kernel, (count, call) => {
          if (count === at) throw (failed = new KernelError(call, ENOMEM, ERRNO));
        });
        const ended: unknown = await act(place(failing)).catch((error: unknown) => error);
        // Other links of the machine, which some calls are about, may be fewer now.
        if (!failed) break;
        reached++;
        const now = await met();
        const stays = meanwhile && ended instanceof Error && /could not be put back/.test(ended.message);
        if (ended instanceof Error) {
          refused++;
          expect(ended, `after ${what}`).toBeInstanceOf(XdpgenError);
          // Of an object it is said which one could not be loaded, and of a question to the kernel what was tried.
          const said = new RegExp(`${failed.message}|(cannot be loaded:|fails with) ${ERRNO}`);
          expect(ended.message, `after ${what}`).toMatch(said);
          // What is to be taken off may be off already, and its pins wait for the next command.
          if (stays) expect(now, `after ${what}`).toEqual(each(meanwhile));
          else if (after)
            expect({ now, pins: devices.map(pinsOf) }, `after ${what}`).toEqual({ now: each(old), pins: start.pins });
          else for (const one of now as unknown[]) expect([old, undefined], `after ${what}`).toContainEqual(one);
        } else expect(now, `after ${what}`).toEqual(each(after));
        expect(bpfFds(), `after ${what}`).toEqual(start.fds);

        await (ended instanceof Error && !stays ? act : next)(place(kernel));
        expect(await met(), `after ${what}`).toEqual(each(after));
        if (stays) {
          // What could not be taken back is kept now, as nothing is for the next call that fails.
          await detachEach(place(kernel));
          continue;
        }
        expect(devices.map(pinsOf), `after ${what}`).toEqual(whole);
        if (!after) continue;
        expect(new Set(devices.map((device) => status(device)[0]!.dispatcher.id)).size, `after ${what}`).toBe(1);
        // The packets that `met` has sent since.
        if (ran) expect(countedOn(devices[0]!), `after ${what}`).toBe(counts! + 2 * interfaces);
      }
      expect(reached, "calls that were made again").toBeGreaterThanOrEqual(telling(calls).length - 5);
      expect(refused).toBeGreaterThan(telling(calls).length / 2);
      await detachEach(place(kernel));
      removeTree(FOLDER);
      expect(devices.flatMap(pinsOf)).toEqual([]);
      for (let tries = 0; made.alive().length > 0 && tries < 600; tries++) await setTimeout(50);
      expect(made.alive()).toEqual([]);
    },
  );
});
