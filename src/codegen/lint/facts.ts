/**
 * What the rules ask of a plan: which codes each program can return, as its object shows it, which programs can run, and
 * how the chain can end from each of them. Linkages make no difference here: the program is the same.
 */
import { ACTIONS, type Action, type Chain, type Program } from "../../chain/chain.ts";
import { BPF_CALL, BPF_FUNC_redirect, BPF_FUNC_redirect_map, BPF_JMP } from "../asm/constants.ts";
import { isPossible } from "../dispatcher/reach.ts";
import { readCode } from "../object/code.ts";
import { hasLoop } from "../object/flow.ts";
import type { ObjectFunction, XdpObject } from "../object/open.ts";
import { isTailCalled, type ResolvedObject } from "../object/program.ts";
import { type ReturnCodes, returnCodes } from "../object/returns.ts";
import { type Outcome, OUTCOMES, type Plan, type PlanNode, type Target } from "../plan/plan.ts";

/** A program of the chain with what is known of it. */
export interface Fact {
  readonly node: PlanNode;
  readonly program: Program;
  /** Its place in the chain's declaration. */
  readonly declared: number;
  readonly codes: ReturnCodes;
  /** Outcomes that its codes allow, with where they lead. */
  readonly ways: readonly (readonly [Outcome, Target])[];
  /** Its code calls bpf_redirect() or bpf_redirect_map(). */
  readonly redirects: boolean;
  /** Its main function has a loop. */
  readonly loops: boolean;
}

/** One for each node of the plan, in its order. */
export function factsOf(chain: Chain, plan: Plan): readonly Fact[] {
  return plan.nodes.map((node): Fact => {
    const shown = isTailCalled(node.program) ? UNKNOWN : codeFacts(node.program);
    const { codes } = shown;
    const ways = OUTCOMES.filter((outcome) => isPossible(outcome, codes)).map((o) => [o, node.edges[o]] as const);
    const declared = chain.programs.findIndex((program) => program.name === node.program.name);
    return { node, program: chain.programs[declared]!, declared, ways, ...shown };
  });
}

type CodeFacts = Pick<Fact, "codes" | "redirects" | "loops">;

/** Of a program that is loaded already nothing is said. */
const UNKNOWN: CodeFacts = { codes: "any", redirects: false, loops: false };

function codeFacts({ object, main }: ResolvedObject): CodeFacts {
  return {
    codes: returnCodes(object, main),
    redirects: callsRedirect(object, main),
    loops: hasLoop(readCode(object, main)),
  };
}

/** What a path has kept so far. */
type Kept = Action | "nothing";

/** A packet's place on its way: the node that it enters, and what was kept before. */
interface State {
  readonly node: number;
  readonly kept: Kept;
}

/** Every state that packets can be in, in an order in which every way leads forward. */
export function states(facts: readonly Fact[]): readonly State[] {
  const kept = facts.map(() => new Set<Kept>());
  kept[0]!.add("nothing");
  for (const [from, fact] of facts.entries()) {
    for (const way of fact.ways) {
      for (const before of kept[from]!) {
        const after = step(way, before);
        if (after) kept[after.node]!.add(after.kept);
      }
    }
  }
  return kept.flatMap((set, node) => [...set].map((k): State => ({ node, kept: k })));
}

/** The state behind a way, unless it ends the chain. */
export function step([outcome, target]: Fact["ways"][number], kept: Kept): State | undefined {
  if (target.kind === "return") return undefined;
  return { node: target.node, kept: target.keep ? (outcome as Action) : kept };
}

/** The actions with which the chain can end from a state on. */
export function endings(facts: readonly Fact[]): (from: State) => ReadonlySet<Action> {
  const known = new Map<string, ReadonlySet<Action>>();
  const of = (from: State): ReadonlySet<Action> => {
    const key = `${from.node} ${from.kept}`;
    const earlier = known.get(key);
    if (earlier) return earlier;
    const found = new Set<Action>();
    for (const way of facts[from.node]!.ways) {
      const after = step(way, from.kept);
      if (after) for (const action of of(after)) found.add(action);
      else {
        const action = ending(way, from.kept);
        if (action) found.add(action);
      }
    }
    known.set(key, found);
    return found;
  };
  return of;
}

/** The action of a way that ends the chain; undefined for a code that is none. */
function ending([outcome, target]: Fact["ways"][number], kept: Kept): Action | undefined {
  if (target.kind === "node") return undefined;
  const own = ACTIONS.find((action) => action === outcome);
  switch (target.verdict) {
    case "own":
      return own;
    case "kept":
    case "kept-or-own":
      return kept === "nothing" ? own : kept;
    case "kept-or-pass":
      return kept === "nothing" ? "pass" : kept;
    default:
      return target.verdict;
  }
}

/** Nodes that can run behind a node, itself included. */
export function behind(facts: readonly Fact[], node: number, seen = new Set<number>()): ReadonlySet<number> {
  if (!seen.has(node)) {
    seen.add(node);
    for (const [, target] of facts[node]!.ways) if (target.kind === "node") behind(facts, target.node, seen);
  }
  return seen;
}

function callsRedirect(object: XdpObject, f: ObjectFunction, seen = new Set<ObjectFunction>()): boolean {
  if (seen.has(f)) return false;
  seen.add(f);
  return readCode(object, f).some(({ instruction: { opcode, src, imm }, reference }) => {
    if (reference?.kind === "function") return callsRedirect(object, reference.function, seen);
    const helper = opcode === (BPF_JMP | BPF_CALL) && src === 0;
    return helper && (imm === BPF_FUNC_redirect || imm === BPF_FUNC_redirect_map);
  });
}
