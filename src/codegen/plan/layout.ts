/**
 * Where the lines of a picture run. A picture goes in; the lanes of the ways that pass programs by come out.
 *
 * Programs stand one below the other, in the order of the dispatcher's code. What leads to the program below is a short
 * line down, and what ends the chain goes to the right. The rest runs in lanes on the left. No line runs through a
 * program, however large the graph, and ways with one target share a lane.
 */
import type { Picture, Way } from "./picture.ts";

export interface Lane {
  /** Index of the program that it leads to. */
  readonly target: number;
  /** Whether its ways keep the verdict. */
  readonly keep: boolean;
  /** Indexes of the programs that it comes from, in order; at least one. */
  readonly sources: readonly number[];
  /** 0 is next to the programs. */
  readonly column: number;
}

/** The ways of a program by the direction that they take. */
export interface Directions {
  readonly returns: readonly Way[];
  readonly down: readonly Way[];
  readonly aside: readonly Way[];
}

/** @param index of the program in `picture.programs` */
export function directions(picture: Picture, index: number): Directions {
  const { ways } = picture.programs[index]!;
  return {
    returns: ways.filter(({ to }) => to.kind === "return"),
    down: ways.filter(({ to }) => to.kind === "node" && to.node === index + 1),
    aside: ways.filter(({ to }) => to.kind === "node" && to.node !== index + 1),
  };
}

/** In the order of their columns. Lanes of one column can meet at a program: one ends there, the other begins. */
export function layLanes(picture: Picture): readonly Lane[] {
  const wanted = new Map<string, { target: number; keep: boolean; sources: number[] }>();
  for (const index of picture.programs.keys()) {
    for (const { to } of directions(picture, index).aside) {
      if (to.kind !== "node") continue;
      const key = `${to.node} ${to.keep}`;
      const lane = wanted.get(key) ?? { target: to.node, keep: to.keep, sources: [] };
      lane.sources.push(index);
      wanted.set(key, lane);
    }
  }
  const length = (lane: { target: number; sources: readonly number[] }): number => lane.target - lane.sources[0]!;
  const lanes: Lane[] = [];
  // Short ones first, so that the long ones run outside of them and cross fewer.
  for (const lane of [...wanted.values()].toSorted((a, b) => length(a) - length(b) || a.target - b.target)) {
    let column = 0;
    while (lanes.some((other) => other.column === column && overlap(other, lane))) column++;
    lanes.push({ ...lane, column });
  }
  return lanes.toSorted((a, b) => a.column - b.column || a.target - b.target);
}

function overlap(a: Pick<Lane, "target" | "sources">, b: Pick<Lane, "target" | "sources">): boolean {
  return a.sources[0]! < b.target && b.sources[0]! < a.target;
}

/** The lane of a way that passes programs by. */
export function laneOf(lanes: readonly Lane[], { to }: Way): Lane {
  return lanes.find((lane) => to.kind === "node" && lane.target === to.node && lane.keep === to.keep)!;
}
