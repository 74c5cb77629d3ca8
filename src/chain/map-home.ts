/** What a chain says of its programs' maps: which of them are one map, and which have a pin of the user's. */
import type { Chain } from "./chain.ts";

/** What is said of one map: the pin that it has, or the program whose map of the same name it is. */
export type MapPlace = { readonly pin: string } | { readonly from: string };

/** The map that a program's map is. */
export interface MapHome {
  /** The program at the end of every `from`. */
  readonly program: string;
  /** The pin that this one declares, an absolute path. */
  readonly pin?: string;
}

/** Of each map that a program says something of, by the map's name. */
export function mapHomes(chain: Pick<Chain, "programs">, name: string): Readonly<Record<string, MapHome>> {
  const maps = placesOf(chain, name);
  return Object.fromEntries(Object.keys(maps).map((map) => [map, homeOf(chain, [name], map)]));
}

/** @param way the programs so far; a chain in which it is a circle is refused before anybody needs its end */
function homeOf(chain: Pick<Chain, "programs">, way: readonly string[], map: string): MapHome {
  const program = way.at(-1)!;
  const place = placesOf(chain, program)[map];
  if (place === undefined) return { program };
  if ("pin" in place) return { program, pin: place.pin };
  return way.includes(place.from) ? { program: place.from } : homeOf(chain, [...way, place.from], map);
}

function placesOf({ programs }: Pick<Chain, "programs">, name: string): Readonly<Record<string, MapPlace>> {
  return programs.find((program) => program.name === name)?.maps ?? {};
}
