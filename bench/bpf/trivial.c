/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For benchmarks: the least that a program which judges packets does. DROP for frames that are shorter than SHORTEST bytes,
 * else PASS. A benchmark compiles it in the forms that its contestants need, with the macros
 *
 *   SHORTEST  bytes, 14 or more
 *   SLOWED    instructions that it executes for nothing
 *
 * The context is read as volatile: who compiles several of these programs as one must do the work of each, as it would have
 * to with programs that have less in common.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_trivial(struct xdp_md *ctx)
{
	volatile struct xdp_md *packet = ctx;
	void *data = (void *)(long)packet->data;
	void *end = (void *)(long)packet->data_end;
#if SLOWED > 0
	__u64 nothing;

	/* Each waits for the one before it; additions of small constants processors do on the way. */
	asm volatile("%0 = 1" : "=r"(nothing));
#pragma unroll
	for (int i = 1; i < SLOWED; i++)
		asm volatile("%0 *= 3" : "+r"(nothing));
#endif

	return data + SHORTEST > end ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
