/**
 * Programs by priority -> the order that keeps the constraints too.
 *
 * One program after the other takes its place, those that are named before those that name them. It stays where its priority
 * puts it if the constraints hold there. Else it clings to one program: directly before the first that it must precede, or
 * directly after the last that it must follow; several that cling to one program run by priority. So it depends on nothing
 * but these whether one program runs before another, and a third that comes or goes moves neither.
 */
import type { Constraint, Pair } from "./constraints.ts";

/** The program that another one clings to, and on which side of it; `own` is where the priority puts it. */
type Place = "own" | { readonly program: number; readonly side: "before" | "after" };

type Places = ReadonlyMap<number, Place>;

/**
 * @param members by priority, equal ones in order of declaration
 * @param declared whether a program's priority is declared, and not a default
 * @param constraints without a contradiction
 */
export function placePrograms(
  members: readonly number[],
  declared: (index: number) => boolean,
  constraints: readonly Constraint[],
): readonly number[] {
  const bound = new Set(constraints.flatMap(({ first, second }) => [first, second]));
  const places = new Map<number, Place>();
  for (const index of members) if (!bound.has(index)) places.set(index, "own");
  const implied = [...closure(constraints)].flatMap(([first, all]) =>
    [...all].map((second): Pair => ({ first, second })),
  );
  for (const index of turns(members, bound, declared, constraints)) {
    const toPlaced = ({ first, second }: Pair): boolean =>
      first === index ? places.has(second) : second === index && places.has(first);
    const all = implied.filter(toPlaced);
    const place = placeOf(index, constraints.filter(toPlaced), members, places);
    // What only follows from programs without a place yet moves this one where it must, and no sooner.
    const fits = holds(line(members, new Map(places).set(index, place)), all);
    places.set(index, fits ? place : placeOf(index, all, members, places));
  }
  return line(members, places);
}

/**
 * The order in which bound programs take their places: declared priorities first, and who is named before who names it.
 * Where programs name each other in a circle, their priorities say who is first.
 */
function turns(
  members: readonly number[],
  bound: ReadonlySet<number>,
  declared: (index: number) => boolean,
  constraints: readonly Constraint[],
): readonly number[] {
  const named = closure(
    constraints.map(({ first, second, by }) => ({ first: by, second: by === first ? second : first })),
  );
  const inTurn = (some: readonly number[]): readonly number[] => {
    const left = new Set(some);
    const order: number[] = [];
    while (left.size > 0) {
      const ready = (index: number): boolean =>
        [...(named.get(index) ?? [])].every((other) => !left.has(other) || named.get(other)?.has(index));
      const next = [...left].find(ready)!;
      left.delete(next);
      order.push(next);
    }
    return order;
  };
  const all = members.filter((index) => bound.has(index));
  return [...inTurn(all.filter(declared)), ...inTurn(all.filter((index) => !declared(index)))];
}

/** The first of the possible places of a program where the pairs hold that it is in; the others have their places. */
function placeOf(index: number, pairs: readonly Pair[], members: readonly number[], places: Places): Place {
  const order = line(members, new Map(places).set(index, "own"));
  const here = order.indexOf(index);
  const next = order.find((other) => pairs.some(({ first, second }) => first === index && second === other));
  const last = order.findLast((other) => pairs.some(({ first, second }) => first === other && second === index));
  const before: Place[] = next === undefined ? [] : [{ program: next, side: "before" }];
  const after: Place[] = last === undefined ? [] : [{ program: last, side: "after" }];
  // The nearer one is where the own place is wrong. Where the last to follow clings to the first to precede, only one fits.
  const tooLate = next !== undefined && order.indexOf(next) < here;
  const possible: readonly Place[] = ["own", ...(tooLate ? [...before, ...after] : [...after, ...before])];
  return possible.find((place) => holds(line(members, new Map(places).set(index, place)), pairs))!;
}

function holds(order: readonly number[], pairs: readonly Pair[]): boolean {
  const at = new Map(order.map((index, place) => [index, place]));
  return pairs.every(({ first, second }) => at.get(first)! < at.get(second)!);
}

/** The programs that have a place, in order: each between those that cling to it. */
function line(members: readonly number[], places: Places): readonly number[] {
  const own: number[] = [];
  const before = new Map<number, number[]>();
  const after = new Map<number, number[]>();
  for (const index of members) {
    const place = places.get(index);
    if (place === "own") own.push(index);
    else if (place) {
      const side = place.side === "before" ? before : after;
      side.set(place.program, [...(side.get(place.program) ?? []), index]);
    }
  }
  const around = (index: number): readonly number[] => [
    ...(before.get(index) ?? []).flatMap(around),
    index,
    ...(after.get(index) ?? []).flatMap(around),
  ];
  return own.flatMap(around);
}

/** To each number, those that a chain of pairs leads to from it. */
function closure(pairs: readonly Pair[]): ReadonlyMap<number, ReadonlySet<number>> {
  const next = new Map<number, number[]>();
  for (const { first, second } of pairs) next.set(first, [...(next.get(first) ?? []), second]);
  const from = (start: number): ReadonlySet<number> => {
    const found = new Set<number>();
    const work = [start];
    for (let at = work.pop(); at !== undefined; at = work.pop()) {
      const more = (next.get(at) ?? []).filter((second) => !found.has(second));
      for (const second of more) found.add(second);
      work.push(...more);
    }
    return found;
  };
  return new Map([...next.keys()].map((start) => [start, from(start)]));
}
