// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher of the chain "verdict-kept" as C, written by `xdpgen build --emit c` to be read and audited.
 * It decides as the dispatcher that xdpgen emits does; what runs is that one, not this.
 *
 * The programs are not in it: a weak function stands in for each. Link it with others that have the same
 * names (`bpftool gen object`), or replace them when this is loaded (freplace).
 *
 *     clang -O2 -g -target bpf -c verdict-kept.bpf.c -o verdict-kept.bpf.o
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

__weak __attribute__((noinline)) int slot_ids(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

SEC("xdp")
int xdpgen_verdict_kept(struct xdp_md *ctx)
{
	int kept = NOTHING_KEPT;
	int verdict;

	/* firewall: priority 50 */
	verdict = slot_firewall(ctx);
	switch (verdict) {
	case XDP_PASS:
	case NO_VERDICT:
		break;
	case XDP_TX:
	case XDP_REDIRECT:
		kept = verdict;
		goto to_ids;
	default:
		return verdict;
	}

	/* counter: priority 50 */
	verdict = slot_counter(ctx);
	switch (verdict) {
	case NO_VERDICT:
		return XDP_PASS;
	default:
		return verdict;
	}

	/* ids: no priority */
to_ids:
	verdict = slot_ids(ctx);
	switch (verdict) {
	case XDP_PASS:
	case NO_VERDICT:
		return kept;
	default:
		return verdict;
	}
}
