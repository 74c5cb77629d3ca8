/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For benchmarks: the least that a program which judges packets does. DROP for frames that are cut short and for those of
 * the EtherType DROPPED, else PASS. A benchmark compiles it in the forms that its contestants need, with the macros
 *
 *   DROPPED   host byte order
 *   SLOWED    instructions that it executes for nothing
 *
 * The context is read as volatile: who compiles several of these programs as one must do the work of each, as it would have
 * to with programs that have less in common.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_trivial(struct xdp_md *ctx)
{
	volatile struct xdp_md *packet = ctx;
	struct ethhdr *eth = (void *)(long)packet->data;
	void *end = (void *)(long)packet->data_end;
#if SLOWED > 0
	__u64 nothing = 0;

#pragma unroll
	for (int i = 0; i < SLOWED; i++)
		asm volatile("%0 += 1" : "+r"(nothing));
#endif

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	return eth->h_proto == bpf_htons(DROPPED) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
