/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A map of programs that holds programs from the start: a packet is counted in `seen`, and its length modulo 4 says which
 * of them is entered by a tail call. 1 drops, 2 sends back every other packet and drops the rest, and where there is none
 * the packet passes.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

__u64 seen;
__u64 bounced;

static __attribute__((noinline)) int alternate(void)
{
	return ++bounced & 1 ? XDP_TX : XDP_DROP;
}

SEC("xdp")
int xdp_drop_it(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp")
int xdp_bounce(struct xdp_md *ctx)
{
	return alternate();
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, int(struct xdp_md *));
} steps SEC(".maps") = {
	.values = { [1] = &xdp_drop_it, [2] = &xdp_bounce },
};

static __attribute__((noinline)) int enter(struct xdp_md *ctx, __u32 step)
{
	bpf_tail_call(ctx, &steps, step);
	return XDP_PASS;
}

SEC("xdp")
int xdp_map_of_programs(struct xdp_md *ctx)
{
	seen++;
	return enter(ctx, (ctx->data_end - ctx->data) & 3);
}

char _license[] SEC("license") = "Dual BSD/GPL";
