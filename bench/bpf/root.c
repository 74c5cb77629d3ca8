/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For benchmarks: a root program, which is attached once and calls the first program that stands in its array. A place
 * where nothing stands falls through to the one behind it. The programs are links of a chain (tail-call.c): nobody comes
 * back to the root.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define ROOM 3

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, ROOM);
	__type(key, __u32);
	__type(value, __u32);
} roots SEC(".maps");

SEC("xdp")
int xdp_root(struct xdp_md *ctx)
{
#pragma unroll
	for (__u32 place = 0; place < ROOM; place++)
		bpf_tail_call(ctx, &roots, place);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
