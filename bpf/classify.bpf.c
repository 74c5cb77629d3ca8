/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Says which tenant a packet belongs to, by its VLAN. An action is all that a program can return, so it returns the action
 * that stands for the tenant, and the edges of the chain say what that means: `on: { tx: red, redirect: blue }`.
 *
 * Maps
 *   classify_tenants  hash. Key: __u16, VLAN id, host byte order. Value: __u32, the action to return for it.
 * Globals
 *   unknown           the action for a packet of no listed VLAN, untagged ones among them. Default 1, DROP.
 * Verdicts  what the map or `unknown` says; the outer of two tags counts, 802.1Q or 802.1ad.
 *
 * A tag that the network card has already taken off is not in the packet, and no XDP program sees it: switch
 * rx-vlan-offload off where a card does that.
 *
 * Reads the linear part only: safe for multi-buffer packets.
 */
#include "parse.h"

const volatile __u32 unknown = XDP_DROP;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u16);
	__type(value, __u32);
} classify_tenants SEC(".maps");

SEC("xdp")
int xdp_classify(struct xdp_md *ctx)
{
	struct cursor at = cursor_of(ctx);
	struct ethhdr *eth = take(&at, sizeof(*eth));
	struct vlan_header *tag;
	__u32 *action;
	__u16 id;

	if (!eth || !is_vlan(eth->h_proto))
		return unknown;
	tag = take(&at, sizeof(*tag));
	if (!tag)
		return unknown;
	id = VLAN_ID(tag);
	action = bpf_map_lookup_elem(&classify_tenants, &id);
	return action ? *action : unknown;
}

char _license[] SEC("license") = "Dual BSD/GPL";
