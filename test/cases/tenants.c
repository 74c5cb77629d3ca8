// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher of the chain "tenants" as C, written by `xdpgen build --emit c` to be read and audited.
 * It decides as the dispatcher that xdpgen emits does; what runs is that one, not this.
 *
 * The programs are not in it: a weak function stands in for each. Link it with others that have the same
 * names (`bpftool gen object`), or replace them when this is loaded (freplace).
 *
 *     clang -O2 -g -target bpf -c tenants.bpf.c -o tenants.bpf.o
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* What a program returns that has no verdict of its own: the next one runs, whatever the edges say. */
#define NO_VERDICT 31

__weak __attribute__((noinline)) int slot_classify(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_red_limit(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_red_acl(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_blue_acl(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

__weak __attribute__((noinline)) int slot_account(struct xdp_md *ctx)
{
	return NO_VERDICT;
}

SEC("xdp")
int xdpgen_tenants(struct xdp_md *ctx)
{
	int verdict;

	/* classify: priority 50 */
	verdict = slot_classify(ctx);
	switch (verdict) {
	case XDP_ABORTED:
		return XDP_DROP;
	case XDP_DROP:
	case XDP_PASS:
	case NO_VERDICT:
		goto to_account;
	case XDP_TX:
		break;
	case XDP_REDIRECT:
		goto to_blue_acl;
	default:
		return verdict;
	}

	/* red-limit: priority 50 */
	verdict = slot_red_limit(ctx);
	switch (verdict) {
	case XDP_PASS:
	case NO_VERDICT:
		break;
	default:
		return verdict;
	}

	/* red-acl: priority 50 */
	verdict = slot_red_acl(ctx);
	switch (verdict) {
	case XDP_PASS:
	case NO_VERDICT:
		goto to_account;
	default:
		return verdict;
	}

	/* blue-acl: priority 50 */
to_blue_acl:
	verdict = slot_blue_acl(ctx);
	switch (verdict) {
	case NO_VERDICT:
		return XDP_PASS;
	default:
		return verdict;
	}

	/* account: priority 50 */
to_account:
	verdict = slot_account(ctx);
	switch (verdict) {
	case NO_VERDICT:
		return XDP_PASS;
	default:
		return verdict;
	}
}
