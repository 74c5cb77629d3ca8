/**
 * How much stack a function uses, read from its instructions: how far below R10 it reads or writes. The verifier finds the
 * same figure when it loads the program (kernel/bpf/verifier.c, update_stack_depth); here it is known before.
 *
 * An abstract interpretation, with the addresses of `addresses.ts`. Where one could be lower than what is known, the answer is
 * `unknown`, and the program is not inlined: the dispatcher keeps what it must not forget right below.
 */
import { CALL, R10 } from "../asm/index.ts";
import { onceEach } from "../once.ts";
import {
  addressIn,
  ARGUMENTS,
  isSlot,
  join,
  lowestStored,
  same,
  type State,
  storedBy,
  touchedBy,
  transfer,
  type Value,
} from "./addresses.ts";
import { type CodeInstruction, readCode } from "./code.ts";
import { successors } from "./flow.ts";
import type { ObjectFunction, XdpObject } from "./open.ts";

/** Of one function: bytes of its own frame, 0 to 512; `"unknown"` where an address in it cannot be followed. */
export type FrameSize = number | "unknown";

/** MAX_BPF_STACK (include/linux/filter.h), for all frames of a call chain together. */
export const MAX_STACK = 512;

/** The arguments in which callbacks get what a helper was handed for them: of bpf_loop and the like, of bpf_for_each_map_elem. */
const CONTEXTS = [2, 4] as const;

/**
 * @param handed registers that hold addresses
 * @param stored whether what these point at holds addresses too
 */
type ReachOfCall = (step: CodeInstruction, handed: readonly number[], stored: boolean) => number | "unknown";

export const frameSize = onceEach((object: XdpObject, f: ObjectFunction): FrameSize => {
  const lowest = lowestTouched(object, f, { roots: [R10], inherits: false }, []);
  return lowest === "unknown" ? "unknown" : -lowest || 0;
});

/** The addresses that a function starts with. */
interface Handed {
  readonly roots: readonly number[];
  /** It can load more of them through these. */
  readonly inherits: boolean;
}

/**
 * The lowest byte that a function touches through addresses that it starts with, counted from them: 0 or below. What it hands
 * to its own callees counts.
 *
 * @param callers functions that are being looked at
 */
function lowestTouched(
  object: XdpObject,
  f: ObjectFunction,
  { roots, inherits }: Handed,
  callers: readonly ObjectFunction[],
): number | "unknown" {
  if (callers.includes(f)) return "unknown";
  const code = readCode(object, f);
  const at = new Map(code.map((c) => [c.offset / 8, c]));
  // A callback can come from who called this function; one that is running already is not called again.
  const running = [f, ...callers];
  const pointedAt = [
    ...namedIn(code),
    ...callers.flatMap((caller) => namedIn(readCode(object, caller))).filter((one) => !running.includes(one)),
  ];
  const below = (callee: ObjectFunction, handed: Handed): number | "unknown" =>
    lowestTouched(object, callee, handed, running);
  /** What a call can touch below the addresses that it is handed: of a helper, what callbacks can. */
  const reachOfCall: ReachOfCall = ({ reference }, handed, stored) => {
    if (reference?.kind === "function") return below(reference.function, { roots: handed, inherits: stored });
    const each = pointedAt.flatMap((callback) =>
      CONTEXTS.map((context) => below(callback, { roots: [context], inherits: stored })),
    );
    return each.reduce<number | "unknown">(lower, 0);
  };

  const before = new Map<number, State>([[0, new Map(roots.map((root) => [root, { kind: "address", lowest: 0 }]))]]);
  const work = [0];
  let lowest = 0;
  // The lowest address that can be in memory, but for the places of the frame that the state knows.
  let elsewhere = inherits ? 0 : undefined;
  for (let pc = work.pop(); pc !== undefined; pc = work.pop()) {
    const step = at.get(pc);
    const leads = step && successors(step);
    if (!step || !leads) return "unknown";
    const state = before.get(pc)!;
    const { instruction } = step;
    const touched = lower(touchedBy(instruction, state), reachesInto(step, state, elsewhere, reachOfCall));
    if (touched === "unknown" || touched < -MAX_STACK) return "unknown";
    lowest = Math.min(lowest, touched);
    const kept = storedBy(instruction, state);
    // What a callee puts outside of its own frame, its caller can load again.
    if (kept !== undefined && callers.length > 0 && instruction.dst !== R10) return "unknown";
    if (kept !== undefined && !isSlot(instruction) && (elsewhere === undefined || kept < elsewhere)) {
      elsewhere = kept;
      // What was loaded before may have been this.
      work.push(...before.keys());
    }
    const after = transfer(instruction, state, elsewhere);
    if (after === "unknown") return "unknown";
    for (const to of [leads.next, leads.jump]) {
      if (to === undefined) continue;
      const old = before.get(to);
      const joined = old ? join(old, after) : after;
      if ([...joined.values()].some(tooLow)) return "unknown";
      if (old && same(old, joined)) continue;
      before.set(to, joined);
      work.push(to);
    }
  }
  return lowest;
}

/** Functions that an instruction makes an address of. */
function namedIn(code: readonly CodeInstruction[]): readonly ObjectFunction[] {
  return code.flatMap(({ instruction, reference }) =>
    reference?.kind === "function" && instruction.opcode !== CALL ? [reference.function] : [],
  );
}

function lower(a: number | "unknown", b: number | "unknown"): number | "unknown" {
  return a === "unknown" || b === "unknown" ? "unknown" : Math.min(a, b);
}

function tooLow(value: Value): boolean {
  return value.kind === "address" && value.lowest < -MAX_STACK;
}

/** The lowest byte that a call touches, or lets its callee touch. */
function reachesInto(
  step: CodeInstruction,
  state: State,
  elsewhere: number | undefined,
  reachOfCall: ReachOfCall,
): number | "unknown" {
  if (step.instruction.opcode !== CALL) return 0;
  const handed = ARGUMENTS.filter((argument) => addressIn(state, argument) !== undefined);
  if (handed.length === 0) return 0;
  const stored = lowestStored(state, elsewhere);
  const reach = reachOfCall(step, handed, stored !== undefined);
  if (reach === "unknown") return "unknown";
  return Math.min(0, ...handed.map((register) => addressIn(state, register)! + reach), (stored ?? -reach) + reach);
}
