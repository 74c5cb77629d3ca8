/**
 * What a packet pays for a chain: nanoseconds of one run of n programs that each look at the packet and pass it, by
 * BPF_PROG_TEST_RUN. Side by side in each round: our linkages, and the chain of constant tail calls that needs no dispatcher
 * and cannot look at verdicts. The floor is one such program alone.
 */
import { readFileSync } from "node:fs";
import type { Linkage } from "../src/chain/index.ts";
import { setGlobals } from "../src/codegen/object/globals.ts";
import { attach, type BpfObject, canFreplace, openKernel } from "../src/loader/index.ts";
import { chainOf } from "../test/support/chains.ts";
import { u32 } from "../test/support/samples.ts";
import { veth } from "../test/support/veth.ts";
import type { Section } from "./section.ts";
import { showSpread, type Spread, spread } from "./statistics.ts";

export interface DispatcherRow {
  readonly subject: string;
  readonly programs: number;
  /** Nanoseconds of one run of the whole chain, the run's own overhead included. */
  readonly nanoseconds: Spread;
}

interface Subject {
  readonly name: string;
  readonly programs: number;
  run(repeat: number): Promise<number>;
}

const FRAME = new Uint8Array(64);
const object = (name: string): Uint8Array => new Uint8Array(readFileSync(`bpf/.output/${name}.bpf.o`));

export const dispatcher: Section<DispatcherRow> = {
  async measure({ smoke, progress }) {
    const cleanUps: CleanUp[] = [];
    try {
      return smoke
        ? await measure([1, 2], 1000, 1, cleanUps, progress)
        : await measure([1, 2, 5, 10, 32], 200_000, 21, cleanUps, progress);
    } finally {
      for (const cleanUp of cleanUps.toReversed()) await cleanUp();
    }
  },
  show: (rows) => [
    "A run of a chain of programs that pass, in ns: median (minimum to maximum)",
    ...rows.map(({ subject, programs, nanoseconds }) => {
      const peer = rows.find((row) => row.subject === "tail calls" && row.programs === programs)!;
      const ratio = (nanoseconds.median / peer.nanoseconds.median).toFixed(2);
      const shown = showSpread(nanoseconds, 0).padEnd(28);
      return `${`${programs}`.padStart(3)} by ${subject.padEnd(12)}${shown} ${ratio} of tail calls`;
    }),
  ],
};

type CleanUp = () => unknown;

/** @param repeat runs behind one figure; @param rounds figures behind one median */
async function measure(
  lengths: readonly number[],
  repeat: number,
  rounds: number,
  cleanUps: CleanUp[],
  progress: (what: string) => void,
): Promise<readonly DispatcherRow[]> {
  const linkages: readonly Linkage[] = canFreplace(openKernel()) ? ["call", "freplace"] : ["call"];
  const subjects: Subject[] = [];
  for (const n of lengths) {
    progress(`loading ${n} programs`);
    for (const linkage of linkages) subjects.push(await dispatched(cleanUps, n, linkage));
    subjects.push(tailCalled(cleanUps, n));
  }
  const figures = new Map(subjects.map((s) => [s, [] as number[]]));
  // In turn, so that a change of the machine's speed meets all of them.
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    for (const [subject, list] of figures) list.push(await subject.run(repeat));
  }
  return [...figures].map(([{ name, programs }, list]) => ({ subject: name, programs, nanoseconds: spread(list) }));
}

async function dispatched(cleanUps: CleanUp[], programs: number, linkage: Linkage): Promise<Subject> {
  const pair = veth(`bn${linkage.slice(0, 4)}${programs}`);
  cleanUps.push(() => pair[Symbol.dispose]());
  const bytes = object("bench-pass");
  const declared = Array.from({ length: programs }, (_, k) => ({ name: `p${k}`, object: "bench-pass.bpf.o", bytes }));
  const live = await attach(chainOf(declared, { linkage }), pair.far);
  cleanUps.push(() => live.detach());
  const run = async (repeat: number): Promise<number> => (await live.testRun({ data: FRAME, repeat })).duration;
  return { name: linkage, programs, run };
}

function tailCalled(cleanUps: CleanUp[], programs: number): Subject {
  const kernel = openKernel();
  const links: BpfObject[] = [];
  for (let k = 0; k < programs; k++) {
    const link = kernel.openObject(setGlobals(object("bench-tail"), { next: k + 1 }), `tail${k}`);
    cleanUps.push(() => link[Symbol.dispose]());
    if (links[0]) link.map("tail_calls")!.reuse(links[0].map("tail_calls")!.fd());
    for (const program of link.programs) program.makeXdp();
    link.load();
    links.push(link);
  }
  const array = links[0]!.map("tail_calls")!.fd();
  for (const [k, link] of links.entries()) if (k > 0) kernel.update(array, u32(k), u32(link.programs[0]!.fd()));
  const first = links[0]!.programs[0]!.fd();
  const run = async (repeat: number): Promise<number> =>
    (await kernel.testRun(first, { data: FRAME, repeat })).duration;
  return { name: "tail calls", programs, run };
}
