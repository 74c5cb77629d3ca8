/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Reads the packet without looking where it ends: every verifier says "invalid access to packet". */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_rejected(struct xdp_md *ctx)
{
	__u8 *packet = (void *)(long)ctx->data;

	return packet[13] ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
