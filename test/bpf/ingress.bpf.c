/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Returns the index of the interface that a packet came in by. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_ingress(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex;
}

char _license[] SEC("license") = "Dual BSD/GPL";
