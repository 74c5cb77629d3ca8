/** One deed after the other, each once and then by chance, until the time is over; and what is counted on the way. */
import type { Command } from "./command-line.ts";
import { DEEDS, OF_OBJECTS, type Scene } from "./deeds.ts";
import { growth, residentBytes, type Sample } from "./memory.ts";
import type { Report, Tally } from "./report.ts";

/** After so many failures a run ends. */
const ENOUGH = 10;
/** Deeds from one look at the memory to the next: collecting garbage takes as long as a swap. */
const SAMPLED = 4;
const TELL_SECONDS = 5;

export interface Watch {
  /** Frames so far that came to the last program. */
  readonly seen: () => number;
  /** How far it is, now and then. */
  readonly tell: (progress: string) => void;
}

type Done = Pick<Report, "seconds" | "swaps" | "deeds" | "linkages" | "modes" | "kills" | "memory" | "failures"> & {
  readonly quietSwaps: number;
};

export async function course(
  command: Command,
  given: Omit<Scene, "number" | "kills">,
  { seen, tell }: Watch,
): Promise<Done> {
  const wanted = command.deed === undefined ? NAMES : [command.deed];
  const deeds: Record<string, Tally> = {};
  for (const name of wanted) deeds[name] = { done: 0, changed: 0 };
  const asked = given.linkage ? [given.linkage] : [...OF_OBJECTS, "tail" as const];
  const linkages: Record<string, number> = Object.fromEntries(asked.map((linkage) => [linkage, 0]));
  const modes: Record<string, number> = {};
  const kills = { done: 0, inside: 0 };
  const memory: Sample[] = [];
  const failures: string[] = [];
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  let swaps = 0;
  let quietSwaps = 0;
  const isOver = (): boolean =>
    seconds() >= command.minutes * 60 || swaps >= command.swaps || failures.length >= ENOUGH;
  const noteSwap = (): void => {
    swaps++;
    const { programs, mode = "none" } = given.live.status();
    for (const linkage of asked) if (programs.some((program) => program.linkage === linkage)) count(linkages, linkage);
    count(modes, mode);
  };
  let told = 0;
  for (let at = 0; !isOver(); at++) {
    const name = wanted[at] ?? command.deed ?? chosen(given.random.int(SUM));
    const before = seen();
    try {
      const changed = await DEEDS[name]!.deed({ ...given, number: 4 + 2 * at, kills });
      deeds[name]!.done++;
      if (changed) {
        deeds[name]!.changed++;
        if (seen() === before) quietSwaps++;
        noteSwap();
      }
    } catch (error) {
      failures.push(`deed ${at + 1}, ${name}: ${(error as Error).message}`);
    }
    if (at % SAMPLED === 0) memory.push({ swaps, bytes: residentBytes() });
    if (seconds() - told < TELL_SECONDS) continue;
    told = seconds();
    tell(`${Math.round(told)} s: ${swaps} swaps, ${failures.length} failures`);
  }
  return { seconds: seconds(), swaps, deeds, linkages, modes, kills, memory: growth(memory), failures, quietSwaps };
}

const NAMES = Object.keys(DEEDS);
const SUM = Object.values(DEEDS).reduce((sum, { often }) => sum + often, 0);

function chosen(at: number): string {
  let rest = at;
  for (const [name, { often }] of Object.entries(DEEDS)) if ((rest -= often) < 0) return name;
  throw new RangeError(`no deed at ${at}`);
}

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}
