/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Returns an address. A program may, if it is loaded with all rights; a function that a program calls may not. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_unscalar(struct xdp_md *ctx)
{
	return ctx->data;
}

char _license[] SEC("license") = "Dual BSD/GPL";
