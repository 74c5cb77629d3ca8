// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher of the chain "counters" as C, written by `xdpgen build --emit c` to be read and audited.
 * It decides as the dispatcher that xdpgen emits does; what runs is that one, not this.
 * That one also counts what the programs return, which changes no verdict.
 *
 * The programs are not in it: a weak function stands in for each. Link it with others that have the same
 * names (`bpftool gen object`), or replace them when this is loaded (freplace).
 *
 *     clang -O2 -g -target bpf -c counters.bpf.c -o counters.bpf.o
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* What a program returns that has no verdict of its own: the next one runs, whatever the edges say. */
#define NO_VERDICT 31

/* The code of no action: no edge has kept one. */
#define NOTHING_KEPT -1

__weak __attribute__((noinline)) int slot_firewall(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_counter(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_denylist(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

SEC("xdp")
int xdpgen_counters(struct xdp_md *ctx)
{
	int kept = NOTHING_KEPT;
	int verdict;

	/* firewall: priority 10 */
	verdict = slot_firewall(ctx);
	switch (verdict) {
	case XDP_PASS:
	case NO_VERDICT:
		break;
	case XDP_TX:
		kept = verdict;
		goto to_denylist;
	default:
		return verdict;
	}

	/* counter: priority 20 */
	verdict = slot_counter(ctx);
	switch (verdict) {
	case XDP_PASS:
	case NO_VERDICT:
		break;
	default:
		return verdict;
	}

	/* denylist: priority 30 */
to_denylist:
	verdict = slot_denylist(ctx);
	switch (verdict) {
	case XDP_PASS:
		return kept == NOTHING_KEPT ? verdict : kept;
	case NO_VERDICT:
		return kept == NOTHING_KEPT ? XDP_PASS : kept;
	default:
		return verdict;
	}
}
