/** What programs that are loaded already ask of the chain that they join. */
import { XdpgenError } from "../../errors.ts";
import { isTailCalled, type ResolvedProgram } from "../object/program.ts";
import { stackUse } from "../object/stack.ts";
import { OUTCOMES, type Plan } from "./plan.ts";

/** @throws XdpgenError `limit`, `object-unsupported` */
export function checkLoaded(plan: Plan): void {
  if (!plan.nodes.some(({ program }) => isTailCalled(program))) return;
  checkTailCalls(plan);
  checkFrags(plan);
}

/**
 * The kernel allows 33 tail calls for all programs that a packet meets together (MAX_TAIL_CALL_CNT, include/linux/bpf.h; since
 * Linux 6.12 subprograms count along with their callers). The next one does nothing: its program would be passed over
 * without a word.
 */
const MAX_TAIL_CALLS = 33;

function checkTailCalls({ chain, nodes }: Plan): void {
  // Edges lead forward: the last node first, each behind all that it leads to.
  const most = nodes.map(() => 0);
  for (const [node, { program, edges }] of [...nodes.entries()].toReversed()) {
    const behind = OUTCOMES.map((outcome) => edges[outcome]).map((to) => (to.kind === "node" ? most[to.node]! : 0));
    most[node] = tailCallsOf(program) + Math.max(...behind);
  }
  if (most[0]! <= MAX_TAIL_CALLS) return;
  throw new XdpgenError(
    "limit",
    `chain ${chain}: a packet can make ${most[0]} tail calls on its way (one for each program that is loaded already, and ` +
      `one for each whose code makes any), and the kernel allows ${MAX_TAIL_CALLS}; give some of them as \`object\``,
  );
}

/** How often a packet that runs the program makes a tail call, as far as its code shows: at least. */
function tailCallsOf(program: ResolvedProgram): number {
  if (isTailCalled(program)) return 1 + (program.tailCalls ? 1 : 0);
  const { tailCalls, tailCallsBelow } = stackUse(program.object, program.main);
  return tailCalls || tailCallsBelow ? 1 : 0;
}

/**
 * A dispatcher takes packets of several buffers where all of its programs do, and can tail-call only programs that are like
 * it in that (kernel/bpf/core.c, __bpf_prog_map_compatible).
 */
function checkFrags({ nodes }: Plan): void {
  const loaded = nodes.find(({ program }) => isTailCalled(program) && program.frags)?.program;
  const without = nodes.find(({ program }) => !program.frags)?.program;
  if (!loaded || !without) return;
  const remedy = isTailCalled(without) ? `load both alike` : `compile it with SEC("xdp.frags")`;
  throw new XdpgenError(
    "object-unsupported",
    `${loaded.name} is loaded for packets of several buffers (frags), and ${without.name} is not: no dispatcher can run both; ` +
      `${remedy}, or load ${loaded.name} without BPF_F_XDP_HAS_FRAGS`,
  );
}
