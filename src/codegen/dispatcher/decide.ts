/**
 * The fewest compares that send each return code to its target.
 *
 * What a program returns is one of eight classes of 32-bit codes. A decision list is a sequence of tests on w0, each of
 * which jumps when it holds; what is left after the last test goes on to one target, which costs a jump only when it is
 * not the code that follows. The search is exhaustive over the sets of classes still undecided (at most 256), so the
 * list is as short as this form allows. Among lists of one length, the likelier actions are decided earlier.
 */
import { ACTIONS, NO_VERDICT } from "../../chain/chain.ts";
import type { Outcome } from "../plan/plan.ts";

/** Comparisons of w0 with a constant that the search may use, by their ISA name. */
export type Comparison = "jeq" | "jne" | "jgt" | "jle" | "jset";

export interface Test {
  readonly comparison: Comparison;
  readonly value: number;
  /** The label to jump to when it holds. */
  readonly target: string;
}

export interface Decision {
  readonly tests: readonly Test[];
  /** The label for a code that no test took. */
  readonly otherwise: string;
}

interface CodeClass {
  readonly outcome: Outcome;
  readonly first: number;
  readonly last: number;
  /** How often, of a hundred packets, a program is taken to return it. Decides only between lists of equal length. */
  readonly weight: number;
}

const LIKELIHOOD = { aborted: 1, drop: 20, pass: 60, tx: 6, redirect: 8 } as const;

/** All 32-bit codes, in rising order, split where an outcome can change. */
const CLASSES: readonly CodeClass[] = [
  ...ACTIONS.map((action, code) => ({ outcome: action, first: code, last: code, weight: LIKELIHOOD[action] })),
  { outcome: "other", first: ACTIONS.length, last: NO_VERDICT - 1, weight: 1 },
  { outcome: "no-verdict", first: NO_VERDICT, last: NO_VERDICT, weight: 3 },
  { outcome: "other", first: NO_VERDICT + 1, last: 0xffffffff, weight: 1 },
];

interface Candidate {
  readonly comparison: Comparison;
  readonly value: number;
  /** Bit i: class i satisfies the comparison. */
  readonly takes: number;
}

/** Every comparison that is uniform on each of the classes in `possible`. */
function candidates(possible: number): readonly Candidate[] {
  const found: Candidate[] = [];
  const add = (comparison: Comparison, value: number, holds: (c: CodeClass) => boolean): void => {
    let takes = 0;
    CLASSES.forEach((c, i) => (takes |= possible & (1 << i) && holds(c) ? 1 << i : 0));
    if (takes !== 0 && takes !== possible) found.push({ comparison, value, takes });
  };
  for (const { first, last } of CLASSES) {
    if (first === last) {
      add("jeq", first, (c) => c.first === first);
      add("jne", first, (c) => c.first !== first);
    }
    add("jle", last, (c) => c.last <= last);
    add("jgt", last, (c) => c.first > last);
  }
  const single = CLASSES.every((c, i) => c.first === c.last || (possible & (1 << i)) === 0);
  if (single) for (let mask = 1; mask <= NO_VERDICT; mask++) add("jset", mask, (c) => (c.first & mask) !== 0);
  return found;
}

/** Instructions first; expected tests per hundred packets break ties. */
const INSTRUCTION = 10_000;

interface Best {
  readonly cost: number;
  readonly test?: Candidate;
}

/**
 * The shortest decision list.
 *
 * @param edges the label that each outcome leads to
 * @param canReturn whether any code of a range can be returned; what cannot is not tested for
 * @param fallthrough the label of the code that follows the list
 */
export function decide(
  edges: Readonly<Record<Outcome, string>>,
  canReturn: (first: number, last: number) => boolean,
  fallthrough: string,
): Decision {
  let possible = 0;
  CLASSES.forEach((c, i) => (possible |= canReturn(c.first, c.last) ? 1 << i : 0));
  const tests = candidates(possible);
  const memo = new Map<number, Best>();

  // For each class, the classes that lead to the same label.
  const alike = CLASSES.map((c) =>
    CLASSES.reduce((set, other, i) => (edges[other.outcome] === edges[c.outcome] ? set | (1 << i) : set), 0),
  );
  const commonLabel = (set: number): string | undefined => {
    if (set === 0) return undefined;
    const first = 31 - Math.clz32(set & -set);
    return (set & ~alike[first]!) === 0 ? edges[CLASSES[first]!.outcome] : undefined;
  };
  const weight = (set: number): number => CLASSES.reduce((sum, c, i) => sum + (set & (1 << i) ? c.weight : 0), 0);

  const best = (set: number): Best => {
    const known = memo.get(set);
    if (known) return known;
    let result: Best = { cost: Infinity };
    const common = commonLabel(set);
    if (common !== undefined) {
      result = { cost: common === fallthrough ? 0 : INSTRUCTION };
    } else {
      const step = INSTRUCTION + weight(set);
      for (const test of tests) {
        const taken = test.takes & set;
        if (taken === 0 || taken === set || commonLabel(taken) === undefined) continue;
        const cost = step + best(set & ~taken).cost;
        if (cost < result.cost) result = { cost, test };
      }
    }
    memo.set(set, result);
    return result;
  };

  const list: Test[] = [];
  let rest = possible;
  for (let step = best(rest); step.test; step = best(rest)) {
    const taken = step.test.takes & rest;
    list.push({ comparison: step.test.comparison, value: step.test.value, target: commonLabel(taken)! });
    rest &= ~taken;
  }
  return { tests: list, otherwise: commonLabel(rest) ?? fallthrough };
}
