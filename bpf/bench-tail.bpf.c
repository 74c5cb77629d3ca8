/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For benchmarks: bench-pass as a link of a chain of tail calls, the way to chain programs that needs no dispatcher and every
 * program's cooperation. It calls what stands at `next` in the shared program array; where nothing does, it returns PASS.
 * The index is a constant to the verifier, so that the JIT makes a direct jump of it.
 *
 * Maps      tail_calls: program array of 32, shared by all links of one chain.
 * Globals   next: the place of the next link.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __u32 next = 1;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __u32);
} tail_calls SEC(".maps");

SEC("xdp")
int xdp_bench_tail(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if (data + 14 > end)
		return XDP_DROP;
	bpf_tail_call(ctx, &tail_calls, next);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
