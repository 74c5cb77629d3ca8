/**
 * Ten real programs as one: inlined by our linker, called, as extensions where the kernel takes them, and written into one C
 * file that clang -O2 compiles, which is the limit. The packet is a DNS query that every program passes. By
 * BPF_PROG_TEST_RUN; in a virtual machine with `--icount` the nanoseconds are instructions, exact and the same in each run.
 */
import { readFileSync } from "node:fs";
import { type Chain, type GlobalValue, type ObjectLinkage, OBJECT_LINKAGES, type Program } from "../src/chain/index.ts";
import { setGlobals } from "../src/codegen/object/globals.ts";
import { synthesise } from "../src/codegen/index.ts";
import { loadCopy } from "../src/loader/copy.ts";
import { openLoaded } from "../src/loader/loaded.ts";
import { type BpfObject, canFreplace, openKernel } from "../src/loader/index.ts";
import type { ObjectMap } from "../src/loader/kernel.ts";
import type { MapBinder } from "../src/loader/maps.ts";
import { ethernet, frame, ipv4, payload, udp } from "../src/packets/index.ts";
import { chainOf } from "../test/support/chains.ts";
import { compile } from "../test/support/objects.ts";
import { u64 } from "../test/support/samples.ts";
import type { Options, Section } from "./section.ts";
import { showSpread, type Spread, spread } from "./statistics.ts";

/** In their order, with what makes them pass the packet. */
const PROGRAMS: Readonly<Record<string, Readonly<Record<string, GlobalValue>>>> = {
  counter: {},
  denylist: {},
  "vlan-pop": {},
  classify: { unknown: 2 },
  ratelimit: { rate_pps: 4_000_000_000, burst: 4_000_000_000 },
  firewall: { family: 4 },
  ids: {},
  sample: { one_in: 0 },
  balancer: {},
  echo: {},
};

/** `struct service` of bpf/firewall.bpf.c: UDP, port 53. */
const DNS_SERVICE = Uint8Array.of(17, 0, 0, 53);
const PACKET = frame(ethernet(), ipv4(), udp({ dst: 53 }), payload(40));
const PASS = 2;

export interface OneProgramRow {
  readonly subject: string;
  /** Nanoseconds of one run, the run's own overhead included; with `--icount` instructions. */
  readonly nanoseconds: Spread;
  /** Above the empty run, against the one C file. */
  readonly ratio: number;
}

interface Subject {
  readonly name: string;
  /** fd */
  readonly program: number;
}

const EMPTY = "no program";
const LIMIT = "one C file, clang -O2";

export const oneProgram: Section<OneProgramRow> = {
  async measure(options) {
    options.progress("compiling and loading");
    const linkages = OBJECT_LINKAGES.filter((linkage) => linkage !== "freplace" || canFreplace(openKernel()));
    // They live as long as the process, which is this section's own.
    return measured([empty(), oneFile(), ...linkages.map(chained)], options);
  },
  show: (rows) => [
    `A run of ten real programs (${Object.keys(PROGRAMS).join(", ")}), in ns: median (minimum to maximum)`,
    ...rows.map(({ subject, nanoseconds, ratio }) => {
      const compared = subject === EMPTY ? "" : `${ratio.toFixed(3)} of one C file, above the empty run`;
      return `${subject.padEnd(24)}${showSpread(nanoseconds, 0).padEnd(28)} ${compared}`;
    }),
  ],
};

async function measured(subjects: readonly Subject[], { smoke, progress }: Options): Promise<readonly OneProgramRow[]> {
  const kernel = openKernel();
  for (const { name, program } of subjects) {
    const { retval } = await kernel.testRun(program, { data: PACKET });
    if (retval !== PASS) throw new Error(`${name} does not pass the packet, it returns ${retval}`);
  }
  const figures = subjects.map((): number[] => []);
  const [repeat, rounds] = smoke ? [1000, 1] : process.env["XDPGEN_VM"] === undefined ? [200_000, 31] : [2000, 3];
  // In turn, so that a change of the machine's speed meets all of them.
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    for (const [index, { program }] of subjects.entries()) {
      figures[index]!.push((await kernel.testRun(program, { data: PACKET, repeat })).duration);
    }
  }
  const spreads = figures.map((list) => spread(list));
  const floor = spreads[0]!.median;
  return subjects.map(({ name }, index) => ({
    subject: name,
    nanoseconds: spreads[index]!,
    ratio: (spreads[index]!.median - floor) / (spreads[1]!.median - floor),
  }));
}

const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(`bpf/.output/${name}.bpf.o`));

function chain(linkage: ObjectLinkage): Chain {
  const programs = Object.entries(PROGRAMS).map(([name, globals], index): Program => {
    return { name, object: `${name}.bpf.o`, bytes: bytesOf(name), globals, priority: index };
  });
  return chainOf(programs, { linkage });
}

function chained(linkage: ObjectLinkage): Subject {
  const kernel = openKernel();
  const maps: { readonly name: string; readonly map: ObjectMap }[] = [];
  const binder: MapBinder = {
    bind(_, name, map) {
      maps.push({ name, map });
      return { name, map, shared: map.pinnedByName, fate: "new" };
    },
    loaded() {},
  };
  const copy = loadCopy(kernel, synthesise(chain(linkage)), openLoaded(kernel, chain(linkage)), binder);
  fill(maps.find(({ name }) => name === "firewall_services")!.map);
  return { name: linkage, program: copy.program };
}

function fill(services: ObjectMap): void {
  openKernel().update(services.fd(), DNS_SERVICE, u64(0n));
}

function loaded(name: string, bytes: Uint8Array): Subject & { readonly object: BpfObject } {
  const object = openKernel().openObject(bytes, "bench");
  object.programs[0]!.makeXdp();
  object.load();
  return { name, object, program: object.programs[0]!.fd() };
}

function empty(): Subject {
  const source = `#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int xdp_empty(struct xdp_md *ctx) { return XDP_PASS; }
char _license[] __attribute__((section("license"), used)) = "GPL";
`;
  return loaded(EMPTY, compile(source));
}

/** The sources one behind the other, what they name told apart, and a main function that calls each in turn. */
function oneFile(): Subject {
  const parts = Object.keys(PROGRAMS).map(told);
  const steps = Object.keys(PROGRAMS).map(
    (name) => `	code = xdp_${identifier(name)}(ctx);\n	if (code != XDP_PASS && code != 31)\n		return code;\n`,
  );
  const main = `SEC("xdp")\nint xdp_all(struct xdp_md *ctx)\n{\n	int code;\n\n${steps.join("")}	return XDP_PASS;\n}\n`;
  const bytes = compile([...parts, main, `char _license[] SEC("license") = "GPL";\n`].join("\n"), "-I", "bpf");
  const globals = Object.entries(PROGRAMS).flatMap(([name, values]) =>
    Object.entries(values).map(([variable, value]): [string, GlobalValue] => [
      `${identifier(name)}_${variable}`,
      value,
    ]),
  );
  const subject = loaded(LIMIT, setGlobals(bytes, Object.fromEntries(globals)));
  fill(subject.object.map("firewall_services")!);
  return subject;
}

const identifier = (name: string): string => name.replaceAll("-", "_");

/** A source whose structures, functions, variables and macros have the program's name in front. */
function told(name: string): string {
  const prefix = `${identifier(name)}_`;
  let text = readFileSync(`bpf/${name}.bpf.c`, "utf8")
    .replace(/^char _license.*$/m, "")
    .replace(/SEC\("xdp(?:\.frags)?"\)\nint /, "static __always_inline int ");
  const all = (pattern: RegExp): readonly string[] => [...text.matchAll(pattern)].map(([, found]) => found!);
  for (const tag of all(/^struct (\w+) \{/gm))
    text = text.replaceAll(new RegExp(`struct ${tag}\\b`, "g"), `struct ${prefix}${tag}`);
  for (const own of all(/^static __always_inline [^(]*?(\w+)\(/gm)) {
    if (own.startsWith("xdp_")) continue;
    text = text.replaceAll(new RegExp(`(?<![.>\\w])${own}\\(`, "g"), `${prefix}${own}(`);
  }
  const words = [...all(/^#define (\w+)/gm), ...all(/^const volatile \w+ (\w+)/gm)];
  for (const word of words) text = text.replaceAll(new RegExp(`(?<![.>\\w])${word}\\b`, "g"), `${prefix}${word}`);
  return text;
}
