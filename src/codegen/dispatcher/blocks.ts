/**
 * Plan -> basic blocks, in the order in which they will lie.
 *
 *     to_denylist     r1 = r6; call denylist      then by what it returned
 *     keep_ids        w7 = w0                     falls into to_ids
 *     to_ids          r1 = r6; call ids
 *     return_drop     r0 = 1; exit                a verdict of the chain's own
 *     return_kept     w0 = w7
 *     return          exit                        the code that the last program returned
 *
 * An `inline` program's own code stands in place of its call, and leads its exits to where their codes lead, if they show.
 *
 * Nodes lie in the order of the plan, so that the `next` edge falls through. What keeps a verdict is a block of its own in
 * front of the node that it leads to, or part of the node where no other edge leads there. Nothing here knows whether a
 * jump is needed between two blocks: that is the next pass, `lower.ts`.
 */
import { ACTIONS, type Action, actionCode } from "../../chain/chain.ts";
import {
  callSymbol,
  exit,
  type Instruction,
  jslt32Imm,
  mov64Imm,
  R0,
  R10,
  R7,
  stDw,
  withComment,
} from "../asm/index.ts";
import { type Destination, inlined, type InlinedCode } from "../link/inline.ts";
import { identifier } from "../link/names.ts";
import type { ReturnCodes } from "../object/returns.ts";
import { formatEdges } from "../plan/format.ts";
import { OUTCOMES, outcomeOf, type Plan, type PlanNode, type Target } from "../plan/plan.ts";
import type { Held } from "./held.ts";
import { possibleTargets, type SlotCode } from "./reach.ts";

export interface Block {
  readonly label: string;
  /** The node of the plan whose program it runs. */
  readonly node?: number;
  /** What it does, for line records. */
  readonly line: string;
  /** Up to where a program is entered; all of it where none is. */
  readonly body: readonly Instruction[];
  /** The call of a program, or its own code. */
  readonly program?: InlinedProgram | CalledProgram;
  /** Between the program and the end of the block: R0 is what it returned. */
  readonly after?: readonly Instruction[];
  /** How it ends: by what R0 holds, on to another block, or nowhere but where its code has led already. */
  readonly end:
    | {
        readonly kind: "decide";
        /** In the order of `OUTCOMES`. */ readonly labels: readonly string[];
        readonly codes: ReturnCodes;
      }
    | { readonly kind: "goto"; readonly label: string }
    | { readonly kind: "exit" };
}

export interface CalledProgram {
  readonly call: Instruction;
}

export interface InlinedProgram extends InlinedCode {
  /** The program's name in the chain. */
  readonly name: string;
  /** The label behind its code. */
  readonly behind: string;
}

type Verdict = (Target & { kind: "return" })["verdict"];

/**
 * @param slots one for each node, every node reachable
 * @param observed whether something must see what each program returned: then every exit leads behind the program
 */
export function blocksOf(plan: Plan, slots: readonly SlotCode[], held: Held, observed: boolean): readonly Block[] {
  const targets = plan.nodes.map((node, i) => possibleTargets(node, slots[i]!.codes));
  const verdicts = verdictsOf(targets);
  const { inRow, aside } = nodeBlocks(plan, slots, targets, verdicts, held, observed);
  return [...inRow, ...aside, ...returnBlocks(verdicts, verdictsOf(targets.slice(-1)), held)];
}

interface NodeBlocks {
  readonly inRow: readonly Block[];
  /** Behind the nodes, with a jump back to theirs. */
  readonly aside: readonly Block[];
}

function nodeBlocks(
  plan: Plan,
  slots: readonly SlotCode[],
  targets: readonly (readonly Target[])[],
  verdicts: ReadonlySet<Verdict>,
  held: Held,
  observed: boolean,
): NodeBlocks {
  const inRow: Block[] = [];
  const aside: Block[] = [];
  const plainLabels = plan.nodes.map((node) => nodeLabel(node, false));
  const enteredPlain = new Set([0]);
  const enteredKept = new Set<number>();
  for (const ofNode of targets) {
    for (const target of ofNode) {
      if (target.kind === "node") (target.keep ? enteredKept : enteredPlain).add(target.node);
    }
  }
  const keptLabels = enteredKept.size > 0 ? plan.nodes.map((node) => nodeLabel(node, true)) : [];
  const labelOf = (target: Target): string =>
    target.kind === "return" ? returnLabel(target.verdict) : (target.keep ? keptLabels : plainLabels)[target.node]!;
  const several = plan.nodes.length > 1;
  plan.nodes.forEach((node, index) => {
    const { name } = node.program;
    const line = `${name}: ${formatEdges(plan, node)}`;
    const body: Instruction[] = index > 0 ? [held.giveContext] : several ? [held.keepContext] : [];
    if (index === 0 && (verdicts.has("kept-or-own") || verdicts.has("kept-or-pass"))) body.unshift(held.keepNothing);
    if (index > 0) body.push(...clears(slots[index]!));
    const plain = enteredPlain.has(index);
    if (enteredKept.has(index)) {
      const keep = held.keepVerdict;
      if (plain) {
        // The edge that falls through must not fall into the block that keeps.
        const before = targets[index - 1] ?? [];
        const fallsThrough = before.some((t) => t.kind === "node" && t.node === index && !t.keep);
        const end = { kind: "goto", label: plainLabels[index]! } as const;
        const keeper = { label: keptLabels[index]!, line: `keep the verdict for ${name}`, body: [keep], end };
        (fallsThrough ? aside : inRow).push(keeper);
      } else body.unshift(keep);
    }
    const label = (plain ? plainLabels : keptLabels)[index]!;
    const program = programOf(node, slots[index]!, line, labelOf, observed);
    const codes = "call" in program ? slots[index]!.codes : program.codes;
    const labels = OUTCOMES.map((outcome) => labelOf(node.edges[outcome]));
    const end: Block["end"] = codes.length === 0 ? { kind: "exit" } : { kind: "decide", labels, codes };
    inRow.push({ label, node: index, line, body, program, end });
  });
  return { inRow, aside };
}

/** Zeros in place of what the programs before have left, each time something else: see object/stale.ts. */
function clears({ body }: SlotCode): readonly Instruction[] {
  return (body?.stale ?? []).map((offset) => stDw(R10, offset, 0));
}

function programOf(
  { program: { name }, edges }: PlanNode,
  { symbol, codes, body }: SlotCode,
  line: string,
  labelOf: (target: Target) => string,
  observed: boolean,
): CalledProgram | InlinedProgram {
  if (!body) return { call: withComment(line, callSymbol(symbol)) };
  const behind = `left_${identifier(name)}`;
  const code = inlined(body.function, {
    // No name has a dot.
    prefix: `${identifier(name)}.`,
    behind,
    codes,
    ...(!observed && body.ways && { ways: body.ways }),
    destination(of): Destination | undefined {
      const [first, ...others] = of.map((one) => edges[outcomeOf(one)]);
      if (!first || others.some((other) => labelOf(other) !== labelOf(first))) return undefined;
      const exits = first.kind === "return" && first.verdict === "own";
      return { label: labelOf(first), readsCode: readsCode(first), exits };
    },
  });
  return { ...code, name, behind };
}

/** Whether what the program returned is still needed on an edge. */
function readsCode(target: Target): boolean {
  return target.kind === "node" ? target.keep : target.verdict === "own" || target.verdict === "kept-or-own";
}

/**
 * The blocks that end the chain. Kept verdicts fall from one block into the next, down to `return`. What the last node
 * returns lies first, so that it falls into it.
 */
function returnBlocks(verdicts: ReadonlySet<Verdict>, ofLast: ReadonlySet<Verdict>, held: Held): readonly Block[] {
  const kept = keptBlocks(verdicts, held);
  const own = returnBlock("own", [exit()], { kind: "exit" });
  const isAction = (verdict: Verdict): verdict is Action => ACTIONS.some((action) => action === verdict);
  const constants = [...verdicts].filter(isAction);
  const keptFirst = kept.length > 0 && ![...ofLast].some(isAction);
  const falls = kept.length === 0;
  const actions = constants.map((action, i): Block => {
    const set = mov64Imm(R0, actionCode(action));
    const last = i === constants.length - 1;
    return last && falls
      ? returnBlock(action, [set], goto("own"))
      : returnBlock(action, [set, exit()], { kind: "exit" });
  });
  return keptFirst ? [...kept, own, ...actions] : [...actions, ...kept, own];
}

function keptBlocks(verdicts: ReadonlySet<Verdict>, held: Held): readonly Block[] {
  const pass = verdicts.has("kept-or-pass");
  const own = pass || verdicts.has("kept-or-own");
  return [
    ...(pass ? [returnBlock("kept-or-pass", [mov64Imm(R0, actionCode("pass"))], goto("kept-or-own"))] : []),
    ...(own
      ? [returnBlock("kept-or-own", [...held.recallVerdict, jslt32Imm(R7, 0, returnLabel("own"))], goto("kept"))]
      : []),
    ...(own || verdicts.has("kept") ? [returnBlock("kept", [held.giveVerdict], goto("own"))] : []),
  ];
}

function goto(verdict: Verdict): Block["end"] {
  return { kind: "goto", label: returnLabel(verdict) };
}

function returnBlock(verdict: Verdict, body: readonly Instruction[], end: Block["end"]): Block {
  return {
    label: returnLabel(verdict),
    line: verdict === "own" ? "return" : `return ${verdict.replaceAll("-", " ")}`,
    body,
    end,
  };
}

/** What some edge returns, those of the last node first. */
function verdictsOf(targets: readonly (readonly Target[])[]): ReadonlySet<Verdict> {
  const found = new Set<Verdict>();
  for (let node = targets.length - 1; node >= 0; node--) {
    for (const target of targets[node]!) if (target.kind === "return") found.add(target.verdict);
  }
  return found;
}

/** Labels have a prefix each, which differ, so that a program may be called `return`; `return` itself is no prefix. */
function nodeLabel(node: PlanNode, keep: boolean): string {
  return `${keep ? "keep" : "to"}_${identifier(node.program.name)}`;
}

export function returnLabel(verdict: Verdict): string {
  return verdict === "own" ? "return" : `return_${verdict.replaceAll("-", "_")}`;
}
