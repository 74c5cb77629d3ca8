/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For benchmarks: a program of a chain whose frames go through all of it. ABORTED for less than an Ethernet header, so that it
 * has to look at the packet, and a dispatcher at what it returned; else PASS, or ENDS where that macro is given. With COUNTS it
 * counts packets in a map of its own. VERSION makes another object of it that does the same.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#ifndef ENDS
#define ENDS XDP_PASS
#endif

#ifdef COUNTS
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps");
#endif

#define NAMED(version) xdp_passing_##version
#define NAME(version) NAMED(version)

SEC("xdp")
int NAME(VERSION)(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
#ifdef COUNTS
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&packets, &zero);

	if (count)
		*count += 1;
#endif
	return data + 14 > end ? XDP_ABORTED : ENDS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
