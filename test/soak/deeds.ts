/**
 * What a soak does to a live chain, one deed after the other. Each says what must be true afterwards; the chain runs either as
 * it did, or as the deed wanted it, whole.
 */
import { writeFileSync } from "node:fs";
import {
  ACTIONS,
  type Chain,
  type Linkage,
  OBJECT_LINKAGES,
  type ObjectLinkage,
  type Program,
} from "../../src/chain/index.ts";
import {
  attach,
  attachAll,
  type Attachment,
  detach,
  freplaceSupport,
  openKernel,
  rollback,
  status,
} from "../../src/loader/index.ts";
import { networkNamespace } from "../../src/loader/machine/interface.ts";
import { KernelError } from "../../src/loader/machine/kernel.ts";
import { sampleProgram, testProgram } from "../support/chains.ts";
import { withLoaded } from "../support/loaded.ts";
import type { Random } from "../support/random.ts";
import { watched } from "../support/watched-kernel.ts";
import { apply } from "./kill.ts";
import type { Kills } from "./report.ts";

/** The first and last program of every chain, by its number; see test/support/generations.ts. */
export type MakeChain = (number: number, between: readonly Program[], rest: Partial<Chain>) => Chain;

export interface Scene {
  readonly live: Attachment;
  readonly device: string;
  /** Another interface, with nothing on it before and after. */
  readonly other: string;
  readonly make: MakeChain;
  readonly random: Random;
  /** Of the programs that come and go; undefined: all that the kernel takes. */
  readonly linkage: ObjectLinkage | undefined;
  /** Of the next chain; the one after it is free too. */
  readonly number: number;
  /** A folder for files. */
  readonly folder: string;
  /** Milliseconds that the transaction of a process of its own takes here. */
  readonly transaction: number;
  readonly kills: Kills;
}

/** What came of a deed: whether the chain was changed. Throws where something is not as it must be. */
export type Deed = (scene: Scene) => Promise<boolean>;

const freplace = freplaceSupport(openKernel());
/** Linkages that this kernel does not take, and why. */
export const REFUSED: Readonly<Record<string, string>> = freplace.supported ? {} : { freplace: freplace.reason! };
/** Of programs that a chain says the objects of, those that it takes. */
export const OF_OBJECTS = OBJECT_LINKAGES.filter((one) => !(one in REFUSED));

/** Their bytes are read once, so that those which are loaded already are loaded once too. */
const BETWEEN: readonly Program[] = ["counter", "denylist", "ratelimit", "classify", "vlan-pop"].map((name) =>
  sampleProgram(name),
);

/** The same programs, loaded once more: a loaded program can take the place of its like. */
const TWINS: readonly Program[] = BETWEEN.map((program) => ({ ...program, bytes: program.bytes!.slice() }));

/** Loads what chains may have loaded already, so that it is there before anything is counted. */
export function loadAll(make: MakeChain): void {
  for (const programs of [BETWEEN, TWINS])
    withLoaded(
      make(
        0,
        programs.map((program) => ({ ...program, linkage: "tail" })),
        {},
      ),
    );
}

/** A chain of some programs in some order, by some linkages; some of them may be loaded already. */
function someChain({ make, random, linkage, number }: Scene, rest: Partial<Chain> = {}): Chain {
  const any = (): Linkage => (random.int(6) === 0 ? "tail" : random.pick(OF_OBJECTS));
  const programs = placed(some(random), random, linkage ? () => linkage : any);
  return withLoaded(make(number, programs, { counters: random.int(4) === 0, ...rest }));
}

const some = (random: Random): readonly Program[] => BETWEEN.filter(() => random.chance(0.5));

const placed = (programs: readonly Program[], random: Random, linkage: () => Linkage): readonly Program[] =>
  programs.map((program) => {
    return { ...program, priority: 2 + random.int(90), linkage: linkage(), proceedOn: ACTIONS };
  });

function expectRuns(device: string, ...chains: readonly (readonly string[])[]): void {
  const runs = names(device);
  if (chains.some((chain) => chain.join() === runs.join())) return;
  throw new Error(`runs ${runs.join(", ")}, and not ${chains.map((chain) => chain.join(", ")).join(" or ")}`);
}

const names = (device: string): readonly string[] => status(device)[0]!.programs.map(({ name }) => name);
/** In the order in which they run. */
const inOrder = ({ programs }: Chain): readonly string[] =>
  programs.toSorted((a, b) => (a.priority as number) - (b.priority as number)).map(({ name }) => name);

async function swap(scene: Scene): Promise<boolean> {
  const chain = someChain(scene);
  const { outcome } = await scene.live.update(chain);
  if (outcome !== "swapped") throw new Error(`the outcome is ${outcome}`);
  expectRuns(scene.device, inOrder(chain));
  return true;
}

/** One call of the kernel fails, whichever it is. */
async function fail(scene: Scene): Promise<boolean> {
  const at = 1 + scene.random.int(60);
  const before = names(scene.device);
  const generation = scene.live.status().generation;
  const chain = someChain(scene);
  const kernel = watched(openKernel(), (count, call) => {
    if (count === at) throw new KernelError(call, 22, "EINVAL");
  });
  const machine = { kernel, root: "/sys/fs/bpf/xdpgen", netns: networkNamespace() };
  try {
    await attach(chain, scene.device, { machine });
  } catch {
    if (scene.live.status().generation !== generation) throw new Error("it failed, and changed the chain");
    expectRuns(scene.device, before);
    return false;
  }
  expectRuns(scene.device, inOrder(chain));
  return true;
}

/** A process of its own is killed within the transaction of its apply, or a moment after it. */
async function kill(scene: Scene): Promise<boolean> {
  const { live, device, random, transaction, kills } = scene;
  const before = names(device);
  const { generation } = live.status();
  const chain = ownChain(scene, some(random));
  const { status: code, said, inside } = await apply(writeChain(chain, scene.folder), device, random.int(transaction));
  if (code !== null && code !== 0) throw new Error(`the process failed: ${said}`);
  kills.done++;
  if (inside) kills.inside++;
  expectRuns(device, before, inOrder(chain));
  return live.status().generation !== generation;
}

/** How long the transaction of such a process takes, with all programs, where nobody kills it. */
export async function transactionLength(scene: OwnScene & Pick<Scene, "device" | "folder">): Promise<number> {
  const { milliseconds, said } = await apply(writeChain(ownChain(scene, BETWEEN), scene.folder), scene.device);
  if (milliseconds === undefined) throw new Error(`a process of its own could not apply a chain: ${said}`);
  return Math.ceil(milliseconds);
}

type OwnScene = Pick<Scene, "make" | "random" | "linkage" | "number">;

/** Without loaded programs: what this process holds, another one has no fd of. */
function ownChain({ make, random, linkage, number }: OwnScene, programs: readonly Program[]): Chain {
  return make(
    number,
    placed(programs, random, () => linkage ?? random.pick(OF_OBJECTS)),
    {},
  );
}

/** @returns its path */
function writeChain({ name, programs }: Chain, folder: string): string {
  const file = `${folder}/chain.json`;
  const written = programs.map(({ name: program, object, function: main, globals, priority, linkage, proceedOn }) => {
    return { name: program, object, function: main, globals, priority, linkage, "proceed-on": proceedOn };
  });
  // YAML takes JSON.
  writeFileSync(file, JSON.stringify({ chain: name, programs: written }));
  return file;
}

/** A check that fails keeps the chain that runs. */
async function refuse(scene: Scene): Promise<boolean> {
  const before = names(scene.device);
  const checks = [{ name: "never", packet: "eth / ipv4 / udp", expect: ["tx"] }] as const;
  const refused = await scene.live.update(someChain(scene, { checks })).then(
    () => false,
    () => true,
  );
  if (!refused) throw new Error("a check that fails let the chain through");
  expectRuns(scene.device, before);
  return false;
}

/** The verifier refuses a program. */
async function reject(scene: Scene): Promise<boolean> {
  const before = names(scene.device);
  const rejected = { ...testProgram("rejected"), priority: 50, linkage: "call" as const };
  const refused = await scene.live.update(scene.make(scene.number, [rejected], {})).then(
    () => false,
    () => true,
  );
  if (!refused) throw new Error("the verifier took a program that it refuses");
  expectRuns(scene.device, before);
  return false;
}

/** Two changes at once: one after the other. */
async function race(scene: Scene): Promise<boolean> {
  const [one, other] = [someChain(scene), someChain({ ...scene, number: scene.number + 1 })];
  // On a busy machine one takes long, and the other waits for it.
  const patient = { lockTimeout: 120_000 };
  await Promise.all([scene.live.update(one, patient), attach(other, scene.device, patient)]);
  expectRuns(scene.device, inOrder(one), inOrder(other));
  return true;
}

/** A loaded program takes the place of another, and the dispatcher runs on. */
async function replace({ live, device, make, random, number }: Scene): Promise<boolean> {
  const which = random.int(BETWEEN.length);
  const slot = { priority: 50, linkage: "tail", proceedOn: ACTIONS } as const;
  const [one, other] = [BETWEEN, TWINS].map((list) => withLoaded(make(number, [{ ...list[which]!, ...slot }], {})));
  await live.update(one!);
  const before = status(device)[0]!;
  const { outcome } = await live.update(other!);
  if (outcome !== "replaced") throw new Error(`the outcome is ${outcome}`);
  expectRuns(device, inOrder(other!));
  const after = status(device)[0]!;
  if (after.dispatcher.id !== before.dispatcher.id) throw new Error("the dispatcher is another one");
  if (after.programs[1]!.id === before.programs[1]!.id) throw new Error("the slot holds what it held");
  return true;
}

/** The generation before runs again, as it was. */
async function goBack(scene: Scene): Promise<boolean> {
  const before = status(scene.device)[0]!;
  const chain = someChain(scene);
  await scene.live.update(chain);
  expectRuns(scene.device, inOrder(chain));
  const { generation } = await rollback(scene.device);
  if (generation !== before.generation) throw new Error(`back to ${generation}, and not to ${before.generation}`);
  expectRuns(
    scene.device,
    before.programs.map(({ name }) => name),
  );
  return true;
}

/** Another interface gets the chain too, and loses it again. */
async function share(scene: Scene): Promise<boolean> {
  const { device, other } = scene;
  const chain = someChain(scene);
  await attachAll(chain, [device, other]);
  expectRuns(device, inOrder(chain));
  expectRuns(other, inOrder(chain));
  const [one, two] = [device, other].map((name) => status(name)[0]!.dispatcher.id);
  if (one !== two) throw new Error("the interfaces do not share the dispatcher");
  await detach(other);
  expectRuns(device, inOrder(chain));
  return true;
}

/** How often each, of the sum. */
export const DEEDS: Readonly<Record<string, { readonly often: number; readonly deed: Deed }>> = {
  swap: { often: 60, deed: swap },
  "call that fails": { often: 20, deed: fail },
  "check that refuses": { often: 6, deed: refuse },
  "program that the verifier refuses": { often: 6, deed: reject },
  "two at once": { often: 6, deed: race },
  "loaded program in another's place": { often: 6, deed: replace },
  "two interfaces": { often: 6, deed: share },
  rollback: { often: 6, deed: goBack },
  "process that is killed": { often: 6, deed: kill },
};
