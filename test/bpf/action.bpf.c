/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Returns `enum xdp_action`: the kernel tells it from `int` when an extension is matched with its target. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile enum xdp_action action = XDP_PASS;

SEC("xdp")
enum xdp_action xdp_action_enum(struct xdp_md *ctx)
{
	return action;
}

char _license[] SEC("license") = "Dual BSD/GPL";
