/** What `before` and `after` say of the programs of one order, and where they contradict each other or the priorities. */
import type { Program } from "../../chain/chain.ts";
import type { Mistake } from "../../chain/mistake.ts";

/** `first` runs before `second`: indexes of programs in the order of declaration. */
export interface Pair {
  readonly first: number;
  readonly second: number;
}

/** A pair, since program `by`, one of the two, says so at `path`. */
export interface Constraint extends Pair {
  readonly by: number;
  readonly path: Mistake["path"];
}

export function constraintsOf(programs: readonly Program[], members: readonly number[]): readonly Constraint[] {
  const indexOf = (name: string): number => programs.findIndex((program) => program.name === name);
  return members.flatMap((index) => [
    ...(programs[index]!.before ?? []).map((name, item): Constraint => ({
      first: index,
      second: indexOf(name),
      by: index,
      path: ["programs", index, "before", item],
    })),
    ...(programs[index]!.after ?? []).map((name, item): Constraint => ({
      first: indexOf(name),
      second: index,
      by: index,
      path: ["programs", index, "after", item],
    })),
  ]);
}

/** Constraints that lead in a circle, or from a declared priority to a lower one. */
export function contradictions(
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
