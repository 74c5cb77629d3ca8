/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * No BTF at all: an extension program needs some, so xdpgen has to give it some.
 *
 * clang: -g0
 *
 * Counts its runs in .bss (8 bytes, host byte order) through a static subprogram. Returns `verdict`, default PASS,
 * from .rodata (4 bytes).
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __s32 verdict = XDP_PASS;
__u64 runs;

static __attribute__((noinline)) int count(__u64 by)
{
	runs += by;
	return 0;
}

SEC("xdp")
int xdp_no_btf(struct xdp_md *ctx)
{
	count(1);
	return verdict;
}

char _license[] SEC("license") = "Dual BSD/GPL";
