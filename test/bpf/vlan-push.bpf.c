/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Puts an 802.1Q tag with id `vlan_id` (default 7) in front of what follows the MAC addresses: four bytes longer. The
 * inverse of vlan-pop. ABORTED without headroom, else PASS.
 */
#include "parse.h"

const volatile __u16 vlan_id = 7;

SEC("xdp")
int xdp_vlan_push(struct xdp_md *ctx)
{
	__u8 addresses[2 * ETH_ALEN];
	struct vlan_header *tag;
	struct cursor at = cursor_of(ctx);
	struct ethhdr *eth = take(&at, sizeof(*eth));

	if (!eth)
		return XDP_PASS;
	__builtin_memcpy(addresses, eth, sizeof(addresses));
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*tag)))
		return XDP_ABORTED;
	at = cursor_of(ctx);
	eth = take(&at, sizeof(*eth));
	tag = take(&at, sizeof(*tag));
	if (!eth || !tag)
		return XDP_ABORTED;
	__builtin_memcpy(eth, addresses, sizeof(addresses));
	/* The old EtherType already stands where the tag's inner one belongs. */
	eth->h_proto = bpf_htons(ETH_P_8021Q);
	tag->tci = bpf_htons(vlan_id);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
