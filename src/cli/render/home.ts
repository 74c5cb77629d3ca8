/** What a chain says of a program's maps, in words: whose a map is, and where it is pinned. */
import type { MapHome } from "../../chain/index.ts";
import type { Change } from "../../loader/index.ts";

type Homes = Readonly<Record<string, MapHome>>;

/** One text for each map. */
export function homeTexts(program: string, homes: Homes): readonly string[] {
  return Object.entries(homes).map(([map, home]) => `map ${map}: ${homeText(program, home)}`);
}

/** One text for each map that has another home than before. */
export function homeChanges(program: string, { from, to }: Change<Homes>): readonly string[] {
  const maps = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...maps].flatMap((map) => {
    const [before, after] = [homeText(program, from[map]), homeText(program, to[map])];
    return before === after ? [] : [`map ${map}: ${before} -> ${after}`];
  });
}

function homeText(program: string, home: MapHome | undefined): string {
  if (home === undefined) return "its own";
  const whose = home.program === program ? "its own" : `that of ${home.program}`;
  return home.pin === undefined ? whose : `${whose}, at ${home.pin}`;
}
