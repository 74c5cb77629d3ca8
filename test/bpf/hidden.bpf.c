/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A hidden subprogram that takes a pointer into its caller's frame. libbpf makes hidden functions static, and only as a
 * static function is this one verified: as a global one its argument could be NULL. PASS when it found the packet's end.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct cursor {
	__u64 length;
	__u64 seen;
};

__hidden __attribute__((noinline)) int advance(struct cursor *at, __u64 by)
{
	at->seen += by;
	return at->seen >= at->length;
}

SEC("xdp")
int xdp_hidden(struct xdp_md *ctx)
{
	struct cursor at = { .length = ctx->data_end - ctx->data };

	return advance(&at, at.length) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
