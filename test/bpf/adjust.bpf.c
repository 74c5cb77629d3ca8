/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Moves the packet's start and end in mid-function and brings both back: four bytes in front, written and taken off,
 * and eight off the end and back on (where a native driver allows growth). The packet leaves as it came, save for its
 * last eight bytes, which become zero. ABORTED when a move fails, else PASS.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_adjust(struct xdp_md *ctx)
{
	__u32 *front;

	if (bpf_xdp_adjust_head(ctx, -4))
		return XDP_ABORTED;
	front = (void *)(long)ctx->data;
	if ((void *)(front + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*front = 0xfeedface;
	if (bpf_xdp_adjust_head(ctx, 4))
		return XDP_ABORTED;
	if (bpf_xdp_adjust_tail(ctx, -8))
		return XDP_ABORTED;
	if (bpf_xdp_adjust_tail(ctx, 8))
		return XDP_ABORTED;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
