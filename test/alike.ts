/**
 * Whether programs do the same alone, called, inlined and extended, for objects that are not of this checkout:
 *
 *     node --import tsx test/alike.ts [--packets N] [--entries FILE] [--ignore MAP,...] OBJECT[:FUNCTION]...
 *
 * FILE is a JSON list of `[map, key bytes, value bytes]`: what maps hold before the first packet; elsewhere they are as the
 * object has them. A program runs alone twice: what differs then, because it holds times, is not compared. Maps of millions
 * of entries are to be ignored. One line for each program: how many instructions the verifier walks alone and between two
 * neighbours, how many packets had which verdict, and whether verdicts, packets and maps are alike. Exit status 1 where one
 * is not, or does not load. Needs root.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Linkage, LINKAGES, type Program } from "../src/chain/index.ts";
import { freplaceSupport, openKernel } from "../src/loader/index.ts";
import { alone, amongNeighbours, type Entry, type Observed, observed, type Runnable } from "./support/equivalence.ts";

const words = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words.splice(at, 2)[1];
};
const packets = Number(option("--packets") ?? 1000);
const file = option("--entries");
const entries = file === undefined ? [] : (JSON.parse(readFileSync(file, "utf8")) as readonly Entry[]);
const ignored = new Set(option("--ignore")?.split(","));
const unsteady = new Set<string>();
const kernel = openKernel();
const linkages = LINKAGES.filter((linkage) => linkage !== "freplace" || freplaceSupport(kernel).supported);

for (const word of words) {
  const [object = "", main] = word.split(":");
  const program: Program = {
    name: "subject",
    object: basename(object),
    bytes: new Uint8Array(readFileSync(object)),
    ...(main !== undefined && { function: main }),
  };
  console.log(`${basename(word)}: ${(await compared(program)).join("; ")}`);
}

async function compared(program: Program): Promise<readonly string[]> {
  const columns: string[] = [];
  unsteady.clear();
  const run = async (what: string, make: () => Runnable): Promise<Observed | undefined> => {
    try {
      using runnable = make();
      const { verifiedInstructions } = kernel.programInfo(runnable.program);
      columns.push(`${what} ${verifiedInstructions} verified`);
      return await observed(runnable, entries, packets, ignored);
    } catch (error) {
      columns.push(`${what} is refused: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
      return undefined;
    }
  };
  const expected = await run("alone", () => alone(program));
  const again = expected && (await run("again", () => alone(program)));
  if (!expected || !again) return columns;
  columns.pop();
  if (!isDeepStrictEqual(expected.packets, again.packets)) return [...columns, "not alike with itself: time decides"];
  // What differs by itself, because it holds times, says nothing.
  for (const [nth, [map]] of expected.contents.entries()) {
    if (isDeepStrictEqual(expected.contents[nth], again.contents[nth])) continue;
    columns.push(`map ${map} is not alike with itself`);
    unsteady.add(map);
  }
  for (const linkage of linkages) {
    const seen = await run(linkage, () => amongNeighbours(program, linkage));
    if (seen) columns.push(difference(expected, seen, linkage) ?? "alike");
  }
  return [...columns, verdicts(expected)];
}

function difference(expected: Observed, seen: Observed, linkage: Linkage): string | undefined {
  const packet = expected.packets.findIndex((one, nth) => !isDeepStrictEqual(one, seen.packets[nth]));
  if (packet >= 0) {
    process.exitCode = 1;
    const show = ({ verdict, data }: Observed["packets"][number]): string => `${verdict} ${data}`;
    return `${linkage} DIFFERS in packet ${packet}: ${show(expected.packets[packet]!)} and ${show(seen.packets[packet]!)}`;
  }
  const map = expected.contents.find(
    (one, nth) => !unsteady.has(one[0]) && !isDeepStrictEqual(one, seen.contents[nth]),
  );
  if (!map) return undefined;
  process.exitCode = 1;
  return `${linkage} DIFFERS in map ${map[0]}`;
}

function verdicts({ packets: all }: Observed): string {
  const counts = new Map<number, number>();
  for (const { verdict } of all) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return [...counts]
    .toSorted(([a], [b]) => a - b)
    .map(([verdict, count]) => `${count} of ${verdict}`)
    .join(", ");
}
