/**
 * What the linked programs of a chain need together, against what one program of the kernel may have; and which of them are
 * bound in another way where it is too much. Only linkages that were left to `auto` change.
 *
 * | limit | of `inline` | of what is linked in any way |
 * |---|---|---|
 * | 512 bytes of stack for a chain of frames | the largest frame lies above every call of the chain | |
 * | 16-bit jumps | all of the dispatcher's main function | |
 * | 64 maps, 256 functions | | all that the programs bring |
 *
 * What is inlined moves to `call`, the one that needs most first; what is linked moves to `freplace` where the kernel allows
 * it, the last in the chain first. The verifier's million instructions are not known here: `loader/load/fit.ts`.
 */
import type { ObjectLinkage } from "../../chain/chain.ts";
import { XdpgenError } from "../../errors.ts";
import { checkLimits } from "../link/limits.ts";
import { programUnits } from "../link/program-unit.ts";
import { MAX_STACK } from "../object/frame.ts";
import { HELD_BYTES, obstacleTo } from "../object/linkage.ts";
import {
  isExtension,
  isLinkedProgram,
  isTailCalled,
  type ResolvedObject,
  type ResolvedProgram,
} from "../object/program.ts";
import { roundedFrame, type StackUse, stackUse } from "../object/stack.ts";
import { staleSlots } from "../object/stale.ts";
import type { Plan } from "../plan/plan.ts";

/** Slots of inlined code, of the 32,767 that a jump reaches: the dispatcher has at most 16 of its own for a program, 24 where it counts. */
const maxInlined = ({ counters }: Plan): number => 0x7fff - (counters ? 24 : 16) * 256;

export interface SettleOptions {
  /** What linkage `auto` means where independence is preferred: what the machine allows is the loader's knowledge. */
  readonly auto: ObjectLinkage;
  /** Whether the kernel's verifier has found the chain too large with what `auto` inlines: then it inlines nothing. */
  readonly tooLargeToInline: boolean;
}

/**
 * The plan with linkages that the kernel's limits allow.
 *
 * @throws XdpgenError `limit` where the declared linkages do not fit
 */
export function settle(plan: Plan, { auto, tooLargeToInline }: SettleOptions): Plan {
  let programs: readonly ResolvedProgram[] = plan.nodes.map(({ program }) => program);
  if (tooLargeToInline) programs = programs.map(withoutInlining);
  programs = besideLoaded(programs);
  if (programs.some(({ linkage }) => linkage === "inline")) programs = settleInlined(plan, programs);
  const movable = programs.some((program) => program.auto && isLinkedProgram(program));
  if (auto === "freplace" && movable) programs = settleLinked(plan, programs);
  if (programs.every((program, index) => program === plan.nodes[index]!.program)) return plan;
  return { ...plan, nodes: plan.nodes.map((node, index) => ({ ...node, program: programs[index]! })) };
}

function withoutInlining(program: ResolvedProgram): ResolvedProgram {
  if (!program.auto || program.linkage !== "inline") return program;
  const because = "not inline: the verifier has more than a million instructions to walk where it is";
  return { ...program, linkage: "call", because };
}

/**
 * An extension remembers the `expected_attach_type` of what it was loaded for, BPF_XDP, and fits no dispatcher that has
 * another (kernel/bpf/syscall.c, bpf_tracing_prog_attach); a dispatcher must have that of the programs that it tail-calls.
 *
 * @throws XdpgenError `object-unsupported` where linkage freplace is declared
 */
function besideLoaded(programs: readonly ResolvedProgram[]): readonly ResolvedProgram[] {
  const other = programs.find((program) => isTailCalled(program) && program.attachType === "none");
  if (!other) return programs;
  const because = `${other.name} is loaded without expected_attach_type BPF_XDP, and extensions fit only where it is set`;
  return programs.map((program): ResolvedProgram => {
    if (!isExtension(program)) return program;
    if (program.auto) return { ...program, linkage: "call", because: `not freplace: ${because}` };
    throw new XdpgenError(
      "object-unsupported",
      `${program.name}: ${because}; use \`linkage: call\`, or load ${other.name} with the attach type`,
    );
  });
}

function settleInlined(plan: Plan, declared: readonly ResolvedProgram[]): readonly ResolvedProgram[] {
  const stacks = new Map(
    declared.flatMap((program) => {
      if (isTailCalled(program)) return [[program.name, TAIL_CALL]];
      return isLinkedProgram(program) ? [[program.name, stackUse(program.object, program.main)]] : [];
    }),
  );
  let programs = declared;
  for (;;) {
    const inlined = programs.filter(isInlined);
    const meets = tooLong(inlined, maxInlined(plan)) ?? tooDeep(programs, stacks);
    if (!meets) return programs;
    const most = inlined.filter(({ auto }) => auto).toSorted((a, b) => meets.need(b) - meets.need(a))[0];
    if (!most) {
      throw new XdpgenError("limit", `chain ${plan.chain}: ${meets.limit}; use \`linkage: call\` for some of them`);
    }
    programs = moved(programs, most, "call", meets.limit);
  }
}

interface Met {
  readonly limit: string;
  /** How much of it a program takes. */
  readonly need: (program: ResolvedObject) => number;
}

function isInlined(program: ResolvedProgram): program is ResolvedObject {
  return program.linkage === "inline";
}

/** The function that tail-calls a loaded program (tail.ts). */
const TAIL_CALL: StackUse = { own: 0, added: 0, below: 0, tailCalls: true, tailCallsBelow: false };

function tooLong(inlined: readonly ResolvedObject[], most: number): Met | undefined {
  const total = inlined.reduce((sum, program) => sum + lengthOf(program), 0);
  if (total <= most) return undefined;
  return {
    limit: `the inlined programs have ${total} instructions, and a jump reaches over ${most} of them`,
    need: lengthOf,
  };
}

/** With the stores in front of it. */
function lengthOf({ object, main }: ResolvedObject): number {
  return main.size / 8 + staleSlots(object, main).length;
}

function tooDeep(programs: readonly ResolvedProgram[], stacks: ReadonlyMap<string, StackUse>): Met | undefined {
  const use = (program: ResolvedProgram): StackUse => stacks.get(program.name)!;
  const inlined = programs.filter(isInlined).map(use);
  if (inlined.length === 0) return undefined;
  const frame = Math.max(...inlined.map(({ own }) => bytes(own)));
  const main = roundedFrame(frame + HELD_BYTES + Math.max(...inlined.map(({ added }) => added)));
  for (const program of programs.filter(({ name }) => stacks.has(name))) {
    const { own, added, below, tailCalls, tailCallsBelow } = use(program);
    const called = !isInlined(program);
    const depth = main + (called ? roundedFrame(bytes(own) + added) : 0) + bytes(below);
    const most = tailCallsBelow || (called && tailCalls) ? MAX_STACK_OF_TAIL_CALLS : MAX_STACK;
    if (depth <= most) continue;
    return {
      limit: `with what is inlined, ${program.name} comes to ${depth} bytes of stack, and the kernel gives ${most}`,
      need: (other) => bytes(use(other).own),
    };
  }
  return undefined;
}

/** Frames above a function that makes a tail call (kernel/bpf/verifier.c, check_max_stack_depth). */
const MAX_STACK_OF_TAIL_CALLS = 256;

/** What cannot be told may be all that a program can have beside the frame that calls it. */
function bytes(size: StackUse["own"]): number {
  return size === "unknown" ? MAX_STACK - roundedFrame(0) : size;
}

function settleLinked(plan: Plan, declared: readonly ResolvedProgram[]): readonly ResolvedProgram[] {
  let programs = declared;
  for (;;) {
    const linked = programs.filter(isLinkedProgram);
    const obstacle = refusal(() => {
      const units = programUnits(linked, new Set());
      // The main function and the stubs, which bring nothing else.
      const own = Array.from({ length: 1 + programs.length - linked.length }, () => ({ symbol: "", code: [] }));
      checkLimits(plan, [...own, ...units.map((unit) => unit.functions[0]!)], units);
    });
    if (!obstacle) return programs;
    const last = linked.findLast((p) => p.auto && obstacleTo("freplace", p.object, p.main) === undefined);
    if (!last) return programs;
    programs = moved(programs, last, "freplace", obstacle.message);
  }
}

/** Why a chain cannot be linked. What is no answer to that is thrown later, when it is built. */
function refusal(attempt: () => void): XdpgenError | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (error instanceof XdpgenError && (error.code === "limit" || error.code === "object-unsupported")) return error;
    throw error;
  }
}

function moved(
  programs: readonly ResolvedProgram[],
  which: ResolvedObject,
  linkage: ObjectLinkage,
  reason: string,
): readonly ResolvedProgram[] {
  return programs.map((program) =>
    program === which ? { ...which, linkage, because: `not ${which.linkage}: ${reason}` } : program,
  );
}
