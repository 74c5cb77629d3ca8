/** The definition of a map in an object: what the kernel is asked for when it is made. */
import { sizeOf } from "../btf/layout.ts";
import type { Btf, TypeId } from "../btf/types.ts";
import { resolveType } from "./signature.ts";

/** What makes two maps interchangeable. Sizes in bytes. */
export interface MapDefinition {
  /** As in include/uapi/linux/bpf.h, enum bpf_map_type. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_*` of map creation. */
  readonly flags: number;
}

/**
 * As libbpf reads it (tools/lib/bpf/libbpf.c, parse_btf_map_def): a number is the length of an array that a member points to.
 * @param struct the type of a variable in `.maps`
 */
export function mapDefinition(btf: Btf, struct: TypeId): MapDefinition {
  const type = resolveType(btf, struct);
  const pointee = (name: string): TypeId | undefined => {
    const member = type?.kind === "struct" ? type.members.find((m) => m.name === name) : undefined;
    const pointer = member && resolveType(btf, member.type);
    return pointer?.kind === "ptr" ? pointer.type : undefined;
  };
  const number = (name: string): number => {
    const id = pointee(name);
    const array = id === undefined ? undefined : resolveType(btf, id);
    return array?.kind === "array" ? array.length : 0;
  };
  const size = (name: string): number => {
    const id = pointee(name);
    return id === undefined ? number(`${name}_size`) : (sizeOf(btf, id) ?? 0);
  };
  return {
    type: number("type"),
    keySize: size("key"),
    valueSize: size("value"),
    maxEntries: number("max_entries"),
    flags: number("map_flags"),
  };
}

/** include/uapi/linux/bpf.h, enum bpf_map_type, without BPF_MAP_TYPE_. */
const TYPES = [
  "unspec",
  "hash",
  "array",
  "prog_array",
  "perf_event_array",
  "percpu_hash",
  "percpu_array",
  "stack_trace",
  "cgroup_array",
  "lru_hash",
  "lru_percpu_hash",
  "lpm_trie",
  "array_of_maps",
  "hash_of_maps",
  "devmap",
  "sockmap",
  "cpumap",
  "xskmap",
  "sockhash",
  "cgroup_storage",
  "reuseport_sockarray",
  "percpu_cgroup_storage",
  "queue",
  "stack",
  "sk_storage",
  "devmap_hash",
  "struct_ops",
  "ringbuf",
  "inode_storage",
  "task_storage",
  "bloom_filter",
  "user_ringbuf",
  "cgrp_storage",
  "arena",
];

/** `hash, key 4 bytes, value 8 bytes, 1024 entries`; flags where it has any. */
export function definitionText({ type, keySize, valueSize, maxEntries, flags }: MapDefinition): string {
  const parts = [
    TYPES[type] ?? `type ${type}`,
    `key ${keySize} bytes`,
    `value ${valueSize} bytes`,
    `${maxEntries} entries`,
    ...(flags === 0 ? [] : [`flags 0x${flags.toString(16)}`]),
  ];
  return parts.join(", ");
}
