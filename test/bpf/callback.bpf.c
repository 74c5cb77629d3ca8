/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Hands the address of a static function to a helper (bpf_for_each_map_elem, Linux 5.13 and later): a reference that is
 * no call. Adds up the four entries of `weights` and drops the packet when the sum is odd, else passes it.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} weights SEC(".maps");

struct sum {
	__u64 value;
};

static long add_weight(void *map, __u32 *key, __u64 *weight, struct sum *sum)
{
	sum->value += *weight;
	return 0;
}

SEC("xdp")
int xdp_callback(struct xdp_md *ctx)
{
	struct sum sum = {};

	bpf_for_each_map_elem(&weights, add_weight, &sum, 0);
	return sum.value & 1 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
