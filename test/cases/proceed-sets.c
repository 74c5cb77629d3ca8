// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher of the chain "proceed-sets" as C, written by `xdpgen build --emit c` to be read and audited.
 * It decides as the dispatcher that xdpgen emits does; what runs is that one, not this.
 *
 * The programs are not in it: a weak function stands in for each. Link it with others that have the same
 * names (`bpftool gen object`), or replace them when this is loaded (freplace).
 *
 *     clang -O2 -g -target bpf -c proceed-sets.bpf.c -o proceed-sets.bpf.o
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* What a program returns that has no verdict of its own: the next one runs, whatever the edges say. */
#define NO_VERDICT 31

__weak __attribute__((noinline)) int slot_on_pass(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_on_drop(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_on_ends(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_on_low(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_on_high(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_on_odd(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_on_all(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_last(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

SEC("xdp")
int xdpgen_proceed_sets(struct xdp_md *ctx)
{
	int verdict;

	/* on-pass: priority 50 */
	verdict = slot_on_pass(ctx);
	switch (verdict) {
	case XDP_PASS:
	case NO_VERDICT:
		break;
	default:
		return verdict;
	}

	/* on-drop: priority 50 */
	verdict = slot_on_drop(ctx);
	switch (verdict) {
	case XDP_DROP:
	case NO_VERDICT:
		break;
	default:
		return verdict;
	}

	/* on-ends: priority 50 */
	verdict = slot_on_ends(ctx);
	switch (verdict) {
	case XDP_ABORTED:
	case XDP_REDIRECT:
	case NO_VERDICT:
		break;
	default:
		return verdict;
	}

	/* on-low: priority 50 */
	verdict = slot_on_low(ctx);
	switch (verdict) {
	case XDP_ABORTED:
	case XDP_DROP:
	case XDP_PASS:
	case NO_VERDICT:
		break;
	default:
		return verdict;
	}

	/* on-high: priority 50 */
	verdict = slot_on_high(ctx);
	switch (verdict) {
	case XDP_TX:
	case XDP_REDIRECT:
	case NO_VERDICT:
		break;
	default:
		return verdict;
	}

	/* on-odd: priority 50 */
	verdict = slot_on_odd(ctx);
	switch (verdict) {
	case XDP_DROP:
	case XDP_TX:
	case NO_VERDICT:
		break;
	default:
		return verdict;
	}

	/* on-all: priority 50 */
	verdict = slot_on_all(ctx);
	switch (verdict) {
	case XDP_ABORTED:
	case XDP_DROP:
	case XDP_PASS:
	case XDP_TX:
	case XDP_REDIRECT:
	case NO_VERDICT:
		break;
	default:
		return verdict;
	}

	/* last: priority 50 */
	verdict = slot_last(ctx);
	switch (verdict) {
	case XDP_DROP:
	case XDP_PASS:
	case NO_VERDICT:
		return XDP_PASS;
	default:
		return verdict;
	}
}
