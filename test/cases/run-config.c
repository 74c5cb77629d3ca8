// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher of the chain "run-config" as C, written by `xdpgen build --emit c` to be read and audited.
 * It decides as the dispatcher that xdpgen emits does; what runs is that one, not this.
 *
 * The programs are not in it: a weak function stands in for each. Link it with others that have the same
 * names (`bpftool gen object`), or replace them when this is loaded (freplace).
 *
 *     clang -O2 -g -target bpf -c run-config.bpf.c -o run-config.bpf.o
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* What a program returns that has no verdict of its own: the next one runs, whatever the edges say. */
#define NO_VERDICT 31

__weak __attribute__((noinline)) int slot_own(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_overridden(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

SEC("xdp")
int xdpgen_run_config(struct xdp_md *ctx)
{
	int verdict;

	/* own: priority 7 */
	verdict = slot_own(ctx);
	switch (verdict) {
	case XDP_DROP:
	case NO_VERDICT:
		break;
	default:
		return verdict;
	}

	/* overridden: priority 90 */
	verdict = slot_overridden(ctx);
	switch (verdict) {
	case NO_VERDICT:
		return XDP_PASS;
	default:
		return verdict;
	}
}
