/**
 * Blocks -> blocks that count, for a chain with `counters: true`: behind each program one counter of its outcome goes up.
 * What the programs see, and the verdict, stay as they are. A chain that does not count has none of this.
 *
 *     r9 = r1
 *     *(u32 *)(r10 - 4) = 0; r2 = r10; r2 += -4; r1 = xdpgen__counts ll
 *     call bpf_map_lookup_elem
 *     if r0 == 0 goto return
 *     r1 = r9; r9 = r0
 *     …
 *     call ids
 *     w1 = w0
 *     if r1 < 5 goto count_ids              an action: its code is its counter
 *     w1 = 5
 *     if w0 == 31 goto count_ids
 *     w1 = 6
 *     count_ids:
 *     r1 <<= 3; r1 += r9
 *     r2 = *(u64 *)(r1 + 56); r2 += 1; *(u64 *)(r1 + 56) = r2
 *
 * The additions are exact without a bus lock: each CPU has counters of its own, and XDP runs with softirqs off, so nothing
 * on this CPU comes between the load and the store.
 *
 * The array has the key 0, so the lookup never fails, and no verdict depends on it; the verifier must be shown what would be
 * done all the same. R0 is 0 there, which is ABORTED: a packet that no program has seen would not pass, and the kernel's
 * tracepoint xdp_exception would tell of it.
 */
import { ACTIONS, NO_VERDICT } from "../../chain/chain.ts";
import { BPF_FUNC_map_lookup_elem } from "../asm/constants.ts";
import {
  add64Imm,
  add64Reg,
  callHelper,
  type Instruction,
  jeq32Imm,
  jeqImm,
  jltImm,
  ldSymbol,
  ldxDw,
  lsh64Imm,
  mov32Imm,
  mov32Reg,
  mov64Reg,
  R0,
  R1,
  R10,
  R2,
  R9,
  type Register,
  stW,
  stxDw,
  withComment,
  withLabel,
} from "../asm/index.ts";
import { identifier } from "../link/names.ts";
import type { ReturnCodes } from "../object/returns.ts";
import { OUTCOMES, type Plan } from "../plan/plan.ts";
import { type Block, returnLabel } from "./blocks.ts";
import { COUNTER, COUNTERS_MAP, counterOffset } from "./counters.ts";
import type { Held } from "./held.ts";
import { isPossible } from "./reach.ts";

export function counted(plan: Plan, blocks: readonly Block[], held: Held): readonly Block[] {
  return blocks.map((block): Block => {
    const { node, body, end } = block;
    if (node === undefined || end.kind !== "decide") return block;
    const label = `count_${identifier(plan.nodes[node]!.program.name)}`;
    const start = node === 0 ? findCounters(held) : [];
    return { ...block, body: [...start, ...body], after: countReturn(node, end.codes, label, held) };
  });
}

/** In front of everything else: R1 is the context. The key's place on the stack is free again behind it. */
function findCounters({ keepCounters }: Held): readonly Instruction[] {
  return [
    mov64Reg(R9, R1),
    stW(R10, -4, 0),
    mov64Reg(R2, R10),
    add64Imm(R2, -4),
    ldSymbol(R1, COUNTERS_MAP),
    callHelper(BPF_FUNC_map_lookup_elem),
    withComment("never: the key is there", jeqImm(R0, 0, returnLabel("own"))),
    mov64Reg(R1, R9),
    keepCounters,
  ];
}

/** Behind the program, however it was entered: R0 is its code, and stays. */
function countReturn(
  node: number,
  codes: ReturnCodes,
  label: string,
  { recallCounters, counters }: Held,
): readonly Instruction[] {
  const possible = OUTCOMES.filter((outcome) => isPossible(outcome, codes));
  if (possible.length === 1) return [...recallCounters, ...addOne(counters, counterOffset(node, possible[0]!))];
  const counter = (outcome: "no-verdict" | "other"): Instruction => mov32Imm(R1, OUTCOMES.indexOf(outcome));
  const [first, ...rest] = [
    lsh64Imm(R1, Math.log2(COUNTER)),
    add64Reg(R1, counters),
    ...addOne(R1, counterOffset(node, "aborted")),
  ];
  return [
    ...recallCounters,
    mov32Reg(R1, R0),
    // Of 64 bits, since older verifiers bound no address by a compare of 32.
    jltImm(R1, ACTIONS.length, label),
    ...(possible.includes("no-verdict") ? [counter("no-verdict"), jeq32Imm(R0, NO_VERDICT, label)] : []),
    // Also where the code shows that it cannot come: of what a global function returns the verifier knows nothing.
    counter("other"),
    withLabel(label, first),
    ...rest,
  ];
}

function addOne(base: Register, offset: number): readonly Instruction[] {
  return [ldxDw(R2, base, offset), add64Imm(R2, 1), stxDw(base, offset, R2)];
}
