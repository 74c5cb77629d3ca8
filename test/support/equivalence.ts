/**
 * One program alone, and the same between two neighbours in a chain, and what each makes of the same random packets. In: a
 * program and what its maps hold first. Out: verdicts, packets and the contents of the maps, to be compared.
 */
import { execFileSync } from "node:child_process";
import type { Linkage, ObjectLinkage, Program } from "../../src/chain/index.ts";
import { synthesise } from "../../src/codegen/index.ts";
import { setGlobals } from "../../src/codegen/object/globals.ts";
import { openKernel } from "../../src/loader/index.ts";
import { openLoaded } from "../../src/loader/load/loaded.ts";
import type { MapBinder } from "../../src/loader/load/maps.ts";
import type { ObjectMap } from "../../src/loader/machine/kernel.ts";
import { loadCopy } from "../../src/loader/run/copy.ts";
import { chainOf, sampleProgram } from "./chains.ts";
import { randomFrame } from "./random-frames.ts";
import { random } from "./random.ts";
import { valueOnAllCpus } from "./samples.ts";

export type Entry = readonly [map: string, key: readonly number[] | Uint8Array, value: readonly number[] | Uint8Array];

/** A program that can be run: alone or in a chain. */
export interface Runnable extends Disposable {
  readonly program: number;
  readonly maps: ReadonlyMap<string, ObjectMap>;
}

export function alone({ bytes, globals = {}, name, function: main }: Program): Runnable {
  const object = openKernel().openObject(setGlobals(bytes!, globals), name.replaceAll("-", "_"));
  const chosen = object.programs.find((one) => main === undefined || one.name === main)!;
  chosen.makeXdp();
  object.load();
  const maps = new Map(object.maps.map((map) => [map.name, map]));
  return { program: chosen.fd(), maps, [Symbol.dispose]: () => object[Symbol.dispose]() };
}

/** Its neighbours leave nothing as it was, on the stack and in registers, and nothing to see of it in the packet. */
export function amongNeighbours(program: Program, linkage: Linkage): Runnable {
  return linkage === "tail" ? loadedBefore(program) : linkedOrExtending(program, linkage);
}

/** Loaded by somebody else, with maps of its own. */
function loadedBefore(program: Program): Runnable {
  const own = alone(program);
  const chain = chainOf(neighbours({ name: program.name, fd: own.program }), { linkage: "call" });
  const loaded = openLoaded(openKernel(), chain);
  const copy = loadCopy(openKernel(), synthesise(loaded.chain), loaded);
  const dispose = (): void => [copy, loaded, own].forEach((one) => one[Symbol.dispose]());
  return { program: copy.program, maps: own.maps, [Symbol.dispose]: dispose };
}

function linkedOrExtending(program: Program, linkage: ObjectLinkage): Runnable {
  const chain = chainOf(neighbours(program), { linkage });
  const image = synthesise(chain);
  const chosen = image.manifest.programs.map((one) => one.linkage);
  if (chosen.some((one) => one !== linkage)) throw new Error(`asked for ${linkage}, bound by ${chosen.join(", ")}`);
  const maps = new Map<string, ObjectMap>();
  const binder: MapBinder = {
    bind(of, name, map) {
      if (of.name === program.name) maps.set(name, map);
      return { name, map, shared: map.pinnedByName, fate: "new" };
    },
    loaded() {},
  };
  return { ...loadCopy(openKernel(), image, openLoaded(openKernel(), chain), binder), maps };
}

function neighbours(program: Program): readonly Program[] {
  const before = { ...sampleProgram("counter"), name: "before", priority: 1 };
  const after = { ...sampleProgram("bench-pass"), name: "after", priority: 3 };
  return [before, { ...program, priority: 2 }, after];
}

export interface Observed {
  readonly packets: readonly { readonly verdict: number; readonly data: string }[];
  /** By map, sorted. */
  readonly contents: readonly (readonly [map: string, entries: readonly string[]])[];
}

/** What becomes of the packets, and what is in the maps afterwards. */
export async function observed(
  { program, maps }: Runnable,
  entries: readonly Entry[],
  packetCount: number,
  ignored: ReadonlySet<string> = new Set(),
): Promise<Observed> {
  const kernel = openKernel();
  for (const [name, key, value] of entries) {
    const map = maps.get(name);
    // Programs of one family have some of its maps.
    if (map) kernel.update(map.fd(), Uint8Array.from(key), valueOnAllCpus(map.type, Uint8Array.from(value)));
  }
  const from = random(7);
  const packets: { verdict: number; data: string }[] = [];
  for (let nth = 0; nth < packetCount; nth++) {
    const { retval, dataOut } = await kernel.testRun(program, { data: randomFrame(from) });
    // Alone, "no verdict of mine" is a verdict; in a chain it goes on, and off its end it is PASS.
    packets.push({ verdict: retval === 31 ? 2 : retval, data: Buffer.from(dataOut).toString("hex") });
  }
  const contents = [...maps]
    .filter(([name, { type }]) => !/^\.(rodata|kconfig)/.test(name) && !NOT_COMPARED.has(type) && !ignored.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, map]) => [name, dump(kernel.mapInfo(map.fd()).id)] as const);
  return { packets, contents };
}

/**
 * Maps whose values differ with every load, which hold programs, maps or perf events, and ring buffers, which nobody can
 * look up: BPF_MAP_TYPE_PROG_ARRAY, _PERF_EVENT_ARRAY, _ARRAY_OF_MAPS, _HASH_OF_MAPS, _RINGBUF.
 */
const NOT_COMPARED: ReadonlySet<number> = new Set([3, 4, 12, 13, 27]);

interface Entries {
  readonly key?: unknown;
  readonly value?: unknown;
  readonly values?: readonly { readonly value: readonly string[] }[];
}

/** Hash maps give their entries in any order, and which CPU ran a packet is chance: counters of all CPUs are one. */
function dump(id: number): readonly string[] {
  const text = execFileSync("bpftool", ["-j", "map", "dump", "id", `${id}`], { encoding: "utf8", maxBuffer: 2 ** 28 });
  const found = JSON.parse(text) as Entries | readonly Entries[];
  return [found]
    .flat()
    .map(({ key, value, values }) => JSON.stringify([key, values ? summed(values.map((one) => one.value)) : value]))
    .toSorted();
}

/** The 64-bit numbers of several values, added up one by one. */
function summed(values: readonly (readonly string[])[]): readonly string[] {
  const words = values.map((bytes) => {
    const whole = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
    whole.set(bytes.map(Number));
    return new BigUint64Array(whole.buffer);
  });
  return Array.from(words[0]!, (_, at) => `${words.reduce((sum, one) => sum + one[at]!, 0n)}`);
}
