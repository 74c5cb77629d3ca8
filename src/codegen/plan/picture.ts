/**
 * What a picture of a chain shows, whatever draws it: programs from top to bottom, and the ways that lead on from each.
 * A plan comes in, or the programs of a dispatcher that runs; `svg.ts`, `text.ts` and `dot.ts` draw what goes out.
 *
 * 31, "no verdict of mine", has a way only where nothing else that is drawn leads there. It goes on to the next program,
 * so it would else double most of the lines and say nothing.
 */
import { ACTIONS, type Action, type Chain, type Edge } from "../../chain/chain.ts";
import { edgeMeaning } from "../../chain/edge.ts";
import { edgeOf } from "./format.ts";
import type { Plan, Target } from "./plan.ts";

/** Outcomes that a picture can show. Other codes end every program alike. */
export type Shown = Action | "no-verdict";

export const SHOWN: readonly Shown[] = [...ACTIONS, "no-verdict"];

/** The outcomes of a program that share a target. */
export interface Way {
  readonly outcomes: readonly Shown[];
  readonly to: Target;
  /** How many packets took it, by outcome, where that was counted. */
  readonly packets?: Readonly<Partial<Record<Shown, number>>>;
}

export interface PictureProgram {
  readonly name: string;
  readonly priority: number | "none";
  readonly group?: string;
  /** In the order of the codes of their first outcomes. */
  readonly ways: readonly Way[];
}

export interface Picture {
  /** The chain's name. */
  readonly chain: string;
  /** Sorted so that every way leads forward. */
  readonly programs: readonly PictureProgram[];
}

export interface PictureOptions {
  /** The group of a program, by the program's name: `groupsOf` a chain. A plan does not know groups. */
  readonly groups?: ReadonlyMap<string, string>;
  /** Also the ways of 31 that change nothing. */
  readonly all?: boolean;
}

/** A program of a dispatcher, as its manifest has it: what is not named ends the chain with the program's own verdict. */
export interface DrawnProgram {
  readonly name: string;
  readonly priority: number | "none";
  readonly edges: Readonly<Partial<Record<Shown, Edge>>>;
}

/** The groups of a chain's programs, by the programs' names. */
export function groupsOf({ programs }: Chain): ReadonlyMap<string, string> {
  return new Map(programs.flatMap(({ name, group }) => (group === undefined ? [] : [[name, group]])));
}

/** The picture of a plan, in the plan's order. */
export function pictureOfPlan(plan: Plan, options: PictureOptions = {}): Picture {
  const programs = plan.nodes.map(({ program: { name, priority }, edges }): DrawnProgram => {
    const words = SHOWN.map((outcome) => [outcome, edgeOf(plan, edges[outcome])]);
    return { name, priority, edges: Object.fromEntries(words) as Record<Shown, Edge> };
  });
  return pictureOfPrograms(plan.chain, programs, options);
}

/** @param programs in the order of their plan */
export function pictureOfPrograms(
  chain: string,
  programs: readonly DrawnProgram[],
  { groups, all = false }: PictureOptions = {},
): Picture {
  const index = new Map(programs.map(({ name }, i) => [name, i]));
  const targetOf = (edge: Edge): Target => {
    const meaning = edgeMeaning(edge);
    if (meaning.kind === "return") return meaning;
    // A plan has no `next` any more: every edge names its program.
    return { kind: "node", node: index.get(meaning.kind === "enter" ? meaning.name : "next")!, keep: meaning.keep };
  };
  return {
    chain,
    programs: programs.map(({ name, priority, edges }) => {
      const group = groups?.get(name);
      const ways: { outcomes: Shown[]; to: Target }[] = [];
      for (const outcome of SHOWN) {
        const to = targetOf(edges[outcome] ?? "return");
        if (outcome === "no-verdict" && !all && saysNothing(to, ways)) continue;
        const same = ways.find((way) => JSON.stringify(way.to) === JSON.stringify(to));
        if (same) same.outcomes.push(outcome);
        else ways.push({ outcomes: [outcome], to });
      }
      return { name, priority, ...(group !== undefined && { group }), ways };
    }),
  };
}

/** Whether a way of 31 leads where an action does, or ends as it does for every program: with PASS. */
function saysNothing(to: Target, actions: readonly Way[]): boolean {
  if (to.kind === "node") return actions.some((way) => way.to.kind === "node" && way.to.node === to.node);
  if (to.verdict === "pass" || to.verdict === "own") return true;
  const end = (verdict: string): string => (verdict.startsWith("kept") ? "kept" : verdict);
  return actions.some((way) => way.to.kind === "return" && end(way.to.verdict) === end(to.verdict));
}

/**
 * The picture with packets on its ways: those of a trace, or those that a live chain has counted.
 * @param packets how often a program returned what
 */
export function withCounts(picture: Picture, packets: (program: string, outcome: Shown) => number): Picture {
  const programs = picture.programs.map(({ ways, ...program }): PictureProgram => ({
    ...program,
    ways: ways.map((way) => ({
      ...way,
      packets: Object.fromEntries(way.outcomes.map((outcome) => [outcome, packets(program.name, outcome)])),
    })),
  }));
  return { ...picture, programs };
}

/** `1,204`. */
export function formatCount(count: number): string {
  return `${count}`.replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * `any action`, or the words of some outcomes. Of a way whose packets were counted each action is named, and those that took
 * it have their number: `drop, pass 1,204`.
 */
export function outcomeWords({
  outcomes,
  packets = {},
}: Pick<Way, "outcomes" | "packets">): readonly { readonly text: string; readonly action?: Action }[] {
  const counted = (text: string, outcome: Shown): string => {
    const count = packets[outcome] ?? 0;
    return count === 0 ? text : `${text} ${formatCount(count)}`;
  };
  const actions = ACTIONS.filter((action) => outcomes.includes(action));
  const taken = actions.some((action) => (packets[action] ?? 0) > 0);
  const words =
    actions.length === ACTIONS.length && !taken
      ? [{ text: "any action" }]
      : actions.map((action) => ({ text: counted(action, action), action }));
  return outcomes.includes("no-verdict") ? [...words, { text: counted("31", "no-verdict") }] : words;
}
