/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The first instruction set, without 32-bit arithmetic and jumps, as an old toolchain makes it.
 *
 * clang: -mcpu=v1
 *
 * Drops frames whose Ethernet destination adds up to an odd number, passes the others. Keeps a 32-bit sum in .bss.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

__u32 sum;

SEC("xdp")
int xdp_mcpu_v1(struct xdp_md *ctx)
{
	__u8 *packet = (void *)(long)ctx->data;
	__u32 value = 0;

	if ((void *)(packet + 6) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < 6; i++)
		value += packet[i];
	sum += value;
	return value & 1 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
