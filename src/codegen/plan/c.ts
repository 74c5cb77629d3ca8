/**
 * A plan as C, to be read: what a careful engineer would have written by hand for this chain. Its meaning is tested
 * against the instructions that xdpgen emits, which other code makes of the same plan.
 *
 *     to_ids:
 *             verdict = slot_ids(ctx);
 *             switch (verdict) {
 *             case XDP_PASS:
 *                     return kept;
 *             default:
 *                     return verdict;
 *             }
 */
import { NO_VERDICT } from "../../chain/chain.ts";
import { identifier } from "../link/names.ts";
import { type Outcome, OUTCOMES, type Plan, type PlanNode, type Target } from "./plan.ts";

/** One C file that clang compiles and libbpf loads; each program is a weak function that has no verdict. */
export function planToC(plan: Plan): string {
  const { chain, counters, nodes } = plan;
  const title = `// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher of the chain "${chain}" as C, written by \`xdpgen build --emit c\` to be read and audited.
 * It decides as the dispatcher that xdpgen emits does; what runs is that one, not this.${counters ? "\n * That one also counts what the programs return, which changes no verdict." : ""}
 *
 * The programs are not in it: a weak function stands in for each. Link it with others that have the same
 * names (\`bpftool gen object\`), or replace them when this is loaded (freplace).
 *
 *     clang -O2 -g -target bpf -c ${chain}.bpf.c -o ${chain}.bpf.o
 */
`;
  return [title + preamble(keeps(plan)), ...nodes.map(standIn), mainFunction(plan)].join("\n");
}

/** What functions need that keep verdicts, or that do not. */
export function preamble(kept: boolean): string {
  return `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* What a program returns that has no verdict of its own: the next one runs, whatever the edges say. */
#define NO_VERDICT ${NO_VERDICT}
${kept ? "\n/* The code of no action: no edge has kept one. */\n#define NOTHING_KEPT -1\n" : ""}`;
}

function keeps({ nodes }: Plan): boolean {
  const targets = nodes.flatMap(({ edges }) => OUTCOMES.map((outcome) => edges[outcome]));
  return targets.some((target) => target.kind === "node" && target.keep);
}

/** What stands in for a program. */
function standIn({ program: { name } }: PlanNode): string {
  return `__weak __attribute__((noinline)) int ${slotOf(name)}(struct xdp_md *ctx)
{
	return NO_VERDICT;
}
`;
}

/** The dispatcher's main function. */
export function mainFunction(plan: Plan): string {
  const { nodes } = plan;
  const section = nodes.every(({ program }) => program.frags) ? "xdp.frags" : "xdp";
  return `SEC("${section}")
int xdpgen_${identifier(plan.chain)}(struct xdp_md *ctx)
{
${keeps(plan) ? "\tint kept = NOTHING_KEPT;\n" : ""}\tint verdict;

${nodes.map((node, index) => nodeToC(plan, node, index)).join("\n")}}
`;
}

function nodeToC(plan: Plan, { program, edges }: PlanNode, index: number): string {
  const { name, priority } = program;
  const outcomes = new Map<string, Outcome[]>();
  for (const outcome of OUTCOMES) {
    const statements = follow(plan, edges[outcome], index);
    const sharing = outcomes.get(statements);
    if (sharing) sharing.push(outcome);
    else outcomes.set(statements, [outcome]);
  }
  // What codes that are no action lead to is written last, as the rest.
  const cases = [...outcomes].toSorted(([, a], [, b]) => Number(a.includes("other")) - Number(b.includes("other")));
  return [
    `\t/* ${name}: ${priority === "none" ? "no priority" : `priority ${priority}`} */`,
    ...(isJumpedTo(plan, index) ? [`${labelOf(name)}:`] : []),
    `\tverdict = ${slotOf(name)}(ctx);`,
    "\tswitch (verdict) {",
    ...cases.flatMap(([statements, of]) => [
      ...(of.includes("other") ? ["\tdefault:"] : of.map((outcome) => `\tcase ${CONSTANTS[outcome]}:`)),
      statements,
    ]),
    "\t}\n",
  ].join("\n");
}

const CONSTANTS: Readonly<Record<Outcome, string>> = {
  aborted: "XDP_ABORTED",
  drop: "XDP_DROP",
  pass: "XDP_PASS",
  tx: "XDP_TX",
  redirect: "XDP_REDIRECT",
  "no-verdict": "NO_VERDICT",
  other: "default",
};

/** The statements that an edge of node `from` becomes; to the node behind it they leave the switch. */
function follow({ nodes }: Plan, target: Target, from: number): string {
  if (target.kind === "return") return `\t\treturn ${valueOf(target.verdict)};`;
  const { name } = nodes[target.node]!.program;
  const go = target.node === from + 1 ? "break" : `goto ${labelOf(name)}`;
  return `${target.keep ? "\t\tkept = verdict;\n" : ""}\t\t${go};`;
}

function valueOf(verdict: (Target & { kind: "return" })["verdict"]): string {
  switch (verdict) {
    case "own":
      return "verdict";
    case "kept":
      return "kept";
    case "kept-or-own":
      return "kept == NOTHING_KEPT ? verdict : kept";
    case "kept-or-pass":
      return "kept == NOTHING_KEPT ? XDP_PASS : kept";
    default:
      return CONSTANTS[verdict];
  }
}

/** Whether an edge leads to a node from farther away than the node before it. */
function isJumpedTo({ nodes }: Plan, index: number): boolean {
  const leads = ({ edges }: PlanNode): boolean =>
    OUTCOMES.some((outcome) => {
      const target = edges[outcome];
      return target.kind === "node" && target.node === index;
    });
  return nodes.slice(0, Math.max(0, index - 1)).some(leads);
}

/** Functions and labels have a prefix each, so that a program may be called `switch`, `log` or `verdict`. */
const slotOf = (name: string): string => `slot_${identifier(name)}`;
const labelOf = (name: string): string => `to_${identifier(name)}`;
