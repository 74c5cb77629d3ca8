/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Says that it can take multi-buffer packets (Linux 5.18 and later), which most programs of a chain do not. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int xdp_frags(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
