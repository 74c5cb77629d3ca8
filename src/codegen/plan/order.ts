/**
 * The order in which `next` runs the programs of a chain, and of each of its groups.
 *
 * Programs run by priority; among equal priorities in order of declaration. `before` and `after` bind where the priorities
 * are only defaults, and must agree with those that are declared. The result is the smallest in that order that keeps
 * the constraints, so it depends on nothing but the programs that it orders.
 */
import type { Chain, Program } from "../../chain/chain.ts";
import type { Mistake } from "../../chain/mistake.ts";

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

/** `first` runs before `second`, since the program at `path` says so. */
interface Constraint {
  readonly first: number;
  readonly second: number;
  readonly path: Mistake["path"];
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
  // An order is still useful to whoever looks for other mistakes.
  const binding = found.length > 0 ? [] : constraints;
  const left = new Set(members.toSorted((a, b) => priorities[a]! - priorities[b]! || a - b));
  const ordered: number[] = [];
  while (left.size > 0) {
    const next = [...left].find((i) => !binding.some(({ first, second }) => second === i && left.has(first)))!;
    left.delete(next);
    ordered.push(next);
  }
  return ordered;
}

function constraintsOf(programs: readonly Program[], members: readonly number[]): readonly Constraint[] {
  const indexOf = (name: string): number => programs.findIndex((program) => program.name === name);
  return members.flatMap((index) => [
    ...(programs[index]!.before ?? []).map((name, item): Constraint => ({
      first: index,
      second: indexOf(name),
      path: ["programs", index, "before", item],
    })),
    ...(programs[index]!.after ?? []).map((name, item): Constraint => ({
      first: indexOf(name),
      second: index,
      path: ["programs", index, "after", item],
    })),
  ]);
}

/** Constraints that lead in a circle, or from a declared priority to a lower one. */
function contradictions(
  programs: readonly Program[],
  members: readonly number[],
  constraints: readonly Constraint[],
): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  const name = (index: number): string => programs[index]!.name;
  const declared = (index: number): number | undefined => {
    const { priority } = programs[index]!;
    return priority === "none" ? undefined : priority;
  };
  const blamed = new Set<Constraint>();
  for (const start of members) {
    // Breadth first, so that the chain of constraints in the message is a shortest one.
    const ways = new Map<number, readonly Constraint[]>([[start, []]]);
    for (const [at, way] of ways) {
      for (const constraint of constraints.filter(({ first }) => first === at)) {
        const whole = [...way, constraint];
        const { second } = constraint;
        const circle = second === start;
        const low = declared(start);
        const high = declared(second);
        const against = !circle && low !== undefined && high !== undefined && low > high;
        if ((circle || against) && !whole.some((c) => blamed.has(c))) {
          for (const c of whole) blamed.add(c);
          const said = [start, ...whole.map((c) => c.second)].map((i) => `\`${name(i)}\``).join(" before ");
          const problem = circle
            ? `${said}: a circle`
            : `${said}, but \`${name(start)}\` has priority ${low} and \`${name(second)}\` ${high}`;
          mistakes.push({
            code: "contradiction",
            path: constraint.path,
            at: "value",
            message: `the order contradicts itself: ${problem}`,
            hint: circle ? "take one of these out" : "change a priority, or leave one out",
          });
        }
        if (!ways.has(second)) ways.set(second, whole);
      }
    }
  }
  return mistakes;
}
