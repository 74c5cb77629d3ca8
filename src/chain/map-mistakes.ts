/** What is wrong with the maps of a chain's programs: whose map a `from` names, and what is pinned where. What objects have is not known here. */
import { nearest } from "../nearest.ts";
import type { Mistake, Path } from "./mistake.ts";
import type { Parts } from "./parts.ts";

export function mapMistakes(parts: Parts): readonly Mistake[] {
  return [...fromMistakes(parts), ...pinMistakes(parts)];
}

/** Two maps of a chain cannot be pinned at one path, and those that are one have one pin. */
function pinMistakes({ programs }: Parts): readonly Mistake[] {
  const all = programs.flatMap(({ name, pin }, index) =>
    [...pin].map(([map, at]) => ({ name, map, at, path: ["programs", index, "maps", map, "pin"] as const })),
  );
  return all.flatMap(({ map, at, path }, index): readonly Mistake[] => {
    const first = all.findIndex((one) => one.at === at);
    if (first === index) return [];
    const { name, map: firstMap, path: firstPath } = all[first]!;
    const program = name === undefined ? "another program" : `program \`${name}\``;
    return [
      {
        code: "contradiction",
        path,
        at: "value",
        message: `\`${at}\` is where map \`${firstMap}\` of ${program} is pinned`,
        hint:
          map === firstMap && name !== undefined
            ? `say \`from: ${name}\`, and it is that map`
            : "choose another path: it is another map",
        other: { path: firstPath, at: "value", message: "it is said here" },
      },
    ];
  });
}

function fromMistakes({ programs, named }: Parts): readonly Mistake[] {
  const names = programs.flatMap(({ name = [] }) => name);
  const next = (name: string, map: string): string | undefined =>
    programs.find((program) => program.name === name)?.from.get(map);
  return programs.flatMap((program, index) =>
    [...program.from].flatMap(([map, from]): readonly Mistake[] => {
      const path: Path = ["programs", index, "maps", map, "from"];
      const mistake = (code: Mistake["code"], message: string, hint: string): readonly Mistake[] => [
        { code, path, at: "value", message, hint },
      ];
      const other = programs.find(({ name }) => name === from);
      if (!other) {
        if (!named) return [];
        const near = nearest(from, names);
        const hint = near ? `did you mean \`${near}\`?` : `its programs: ${names.join(", ")}`;
        return mistake("bad-reference", `the chain has no program \`${from}\``, hint);
      }
      if (other.loaded) {
        const message = `program \`${from}\` is loaded already, with maps of its own`;
        return mistake(
          "contradiction",
          message,
          "only maps of objects can be shared: pin the map, and say `pin: PATH`",
        );
      }
      const way = wayFrom(program.name, map, next);
      // Told of the first of its programs.
      if (way === undefined || way.some((name) => names.indexOf(name) < names.indexOf(way[0]!))) return [];
      const circle = `map \`${map}\` leads in a circle: ${way.join(" -> ")}`;
      return mistake("contradiction", circle, "take one `from` out: that program makes the map");
    }),
  );
}

/** The programs of the circle that a program is in, it first and last; undefined where it is in none. */
function wayFrom(
  start: string | undefined,
  map: string,
  next: (name: string, map: string) => string | undefined,
): readonly string[] | undefined {
  if (start === undefined) return undefined;
  const way = [start];
  for (;;) {
    const name = next(way.at(-1)!, map);
    if (name === undefined || way.slice(1).includes(name)) return undefined;
    way.push(name);
    if (name === start) return way;
  }
}
