/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Strips one 802.1Q tag: frames of VLAN `vlan_id` go on untagged, four bytes shorter.
 *
 *   before  [ destination 6 | source 6 | 0x8100 | tag 2 | EtherType | ... ]
 *   after           [ destination 6 | source 6 | EtherType | ... ]
 *
 * Maps
 *   vlan_popped  per-CPU array, key 0: __u64, tags stripped.
 * Globals
 *   vlan_id      the VLAN to strip, 0 to 4094. Default 4095, which no frame may carry: strips nothing. 0 strips
 *                priority tags.
 * Verdicts  always PASS, except ABORTED where the kernel cannot move the start of the packet: it stays as it was.
 *
 * Of two tags the outer goes, if it is 802.1Q; an 802.1ad service tag stays. Metadata in front of the packet moves with
 * it. A tag that the network card has already taken off is not in the packet, and no XDP program sees it: switch
 * rx-vlan-offload off where a card does that.
 *
 * Writes the linear part only: safe for multi-buffer packets.
 */
#include "parse.h"

const volatile __u16 vlan_id = 4095;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} vlan_popped SEC(".maps");

SEC("xdp")
int xdp_vlan_pop(struct xdp_md *ctx)
{
	struct cursor at = cursor_of(ctx);
	__u8 addresses[2 * ETH_ALEN];
	struct vlan_header *tag;
	struct ethhdr *eth;
	__u64 *popped;
	__u32 zero = 0;

	eth = take(&at, sizeof(*eth));
	if (!eth || eth->h_proto != bpf_htons(ETH_P_8021Q))
		return XDP_PASS;
	tag = take(&at, sizeof(*tag));
	if (!tag || VLAN_ID(tag) != vlan_id)
		return XDP_PASS;

	__builtin_memcpy(addresses, eth, sizeof(addresses));
	if (bpf_xdp_adjust_head(ctx, sizeof(*tag)))
		return XDP_ABORTED;
	/* The move made every pointer into the packet invalid. */
	at = cursor_of(ctx);
	eth = take(&at, sizeof(*eth));
	if (!eth)
		return XDP_ABORTED;
	__builtin_memcpy(eth, addresses, sizeof(addresses));

	popped = bpf_map_lookup_elem(&vlan_popped, &zero);
	if (popped)
		*popped += 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
