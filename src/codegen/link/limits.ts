/** The kernel's limits for one program, which all that is linked into a dispatcher share. */
import { XdpgenError } from "../../errors.ts";
import { type Instruction, slots } from "../asm/index.ts";
import { MAX_STACK } from "../object/frame.ts";
import { type Needs, needs } from "../object/needs.ts";
import { isTailCalled } from "../object/program.ts";
import type { Plan } from "../plan/plan.ts";
import type { Unit } from "./unit.ts";
import { apart } from "./unsupported.ts";

/** What one program of the kernel may have. */
export const LIMITS = {
  /** BPF_MAX_SUBPROGS (include/linux/bpf_verifier.h); the main function counts. */
  functions: 256,
  /** MAX_USED_MAPS (include/linux/bpf.h). A data section is a map too. */
  maps: 64,
  /** Bytes. 256 above a function that makes a tail call. */
  stack: MAX_STACK,
  /** BPF_COMPLEXITY_LIMIT_INSNS (include/linux/bpf.h). */
  verifiedInstructions: 1_000_000,
} as const;

export interface LinkedFunction {
  readonly symbol: string;
  readonly code: readonly Instruction[];
}

/**
 * @param entries functions that will be called, or the main one; those that they refer to are in `units`
 * @param units what brings functions and maps
 * @throws XdpgenError `limit` with the figure and what to do
 */
export function checkLimits(plan: Plan, entries: readonly LinkedFunction[], units: readonly Unit[]): void {
  const { functions, maps } = linkedNeeds(entries, units);
  if (functions > LIMITS.functions) {
    throw new XdpgenError(
      "limit",
      `chain ${plan.chain} needs ${functions} functions for its ${plan.nodes.length} programs, and the kernel takes ` +
        `${LIMITS.functions} in one program: ${LIMITS.functions - 1} programs at most` +
        (1 + plan.nodes.length > LIMITS.functions
          ? "; use `linkage: inline` for some of them, which takes no function, or take some out"
          : `, fewer where they bring functions of their own; ${apart("those")}`),
    );
  }
  const counters = plan.counters ? 1 : 0;
  const loaded = plan.nodes.filter(({ program }) => isTailCalled(program)).length;
  if (maps + loaded + counters > LIMITS.maps) {
    const others = [
      ...(loaded > 0 ? [`${loaded} for programs that are loaded already`] : []),
      ...(counters > 0 ? ["its counters"] : []),
    ];
    const beside = others.length > 0 ? ` beside ${others.join(" and ")}` : "";
    throw new XdpgenError(
      "limit",
      `chain ${plan.chain} links programs that use ${maps} maps (a data section counts as one)` +
        beside +
        `, and the kernel takes ${LIMITS.maps} in one program; ${apart("some of them")}: each then has its own ${LIMITS.maps}`,
    );
  }
}

/** What tail calls enter, beside the main function, is a program of its own and not counted. */
function linkedNeeds(entries: readonly LinkedFunction[], units: readonly Unit[]): Needs {
  const functions = new Map<string, LinkedFunction>(
    [...entries, ...units.flatMap((unit) => unit.functions)].map((f) => [f.symbol, f]),
  );
  const maps = new Map(
    units.flatMap((unit) => [
      ...unit.maps.map(({ symbol }) => [symbol, symbol] as const),
      ...unit.data.map(({ section }) => [section, section] as const),
      // libbpf makes one map of all the configuration that is read.
      ...unit.externs.flatMap((e) => (e.section === ".kconfig" ? [[e.symbol, e.section] as const] : [])),
    ]),
  );
  return needs(entries, ({ code }) => {
    const symbols = code.flatMap(({ symbol }) => symbol ?? []);
    return {
      length: code.reduce((sum, instruction) => sum + slots(instruction), 0),
      functions: symbols.flatMap((symbol) => functions.get(symbol) ?? []),
      maps: symbols.flatMap((symbol) => maps.get(symbol) ?? []),
    };
  });
}
