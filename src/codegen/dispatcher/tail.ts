/**
 * The slot of a program that is loaded already: a function that tail-calls it out of a one-entry map of programs, so that its
 * verdict comes back to the dispatcher. The loader fills the map; what is in it can be another program a moment later.
 *
 *     r2 = tail_ids ll
 *     r3 = 0
 *     call bpf_tail_call
 *     r0 = 31            where the map is empty, or the packet has made its 33 tail calls
 *     exit
 *
 * The kernel knows map and index when it compiles this, and makes one direct jump of it (kernel/bpf/verifier.c,
 * bpf_map_key_immediate; map_poke_run of kernel/bpf/arraymap.c turns the jump when the entry changes).
 */
import { NO_VERDICT } from "../../chain/chain.ts";
import { BPF_FUNC_tail_call } from "../asm/constants.ts";
import { callHelper, exit, ldSymbol, mov64Imm, R0, R2, R3 } from "../asm/index.ts";
import { identifier } from "../link/names.ts";
import type { Unit } from "../link/unit.ts";
import type { ResolvedLoaded } from "../object/program.ts";
import { type DispatcherFunction, INT } from "./function.ts";
import { withMap } from "./unit.ts";

/** The name of a slot's map, unless it is taken. */
export const programArray = (program: string): string => `tail_${identifier(program)}`;

/** @param array the symbol of its map */
export function tailFunction({ name, path }: ResolvedLoaded, symbol: string, array: string): DispatcherFunction {
  return {
    symbol,
    returns: INT,
    instructions: [
      ldSymbol(R2, array),
      mov64Imm(R3, 0),
      callHelper(BPF_FUNC_tail_call),
      mov64Imm(R0, NO_VERDICT),
      exit(),
    ],
    lines: [{ index: 0, text: `${name}: tail-calls the program ${path}` }],
  };
}

/** include/uapi/linux/bpf.h, enum bpf_map_type. */
export const BPF_MAP_TYPE_PROG_ARRAY = 3;

/** The unit with one map of programs more. */
export function withProgramArray(unit: Unit, symbol: string): Unit {
  return withMap(unit, symbol, ({ number }) => [
    ["type", number(BPF_MAP_TYPE_PROG_ARRAY)],
    ["max_entries", number(1)],
    ["key_size", number(4)],
    ["value_size", number(4)],
  ]);
}
