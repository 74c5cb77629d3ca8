/**
 * A program does bit for bit the same wherever its code is: alone, called, inlined or extended. The same random packets go
 * through each program alone, and through a chain of it between two neighbours, for every linkage; verdicts, packets and
 * the contents of all its maps must be equal. bpftool reads the maps.
 */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import type { Linkage, Program } from "../../src/chain/index.ts";
import { synthesise } from "../../src/codegen/index.ts";
import { setGlobals } from "../../src/codegen/object/globals.ts";
import { loadCopy } from "../../src/loader/copy.ts";
import { openKernel } from "../../src/loader/index.ts";
import type { ObjectMap } from "../../src/loader/kernel.ts";
import type { MapBinder } from "../../src/loader/maps.ts";
import { chainOf, sampleProgram, testProgram } from "../support/chains.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { distributionObjects } from "../support/objects.ts";
import { random } from "../support/random.ts";
import { randomFrame } from "../support/random-frames.ts";
import { kernelMissing, u32, u64, valueOnAllCpus } from "../support/samples.ts";

const PACKETS = process.env["XDPGEN_VM"] === undefined ? 400 : 40;

type Entry = readonly [map: string, key: readonly number[] | Uint8Array, value: readonly number[] | Uint8Array];

interface Subject {
  readonly program: Program;
  /** What its maps hold before the first packet. */
  readonly entries?: readonly Entry[];
  /** The same for loaders that load an object alone, where they do not load this one. */
  readonly lone?: Program;
  /** Linkages that it is refused. */
  readonly except?: readonly Linkage[];
}

const mapped = (...address: readonly number[]): number[] => [...Array<number>(10).fill(0), 0xff, 0xff, ...address];
const V6 = [0x20, 0x01, 0x0d, 0xb8, ...Array<number>(11).fill(0), 1];

/** Left out: what time or chance decides (ratelimit, sample), and what `inline` refuses (tail calls). */
const SAMPLES: readonly Subject[] = [
  { program: sampleProgram("bench-pass") },
  { program: sampleProgram("counter") },
  { program: sampleProgram("echo") },
  { program: sampleProgram("vlan-pop") },
  {
    program: sampleProgram("denylist"),
    entries: [
      ["denylist_v4", [24, 0, 0, 0, 192, 0, 2, 0], u64(0n)],
      ["denylist_v6", [48, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 1, ...Array<number>(10).fill(0)], u64(0n)],
    ],
  },
  {
    program: { ...sampleProgram("classify"), globals: { unknown: 3 } },
    entries: [
      ["classify_tenants", [1, 0], u32(2)],
      ["classify_tenants", [2, 0], u32(4)],
    ],
  },
  ...[4, 6].map((family): Subject => ({
    program: { ...sampleProgram("firewall"), globals: { family } },
    entries: [
      ["firewall_services", [17, 0, 0, 53], u64(0n)],
      ["firewall_services", [6, 0, 1, 187], u64(0n)],
      ["firewall_sources", [120, 0, 0, 0, ...mapped(198, 51, 100, 0)], u64(0n)],
      ["firewall_sources", [128, 0, 0, 0, ...V6], u64(0n)],
    ],
  })),
  { program: sampleProgram("ids"), entries: [["ids_signatures", [0, 1, 2, 3, 4, 5, 6, 7], u64(0n)]] },
  {
    program: sampleProgram("balancer"),
    entries: [
      ["balancer_services", [...mapped(192, 0, 2, 2), 0, 53, 17, 0], [0, 0, 0, 0, 3, 0, 0, 0]],
      ["balancer_services", [...V6, 0, 80, 6, 0], [3, 0, 0, 0, 1, 0, 0, 0]],
      ...[0, 1, 2, 3].map((k): Entry => ["balancer_backends", u32(k), [2, 0, 0, 0, 1, k, 0, 0]]),
    ],
  },
];

const OTHERS: readonly Subject[] = [
  ...["adjust", "callback", "core", "frags", "globals", "hidden", "map-in-map", "no-btf", "stack", "vlan-push"].map(
    (name) => ({ program: testProgram(name) }),
  ),
  { program: testProgram("static-maps"), lone: testProgram("map-in-map"), except: ["freplace"] },
  { program: { ...testProgram("map-of-programs"), function: "xdp_map_of_programs" }, except: ["freplace"] },
];

/** xdp-filter's features, by the maps of its programs. */
const XDPFILT: readonly Entry[] = [
  ["filter_ports", [0, 53, 0, 0], u64(7n)],
  ["filter_ports", [1, 187, 0, 0], u64(6n)],
  ["filter_ipv4", [192, 0, 2, 1], u64(1n)],
  ["filter_ipv6", V6, u64(3n)],
  ["filter_ethernet", [2, 0, 0, 0, 0, 1], u64(1n)],
];
const XDP_TOOLS: readonly Subject[] = distributionObjects()
  .filter(([name]) => name.startsWith("xdpfilt_"))
  .map(([object, bytes]) => {
    const name = object.replace(/\.o$/, "").replaceAll("_", "-");
    return { program: { name, object, bytes }, entries: XDPFILT };
  });

/** A program that can be run: alone or in a chain. */
interface Runnable extends Disposable {
  readonly program: number;
  readonly maps: ReadonlyMap<string, ObjectMap>;
}

function alone({ bytes, globals = {}, name, function: main }: Program): Runnable {
  const object = openKernel().openObject(setGlobals(bytes!, globals), name.replaceAll("-", "_"));
  const chosen = object.programs.find((one) => main === undefined || one.name === main)!;
  chosen.makeXdp();
  object.load();
  const maps = new Map(object.maps.map((map) => [map.name, map]));
  return { program: chosen.fd(), maps, [Symbol.dispose]: () => object[Symbol.dispose]() };
}

/** Its neighbours leave nothing as it was, on the stack and in registers, and nothing to see of it in the packet. */
function amongNeighbours(program: Program, linkage: (typeof runnableLinkages)[number]): Runnable {
  const before = { ...sampleProgram("counter"), name: "before", priority: 1 };
  const after = { ...sampleProgram("bench-pass"), name: "after", priority: 3 };
  const image = synthesise(chainOf([before, { ...program, priority: 2 }, after], { linkage }));
  expect(image.manifest.programs.map((one) => one.linkage)).toEqual([linkage, linkage, linkage]);
  const maps = new Map<string, ObjectMap>();
  const binder: MapBinder = {
    bind(of, name, map) {
      if (of.name === program.name) maps.set(name, map);
      return { name, map, shared: map.pinnedByName, fate: "new" };
    },
    loaded() {},
  };
  return { ...loadCopy(openKernel(), image, binder), maps };
}

/** What becomes of the packets, and what is in the maps afterwards. */
async function observed({ program, maps }: Runnable, entries: readonly Entry[]): Promise<object> {
  const kernel = openKernel();
  for (const [name, key, value] of entries) {
    const map = maps.get(name);
    // Programs of one family have some of its maps.
    if (map) kernel.update(map.fd(), Uint8Array.from(key), valueOnAllCpus(map.type, Uint8Array.from(value)));
  }
  const from = random(7);
  const packets: { verdict: number; data: string }[] = [];
  for (let nth = 0; nth < PACKETS; nth++) {
    const { retval, dataOut } = await kernel.testRun(program, { data: randomFrame(from) });
    // Alone, "no verdict of mine" is a verdict; in a chain it goes on, and off its end it is PASS.
    packets.push({ verdict: retval === 31 ? 2 : retval, data: Buffer.from(dataOut).toString("hex") });
  }
  const contents = [...maps]
    .filter(([name, { type }]) => !name.startsWith(".rodata") && !HOLD_IDS.has(type))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, map]) => [name, dump(kernel.mapInfo(map.fd()).id)]);
  return { packets, contents };
}

/** Maps of programs and of maps, whose values differ with every load: BPF_MAP_TYPE_PROG_ARRAY, _ARRAY_OF_MAPS, _HASH_OF_MAPS. */
const HOLD_IDS: ReadonlySet<number> = new Set([3, 12, 13]);

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
  const words = values.map((bytes) => new BigUint64Array(Uint8Array.from(bytes.map(Number)).buffer));
  return Array.from(words[0]!, (_, at) => `${words.reduce((sum, one) => sum + one[at]!, 0n)}`);
}

const subjects = [...SAMPLES, ...OTHERS, ...XDP_TOOLS].map((subject) => {
  const { name, globals } = subject.program;
  return { ...subject, title: globals ? `${name} ${JSON.stringify(globals)}` : name };
});

describe.skipIf(kernelMissing()).each(subjects)("$title", ({ program, entries = [], lone: other, except = [] }) => {
  it.each(runnableLinkages.filter((linkage) => !except.includes(linkage)))(
    "is alike alone and by %s",
    async (linkage) => {
      using chained = amongNeighbours(program, linkage);
      using lone = alone(other ?? program);
      const expected = await observed(lone, entries);
      expect(await observed(chained, entries)).toEqual(expected);
    },
  );
});
