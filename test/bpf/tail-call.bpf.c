/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tail-calls entry 0 of its own program array, and returns DROP when the entry is empty.
 *
 * Maps      next: prog array with one entry.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("xdp")
int xdp_tail_call(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &next, 0);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
