/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Source denylist: drops packets whose IPv4 or IPv6 source address lies in a listed prefix.
 *
 * Maps
 *   denylist_v4  LPM trie. Key: { __u32 prefixlen (0 to 32, host byte order), __u8 address[4] (network byte order) }.
 *   denylist_v6  LPM trie. Key: { __u32 prefixlen (0 to 128), __u8 address[16] }.
 *                Value of both: __u64, packets dropped by this rule; the longest matching prefix counts. Write 0 when
 *                adding a rule; the counter is exact on any number of CPUs (atomic add).
 * Globals   none
 * Verdicts  DROP for a listed source, else PASS. PASS too for what has no source address to look at: other EtherTypes,
 *           more than two VLAN tags, an IP header that is cut short. Every fragment carries its source, so fragments
 *           are judged like whole packets.
 *
 * Reads headers of the linear part only, and no lengths: safe for multi-buffer packets.
 */
#include "parse.h"

struct prefix_v4 {
	__u32 prefixlen;
	__u8 address[4];
};

struct prefix_v6 {
	__u32 prefixlen;
	__u8 address[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct prefix_v4);
	__type(value, __u64);
} denylist_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct prefix_v6);
	__type(value, __u64);
} denylist_v6 SEC(".maps");

static __always_inline __u64 *rule_for(struct cursor *at, int type)
{
	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = take(at, sizeof(*ip));
		struct prefix_v4 source = { .prefixlen = 32 };

		if (!ip || ip->version != 4)
			return NULL;
		__builtin_memcpy(source.address, &ip->saddr, sizeof(source.address));
		return bpf_map_lookup_elem(&denylist_v4, &source);
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = take(at, sizeof(*ip));
		struct prefix_v6 source = { .prefixlen = 128 };

		if (!ip || ip->version != 6)
			return NULL;
		__builtin_memcpy(source.address, &ip->saddr, sizeof(source.address));
		return bpf_map_lookup_elem(&denylist_v6, &source);
	}
	return NULL;
}

SEC("xdp")
int xdp_denylist(struct xdp_md *ctx)
{
	struct cursor at = cursor_of(ctx);
	struct ethhdr *eth;
	__u64 *dropped = rule_for(&at, parse_ethernet(&at, &eth));

	if (!dropped)
		return XDP_PASS;
	__sync_fetch_and_add(dropped, 1);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
