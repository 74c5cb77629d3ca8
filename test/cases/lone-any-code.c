// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher of the chain "lone-any-code" as C, written by `xdpgen build --emit c` to be read and audited.
 * It decides as the dispatcher that xdpgen emits does; what runs is that one, not this.
 *
 * The programs are not in it: a weak function stands in for each. Link it with others that have the same
 * names (`bpftool gen object`), or replace them when this is loaded (freplace).
 *
 *     clang -O2 -g -target bpf -c lone-any-code.bpf.c -o lone-any-code.bpf.o
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* What a program returns that has no verdict of its own: the next one runs, whatever the edges say. */
#define NO_VERDICT 31

__weak __attribute__((noinline)) int slot_verdict(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

SEC("xdp")
int xdpgen_lone_any_code(struct xdp_md *ctx)
{
	int verdict;

	/* verdict: priority 50 */
	verdict = slot_verdict(ctx);
	switch (verdict) {
	case NO_VERDICT:
		return XDP_PASS;
	default:
		return verdict;
	}
}
