/**
 * The counters of a dispatcher that counts: one per-CPU array with one entry, so that a packet needs one lookup. Its BTF
 * names programs and outcomes, and `bpftool map dump` shows them.
 *
 *     struct xdpgen_outcomes { unsigned long long aborted, drop, pass, tx, redirect, no_verdict, other; };
 *     struct xdpgen_counts { struct xdpgen_outcomes denylist, ratelimit; };
 *
 * The largest has 255 programs and 14,280 bytes; a per-CPU value may have 32 KiB (PCPU_MIN_UNIT_SIZE, linux/percpu.h).
 */
import type { TypeId } from "../btf/types.ts";
import { identifier } from "../link/names.ts";
import type { Unit } from "../link/unit.ts";
import { type Outcome, OUTCOMES, type Plan } from "../plan/plan.ts";
import { INT } from "./function.ts";
import { withMap } from "./unit.ts";

/** Name of the map, in the object and in the kernel. `xdpgen_` and a letter begin the names of dispatchers. */
export const COUNTERS_MAP = "xdpgen__counts";

/** Bytes of one counter, a u64. */
export const COUNTER = 8;
/** Bytes of a program's counters, in the order of `OUTCOMES`. */
const COUNTERS = COUNTER * OUTCOMES.length;

/** How often a program ended with each outcome. */
export type Counts = Readonly<Record<Outcome, number>>;

/** Bytes from the start of the value. */
export function counterOffset(node: number, outcome: Outcome): number {
  return node * COUNTERS + COUNTER * OUTCOMES.indexOf(outcome);
}

/** Bytes of one CPU's value. */
export const countersSize = (nodes: number): number => nodes * COUNTERS;

/**
 * The counts of each node, those of all CPUs together; exact up to 2^53.
 * @param values one behind the other, as the kernel gives them
 */
export function readCounters(values: Uint8Array, nodes: number): readonly Counts[] {
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const sum = (offset: number): number => {
    let all = 0n;
    for (let cpu = 0; cpu < values.length; cpu += countersSize(nodes)) all += view.getBigUint64(cpu + offset, true);
    return Number(all);
  };
  return Array.from({ length: nodes }, (_, node): Counts => {
    const counts = OUTCOMES.map((outcome) => [outcome, sum(counterOffset(node, outcome))]);
    return Object.fromEntries(counts) as Record<Outcome, number>;
  });
}

/** include/uapi/linux/bpf.h, enum bpf_map_type. */
export const BPF_MAP_TYPE_PERCPU_ARRAY = 6;

/** The unit with the map of its plan's counters. */
export function withCounters(unit: Unit, { nodes }: Plan): Unit {
  return withMap(unit, COUNTERS_MAP, ({ add, addOnce, number, pointer }) => {
    const int = addOnce(INT);
    const u64 = addOnce({ ...INT, name: "unsigned long long", size: 8, bits: 64, encoding: 0 });
    const struct = (name: string, memberSize: number, members: readonly (readonly [string, TypeId])[]): TypeId =>
      add({
        kind: "struct",
        name,
        size: memberSize * members.length,
        members: members.map(([member, type], index) => {
          return { name: member, type, bitOffset: 8 * index * memberSize, bitSize: 0 };
        }),
        bitfields: false,
      });
    const outcomes = struct(
      "xdpgen_outcomes",
      COUNTER,
      OUTCOMES.map((outcome) => [identifier(outcome), u64]),
    );
    const value = struct(
      "xdpgen_counts",
      COUNTERS,
      nodes.map(({ program }) => [identifier(program.name), outcomes]),
    );
    return [
      ["type", number(BPF_MAP_TYPE_PERCPU_ARRAY)],
      ["max_entries", number(1)],
      ["key", pointer(int)],
      ["value", pointer(value)],
    ];
  });
}
