// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher of the chain "lone-end" as C, written by `xdpgen build --emit c` to be read and audited.
 * It decides as the dispatcher that xdpgen emits does; what runs is that one, not this.
 *
 * The programs are not in it: a weak function stands in for each. Link it with others that have the same
 * names (`bpftool gen object`), or replace them when this is loaded (freplace).
 *
 *     clang -O2 -g -target bpf -c lone-end.bpf.c -o lone-end.bpf.o
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* What a program returns that has no verdict of its own: the next one runs, whatever the edges say. */
#define NO_VERDICT 31

__weak __attribute__((noinline)) int slot_denylist(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

SEC("xdp")
int xdpgen_lone_end(struct xdp_md *ctx)
{
	int verdict;

	/* denylist: priority 50 */
	verdict = slot_denylist(ctx);
	switch (verdict) {
	case XDP_PASS:
	case NO_VERDICT:
		return XDP_DROP;
	default:
		return verdict;
	}
}
