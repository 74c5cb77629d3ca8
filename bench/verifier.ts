/**
 * What the kernel's verifier walks for a chain, inlined and called, against the sum of its programs, each loaded alone. Exact
 * counts of `bpf_prog_info` (Linux 5.16). The time is that of the whole load: maps, verifier, JIT.
 *
 * One program of the kernel uses 64 maps at most, and a data section is one: about two dozen of the sample programs. So the
 * longer chains are of the same sources with maps that are pinned by name, which all instances share, and globals that are
 * constants. Two of the samples take 150,000 instructions between them, so a hundred of all come to more than the million that
 * the verifier walks; a hundred of the other eight do not.
 */
import { readFileSync } from "node:fs";
import type { GlobalValue, Program } from "../src/chain/index.ts";
import { synthesise } from "../src/codegen/index.ts";
import { setGlobals } from "../src/codegen/object/globals.ts";
import { XdpgenError } from "../src/errors.ts";
import { openKernel } from "../src/loader/index.ts";
import { openLoaded } from "../src/loader/load/loaded.ts";
import type { MapBinder } from "../src/loader/load/maps.ts";
import { loadCopy } from "../src/loader/run/copy.ts";
import { chainOf } from "../test/support/chains.ts";
import { compile } from "../test/support/objects.ts";
import { kept } from "./kept.ts";
import { showSpread, type Spread, spread } from "./statistics.ts";

interface Kind {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly globals: Readonly<Record<string, GlobalValue>>;
}

/** With globals that leave nothing of them out. */
const SAMPLES: Readonly<Record<string, Kind["globals"]>> = {
  counter: {},
  denylist: {},
  "vlan-pop": { vlan_id: 7 },
  classify: { unknown: 2 },
  ratelimit: { rate_pps: 1000, burst: 200 },
  firewall: { family: 4 },
  ids: {},
  sample: { one_in: 100 },
  balancer: {},
  echo: {},
};
const HEAVY = ["ids", "balancer"];

const LENGTHS = [1, 2, 4, 8, 10, 16, 20, 32, 64, 100];

const LINKED = ["inline", "call"] as const;
type Linked = (typeof LINKED)[number];

interface Load {
  readonly verified: number;
  readonly milliseconds: Spread;
}

export interface VerifierRow {
  /** What the chain is made of, in turn. */
  readonly kinds: string;
  readonly programs: number;
  /** Of the programs, each alone. */
  readonly sum: number;
  readonly loaded: Readonly<Record<Linked, Load | { readonly refused: string }>>;
}

const WORDS = {
  method:
    "verified_insns of bpf_prog_info, once for each chain; the programs' sum is of each loaded alone. The time is that of five loads: " +
    "maps, verifier and JIT. Objects are opened, and the dispatcher is made, before.",
  caveats: [
    "Counts are exact on this kernel; other releases of the verifier walk otherwise.",
    "The longer chains are of the same programs over and over, sharing maps that are pinned by name.",
  ],
};

export const verifier = kept<VerifierRow>("verifier", WORDS, {
  measure({ smoke, progress }) {
    const real = Object.entries(SAMPLES).map(([name, globals]): Kind => ({ name, bytes: compiled(name), globals }));
    const sharing = Object.keys(SAMPLES).map((name): Kind => ({ name, bytes: sharingMaps(name), globals: {} }));
    const sets: Readonly<Record<string, readonly Kind[]>> = {
      "bench-pass": [{ name: "bench-pass", bytes: compiled("bench-pass"), globals: {} }],
      "ten samples": real,
      "ten samples, sharing maps": sharing,
      [`without ${HEAVY.join(" and ")}`]: sharing.filter(({ name }) => !HEAVY.includes(name)),
    };
    return Object.entries(sets).flatMap(([kinds, members]) => {
      const alone = members.map(verifiedAlone);
      return (smoke ? [2] : LENGTHS).map((programs): VerifierRow => {
        progress(`${programs} programs, ${kinds}`);
        const chain = Array.from({ length: programs }, (_, nth) => members[nth % members.length]!);
        return {
          kinds,
          programs,
          sum: chain.reduce((sum, _, nth) => sum + alone[nth % members.length]!, 0),
          loaded: { inline: load(chain, "inline", smoke ? 1 : 5), call: load(chain, "call", smoke ? 1 : 5) },
        };
      });
    });
  },
  show: (rows) => [
    "Instructions that the verifier walks for a chain, of the sum of its programs, and ms of loading it: median (minimum to maximum)",
    ...rows.flatMap(({ kinds, programs, sum, loaded }) => [
      `${`${programs}`.padStart(3)} programs, ${kinds}: ${sum} alone`,
      ...LINKED.map((linkage) => {
        const result = loaded[linkage];
        const name = `      ${linkage.padEnd(6)} `;
        if ("refused" in result) return `${name} ${result.refused}`;
        const ratio = (result.verified / sum).toFixed(2);
        return `${name}${`${result.verified}`.padStart(8)}  ${ratio} of the sum  ${showSpread(result.milliseconds, 0)}`;
      }),
    ]),
  ],
});

const compiled = (name: string): Uint8Array => new Uint8Array(readFileSync(`bpf/.output/${name}.bpf.o`));

function sharingMaps(name: string): Uint8Array {
  const source = readFileSync(`bpf/${name}.bpf.c`, "utf8")
    .replaceAll("__uint(type, ", "__uint(pinning, LIBBPF_PIN_BY_NAME); __uint(type, ")
    .replaceAll(
      /^const volatile (\w+) (\w+)(.*?) = (.*);$/gm,
      (_, type: string, global: string, rest, value: string) => {
        const given = SAMPLES[name]![global];
        return `static const ${type} ${global}${String(rest)} = ${given === undefined ? value : String(given)};`;
      },
    );
  return compile(source, "-I", "bpf");
}

function verifiedAlone({ bytes, globals }: Kind): number {
  const kernel = openKernel();
  using object = kernel.openObject(setGlobals(bytes, globals), "alone");
  const [program] = object.programs;
  program!.makeXdp();
  object.load();
  return kernel.programInfo(program!.fd()).verifiedInstructions;
}

function load(chain: readonly Kind[], linkage: Linked, rounds: number): VerifierRow["loaded"][Linked] {
  try {
    const results = Array.from({ length: rounds }, () => loadOnce(chain, linkage));
    const milliseconds = spread(results.map((result) => result.milliseconds));
    return { verified: results[0]!.verified, milliseconds };
  } catch (error) {
    if (!(error instanceof XdpgenError)) throw error;
    return { refused: error.message.split(/[;.\n]/)[0]! };
  }
}

function loadOnce(
  chain: readonly Kind[],
  linkage: Linked,
): { readonly verified: number; readonly milliseconds: number } {
  const kernel = openKernel();
  const programs = chain.map(({ name, bytes, globals }, nth): Program => {
    return { name: `p${nth}`, object: `${name}.bpf.o`, bytes, globals, priority: nth };
  });
  const declared = chainOf(programs, { linkage });
  const image = synthesise(declared);
  using loaded = openLoaded(kernel, declared);
  const start = performance.now();
  using copy = loadCopy(kernel, image, loaded, UNBOUND);
  const milliseconds = performance.now() - start;
  return { verified: kernel.programInfo(copy.program).verifiedInstructions, milliseconds };
}

/** Every map as new. */
const UNBOUND: MapBinder = {
  bind: (_, name, map) => ({ name, map, shared: map.pinnedByName, fate: "new" }),
  loaded() {},
};
