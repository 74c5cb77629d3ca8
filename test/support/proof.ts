/**
 * Random chains with random packets, for the proof that whatever xdpgen makes of a chain decides as the reference model
 * does. In: a way to run a chain. Out: nothing, or the smallest chain that is run otherwise, as a chain.yaml.
 */
import fc from "fast-check";
import type { Chain } from "../../src/chain/index.ts";
import { chainToYaml } from "./chain-yaml.ts";
import { chainOfGraph, graphs } from "./graphs.ts";
import { countModel, type Outcome, runModel } from "./model.ts";

/** Actions, the code with a meaning, and codes that are no action. */
export const CODES = [2, 31, 0, 1, 3, 4, 5, 17, 32, 33, 63, 255, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** More codes than the analysis of an object follows. */
const MANY = [...CODES, 40, 41, 42, 43];

/** What the code of some programs shows that they can return. */
const BOUNDED = [
  [2],
  [1],
  [31],
  [2, 31],
  [1, 2],
  [2, 3],
  [2, 3, 4],
  [0, 1, 2],
  [1, 31],
  [4, 255],
  [2, 0xffff_ffff],
  MANY,
];

export interface Proof {
  readonly chain: Chain;
  /** What the programs return for each packet, by the number in their names. */
  readonly packets: readonly (readonly number[])[];
}

/** Most programs of a chain: `p0` to `p63`. */
export const MOST_PROGRAMS = 64;

/** Chains with packets. Most are short: edges of all forms are in them as often, and a long one costs five times as much. */
export const proofs: fc.Arbitrary<Proof> = fc.oneof(
  { weight: 9, arbitrary: proofsOf(12) },
  { weight: 1, arbitrary: proofsOf(MOST_PROGRAMS) },
);

function proofsOf(most: number): fc.Arbitrary<Proof> {
  const ranks = { minLength: 0, maxLength: most, size: "max" } as const;
  return fc
    .record({
      graph: graphs(most),
      counters: fc.boolean(),
      bounded: fc.array(fc.option(fc.nat(BOUNDED.length - 1), { freq: 2 }), ranks),
      rows: fc.array(fc.array(fc.nat(CODES.length - 1), ranks), { minLength: 1, maxLength: 6 }),
    })
    .map(({ graph, counters, bounded, rows }): Proof => {
      const possible = (rank: number): readonly number[] | undefined => BOUNDED[bounded[rank] ?? -1];
      return {
        chain: { ...chainOfGraph(graph, possible), counters },
        packets: rows.map((row) =>
          Array.from({ length: graph.programs.length }, (_, rank) => {
            const codes = possible(rank) ?? CODES;
            return codes[(row[rank] ?? 0) % codes.length]!;
          }),
        ),
      };
    });
}

/** What the model says of a packet. */
export function expected({ chain }: Proof, packet: readonly number[]): Outcome {
  return runModel(chain, codesOf(packet));
}

/** What counters hold behind all packets; undefined where the chain has none. */
export function expectedCounts(proof: Proof): ReturnType<typeof countModel> | undefined {
  if (!proof.chain.counters) return undefined;
  const outcomes = proof.packets.map((packet) => ({ path: expected(proof, packet).path, codes: codesOf(packet) }));
  return countModel(
    outcomes,
    proof.chain.programs.map(({ name }) => name),
  );
}

const codesOf = (packet: readonly number[]): ReadonlyMap<string, number> =>
  new Map(packet.map((code, rank) => [`p${rank}`, code]));

/** Counts in words that tell any two apart, whatever the order of the programs. */
export function countsInWords(counts: ReadonlyMap<string, Readonly<Record<string, number>>> | undefined): string {
  const lines = [...(counts ?? [])].map(([name, of]) => {
    const some = Object.entries(of).filter(([, count]) => count > 0);
    return `${name} ${some.map(([outcome, count]) => `${outcome} ${count}`).join(" ")}`;
  });
  return lines.toSorted().join("\n");
}

/** Programs that ran and verdict, in words that tell any two outcomes apart. */
export const inWords = ({ path, verdict }: Outcome): string => `${path.join(" ")} -> ${verdict}`;

/** A failing case as a person can read it. */
export function showProof({ chain, packets }: Proof): string {
  const rows = packets.map((packet) => `${packet.map((code, rank) => `p${rank}=${code}`).join(" ")}\n`);
  return `${chainToYaml(chain)}what the programs return:\n${rows.join("")}`;
}
