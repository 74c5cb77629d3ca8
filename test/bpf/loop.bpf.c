/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Adds up the first bytes of a packet in a loop of the kernel's (bpf_loop; Linux 5.18 and later, for bpf_xdp_load_bytes), which calls a static function
 * with an address in the frame of its caller; the sum is kept, and says whether the packet passes.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* As long as an Ethernet header. */
#define BYTES 14

__u64 total;

struct bytes {
	__u8 at[16];
	__u32 sum;
};

static long add(__u32 index, struct bytes *bytes)
{
	if (index >= BYTES)
		return 1;
	bytes->sum += bytes->at[index];
	return 0;
}

SEC("xdp")
int xdp_loop(struct xdp_md *ctx)
{
	struct bytes bytes = {};

	if (bpf_xdp_load_bytes(ctx, 0, bytes.at, BYTES))
		return XDP_ABORTED;
	bpf_loop(BYTES, add, &bytes, 0);
	total += bytes.sum;
	return bytes.sum & 1 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
