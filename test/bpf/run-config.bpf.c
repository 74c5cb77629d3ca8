/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Carries its own priority and proceed-on, as libxdp reads them: a variable `_<function>` in section .xdp_run_config, a
 * struct of pointers to arrays whose lengths are the values. Here: priority 7, proceed on DROP and not on PASS.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(priority, 7);
	__uint(XDP_PASS, 0);
	__uint(XDP_DROP, 1);
} _xdp_run_config SEC(".xdp_run_config");

SEC("xdp")
int xdp_run_config(struct xdp_md *ctx)
{
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
