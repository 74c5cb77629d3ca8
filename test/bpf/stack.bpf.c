/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Needs 440 bytes of the 512 that a chain of calls may use together (480 below a caller on Linux 6.1 and earlier).
 * Fills them with zeroes but for the packet's first word, and lets a helper read them all: DROP when that word is not
 * zero, PASS when it is, or when the packet is shorter.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define WORDS 110

SEC("xdp")
int xdp_stack(struct xdp_md *ctx)
{
	__be32 *packet = (void *)(long)ctx->data;
	__be32 copy[WORDS] = {};

	if ((void *)(packet + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	copy[WORDS - 1] = *packet;
	return bpf_csum_diff(NULL, 0, copy, sizeof(copy), 0) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
