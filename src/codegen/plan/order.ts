/**
 * The order in which `next` runs the programs of a chain, and of each of its groups.
 *
 * Programs run by priority; among equal priorities in order of declaration. `before` and `after` bind where the priorities
 * are only defaults, and must agree with those that are declared. What they move is `places.ts`.
 */
import type { Chain, Program } from "../../chain/chain.ts";
import type { Mistake } from "../../chain/mistake.ts";
import { constraintsOf, contradictions } from "./constraints.ts";
import { placePrograms } from "./places.ts";

/** Indexes of programs in the order of declaration. */
export interface Orders {
  readonly main: readonly number[];
  readonly groups: ReadonlyMap<string, readonly number[]>;
  /** Without a place in any order. */
  readonly placeless: readonly number[];
  readonly mistakes: readonly Mistake[];
}

/** @param priorities effective, of the programs in order of declaration */
export function orderPrograms(chain: Chain, priorities: readonly (number | "none")[]): Orders {
  const mistakes: Mistake[] = [];
  const order = (group: string | undefined): readonly number[] => {
    const members = [...chain.programs.keys()].filter(
      (i) => priorities[i] !== "none" && chain.programs[i]!.group === group,
    );
    return sort(chain.programs, priorities as readonly number[], members, mistakes);
  };
  return {
    main: order(undefined),
    groups: new Map(Object.keys(chain.groups ?? {}).map((name) => [name, order(name)])),
    placeless: [...chain.programs.keys()].filter((i) => priorities[i] === "none"),
    mistakes,
  };
}

function sort(
  programs: readonly Program[],
  priorities: readonly number[],
  members: readonly number[],
  mistakes: Mistake[],
): readonly number[] {
  const constraints = constraintsOf(programs, members);
  const found = contradictions(programs, members, constraints);
  mistakes.push(...found);
  const declared = (index: number): boolean => programs[index]!.priority !== undefined;
  const byPriority = members.toSorted((a, b) => priorities[a]! - priorities[b]! || a - b);
  // An order is still useful to whoever looks for other mistakes.
  return placePrograms(byPriority, declared, found.length > 0 ? [] : constraints);
}
