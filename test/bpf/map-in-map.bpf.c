/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Maps of maps that hold maps from the start. Packets of even and of odd length are counted apart, by length modulo 4 in
 * maps found through `by_parity`, and all of them in one found through `by_name`. Every third of a length is dropped, the
 * rest passes; ABORTED when a map is not where it was put. static-maps.bpf.c is the same with static maps.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#ifndef LINKAGE
#define LINKAGE
#endif

struct counts {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
};

LINKAGE struct counts even SEC(".maps");
LINKAGE struct counts odd SEC(".maps");
LINKAGE struct counts all SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct counts);
} by_parity SEC(".maps") = {
	.values = { [2] = &even, [5] = &odd },
};

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct counts);
} by_name SEC(".maps") = {
	.values = { [1] = &all },
};

static __attribute__((noinline)) __u64 count(void *counts, __u32 length)
{
	__u32 key = length & 3;
	__u64 *counted;

	if (!counts)
		return 0;
	counted = bpf_map_lookup_elem(counts, &key);
	return counted ? ++*counted : 0;
}

SEC("xdp")
int xdp_map_in_map(struct xdp_md *ctx)
{
	__u32 length = ctx->data_end - ctx->data;
	__u32 parity = length & 1 ? 5 : 2;
	__u32 name = 1;
	__u64 total;

	total = count(bpf_map_lookup_elem(&by_parity, &parity), length);
	if (!total || !count(bpf_map_lookup_elem(&by_name, &name), length))
		return XDP_ABORTED;
	return total % 3 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
