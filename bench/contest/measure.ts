/**
 * Contestants side by side: all that do a work are loaded together and run in turn, round after round, so that a change of the
 * machine's speed meets all of them. Each is run once before, and must give the packet the verdict that the work prescribes, and
 * another packet that of the last program.
 */
import { openKernel } from "../../src/loader/index.ts";
import { compiled } from "./compiled.ts";
import { type Contestant, type Loaded, Refused } from "./contestant.ts";
import { nameOf, PACKET, PASS, proofOf, verdictOf, type Work } from "./work.ts";

/** One contestant on one work. */
export type Row = Measured | Absent;

export interface Measured extends Key {
  /** Of one run, the run's own cost included: nanoseconds, or instructions where the clock counts them. One each round. */
  readonly samples: readonly number[];
}

export interface Absent extends Key {
  /** Why there is no figure. */
  readonly absent: string;
}

export interface Key {
  readonly contestant: string;
  readonly work: Work;
}

export interface Plan {
  readonly contestants: (work: Work) => readonly Contestant[];
  readonly works: readonly Work[];
  readonly rounds: number;
  /** Load all anew for each round: where the kernel lays code, and so how fast it is, is then part of the spread. */
  readonly reload: boolean;
  /**
   * `kernel`: its mean of the runs, rounded down to whole nanoseconds. `processor`: the processor time of this process by
   * their number, which has fractions, and in which others that want the processor do not count.
   */
  readonly clock: "kernel" | "processor";
  /** How often a program is run for one sample, by what a run takes, as the kernel says it. */
  readonly repeat: (duration: number) => number;
  readonly progress: (what: string) => void;
}

export const isMeasured = (row: Row): row is Measured => "samples" in row;

/** Compiles what all of them are made of. */
export function prepare({ contestants, works, progress }: Pick<Plan, "contestants" | "works" | "progress">): void {
  for (const work of works) {
    progress(`compiling for ${nameOf(work)}`);
    for (const contestant of contestants(work)) {
      // What this kernel refuses, the guest's may take.
      if (contestant.refusal(work) === undefined) contestant.sources(work).forEach(compiled);
    }
  }
}

export async function measure(plan: Plan): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const work of plan.works) rows.push(...(await measureWork(work, plan)));
  return rows;
}

async function measureWork(work: Work, plan: Plan): Promise<readonly Row[]> {
  const { rounds, progress, reload } = plan;
  const samples = new Map<string, number[]>();
  let side = await load(work, plan);
  try {
    for (let round = 0; round < rounds; round++) {
      if (reload && round > 0) {
        side.dispose();
        side = await load(work, plan);
      }
      progress(`${nameOf(work)}: round ${round + 1} of ${rounds}`);
      // Each is first in turn.
      const turn = side.loaded.map((_, k, all) => all[(k + round) % all.length]!);
      for (const { name, it, repeat } of turn) {
        const sample = await run(it, repeat, plan.clock);
        samples.set(name, [...(samples.get(name) ?? []), sample]);
      }
    }
  } finally {
    side.dispose();
  }
  const measured = side.loaded.map(({ name }): Measured => ({ contestant: name, work, samples: samples.get(name)! }));
  return [...measured, ...side.absent];
}

/** All that do a work, loaded together. */
interface SideBySide {
  readonly loaded: readonly { readonly name: string; readonly it: Loaded; readonly repeat: number }[];
  readonly absent: readonly Absent[];
  dispose(): void;
}

async function load(work: Work, { contestants, progress, repeat }: Plan): Promise<SideBySide> {
  const loaded: { readonly name: string; readonly it: Loaded; repeat: number }[] = [];
  const absent: Absent[] = [];
  const dispose = (): void =>
    loaded
      .splice(0)
      .toReversed()
      .forEach(({ it }) => it[Symbol.dispose]());
  try {
    for (const contestant of contestants(work)) {
      progress(`${nameOf(work)}: loading ${contestant.name}`);
      const it = await loadOrSay(contestant, work);
      if (typeof it === "string") {
        absent.push({ contestant: contestant.name, work, absent: it });
        continue;
      }
      loaded.push({ name: contestant.name, it, repeat: 1 });
      await expectWork(contestant, work, it);
    }
    for (const each of loaded) {
      // The least of some: one that was interrupted would say that next to no runs are enough.
      const tries = [await run(each.it, 300), await run(each.it, 300), await run(each.it, 300)];
      each.repeat = repeat(Math.min(...tries));
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return { loaded: [...loaded], absent, dispose };
}

/** Of one run, in nanoseconds. */
async function run({ program }: Loaded, repeat: number, clock: Plan["clock"] = "kernel"): Promise<number> {
  const start = process.cpuUsage();
  const { duration } = await openKernel().testRun(program, { data: PACKET, repeat });
  const { user, system } = process.cpuUsage(start);
  return clock === "kernel" ? duration : ((user + system) * 1000) / repeat;
}

/** It, or why there is none. */
async function loadOrSay(contestant: Contestant, work: Work): Promise<Loaded | string> {
  const refusal = contestant.refusal(work) ?? contestant.refusedHere?.();
  if (refusal !== undefined) return refusal;
  try {
    return await contestant.load(work, contestant.sources(work).map(compiled));
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

/** @throws Error where it does another work, or none */
async function expectWork(contestant: Contestant, work: Work, it: Loaded): Promise<void> {
  const expect = async (what: string, packet: Uint8Array, verdict: number): Promise<void> => {
    const { retval } = await openKernel().testRun(it.program, { data: packet });
    if (retval === verdict) return;
    throw new Error(`${contestant.name} gives ${what} the verdict ${retval} and not ${verdict}: ${nameOf(work)}`);
  };
  if (contestant.idle === true) return expect("the packet", PACKET, PASS);
  await expect("the packet", PACKET, verdictOf(work));
  const proof = proofOf(work);
  if (proof) await expect("a packet that only the last program does not pass", proof.packet, proof.verdict);
}
