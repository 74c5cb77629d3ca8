/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counts packets and bytes per protocol.
 *
 * Maps
 *   protocols  per-CPU hash. Key: struct protocol below. Value: struct count, one per CPU; add them up.
 *   totals     per-CPU array, key 0: struct count of every packet that came by. It is the sum of `protocols`, and what
 *              it has more was seen while `protocols` was full (1024 keys).
 * Globals   none
 * Verdicts  always PASS.
 *
 * The EtherType is the innermost one, behind up to two VLAN tags. `ip_protocol` is the one behind IPv6 extension
 * headers; 0 where there is no IP or its headers are cut short, EtherType 0 where Ethernet itself is. Hop-by-hop
 * options share the number 0, and are never the last header. Bytes are those of the linear part of the frame,
 * from the Ethernet header on, without FCS: multi-buffer packets would be undercounted.
 */
#include "parse.h"

struct protocol {
	__u16 ethertype; /* host byte order: 0x0800, 0x86dd, 0x0806 ... */
	__u8 ip_protocol;
	__u8 zero;
};

struct count {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct protocol);
	__type(value, struct count);
} protocols SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct count);
} totals SEC(".maps");

static __always_inline struct protocol protocol_of(struct cursor *at)
{
	struct protocol found = {};
	struct fragment fragment;
	struct ethhdr *eth;
	struct iphdr *ip;
	struct ipv6hdr *ip6;
	int type = parse_ethernet(at, &eth);
	int protocol = PARSE_FAILED;

	if (type == PARSE_FAILED)
		return found;
	found.ethertype = bpf_ntohs(type);
	if (type == bpf_htons(ETH_P_IP))
		protocol = parse_ipv4(at, &ip, &fragment);
	else if (type == bpf_htons(ETH_P_IPV6))
		protocol = parse_ipv6(at, &ip6, &fragment);
	if (protocol != PARSE_FAILED)
		found.ip_protocol = protocol;
	return found;
}

static __always_inline void add(struct count *count, __u64 bytes)
{
	if (count) {
		count->packets += 1;
		count->bytes += bytes;
	}
}

SEC("xdp")
int xdp_counter(struct xdp_md *ctx)
{
	struct cursor at = cursor_of(ctx);
	struct protocol key = protocol_of(&at);
	struct count *count = bpf_map_lookup_elem(&protocols, &key);
	__u64 bytes = ctx->data_end - ctx->data;
	__u32 zero = 0;

	add(bpf_map_lookup_elem(&totals, &zero), bytes);
	if (!count) {
		struct count fresh = {};

		bpf_map_update_elem(&protocols, &key, &fresh, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&protocols, &key);
	}
	add(count, bytes);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
