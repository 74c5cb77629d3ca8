/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For benchmarks: a program of one generation of a chain. The `first` writes the generation's number into the frame, behind its
 * Ethernet header; any other counts frames that have another generation's. Each counts the frames that it has seen. PASS.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __u8 first = 0;
const volatile __u8 number = 0;

struct counts {
	__u64 seen;
	__u64 mixed;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counts);
} frames SEC(".maps");

SEC("xdp")
int xdp_generation(struct xdp_md *ctx)
{
	__u8 *mark = (void *)(long)ctx->data + 14;
	void *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&frames, &zero);

	if (!counts || (void *)(mark + 1) > end)
		return XDP_ABORTED;
	counts->seen += 1;
	if (first)
		*mark = number;
	else if (*mark != number)
		counts->mixed += 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
