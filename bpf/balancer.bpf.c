/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Layer-4 load balancer by direct server return: sends packets for a listed service to one of its backends on the same
 * network, by the backend's MAC address. Backends hold the service's address themselves and answer the client directly, so
 * nothing of IP or above changes, and no checksum.
 *
 * Maps
 *   balancer_services  hash. Key: struct service below. Value: struct pool: which backends serve it.
 *   balancer_backends  array of struct backend below; a pool is `count` of them from `first` on.
 *   balancer_packets   per-CPU array of __u64: packets sent to each backend, by its index in balancer_backends.
 * Globals   none
 * Verdicts  TX for a packet of a service with at least one backend, else PASS. PASS too for fragments, since only the first
 *           one has ports, for headers that are cut short, for frames to a group address, and for ICMP: an error about a
 *           connection does not find its backend, so give backends an MTU that fits the path.
 *
 * All packets of one connection go to one backend: the choice is a hash (Jenkins one-at-a-time) of addresses, ports and
 * protocol. When `count` changes, most connections move; keep it, and point two entries at one backend instead.
 *
 * Reads and writes headers of the linear part only: safe for multi-buffer packets.
 */
#include "parse.h"

#define MAX_BACKENDS 256

struct service {
	__u8 address[16]; /* destination; IPv4 as ::ffff:a.b.c.d (RFC 4291) */
	__be16 port;      /* destination, network byte order */
	__u8 protocol;    /* 6 TCP, 17 UDP */
	__u8 zero;
};

struct pool {
	__u32 first;
	__u32 count;
};

struct backend {
	__u8 mac[ETH_ALEN];
	__u8 zero[2];
};

/* What makes a connection; hashed word by word. */
struct flow {
	__u8 source[16];
	__be16 source_port;
	__u16 zero;
	struct service to;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct service);
	__type(value, struct pool);
} balancer_services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct backend);
} balancer_backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, __u64);
} balancer_packets SEC(".maps");

static __always_inline int parse_flow(struct cursor *at, struct ethhdr **eth, struct flow *flow)
{
	struct fragment fragment = {};
	struct ipv6hdr *ip6;
	struct tcphdr *tcp;
	struct udphdr *udp;
	struct iphdr *ip4;
	int type, protocol;

	type = parse_ethernet(at, eth);
	if (type == bpf_htons(ETH_P_IP)) {
		protocol = parse_ipv4(at, &ip4, &fragment);
		if (protocol == PARSE_FAILED)
			return 0;
		flow->source[10] = flow->source[11] = flow->to.address[10] = flow->to.address[11] = 0xff;
		__builtin_memcpy(flow->source + 12, &ip4->saddr, 4);
		__builtin_memcpy(flow->to.address + 12, &ip4->daddr, 4);
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		protocol = parse_ipv6(at, &ip6, &fragment);
		if (protocol == PARSE_FAILED)
			return 0;
		__builtin_memcpy(flow->source, &ip6->saddr, 16);
		__builtin_memcpy(flow->to.address, &ip6->daddr, 16);
	} else {
		return 0;
	}
	if (fragment.is_fragment)
		return 0;
	flow->to.protocol = protocol;
	if (protocol == IPPROTO_TCP) {
		tcp = parse_tcp(at);
		if (!tcp)
			return 0;
		flow->source_port = tcp->source;
		flow->to.port = tcp->dest;
		return 1;
	}
	if (protocol != IPPROTO_UDP)
		return 0;
	udp = parse_udp(at);
	if (!udp)
		return 0;
	flow->source_port = udp->source;
	flow->to.port = udp->dest;
	return 1;
}

static __always_inline __u32 hash_of(const struct flow *flow)
{
	__u32 words[sizeof(*flow) / sizeof(__u32)];
	__u32 hash = 0;

	__builtin_memcpy(words, flow, sizeof(words));
#pragma unroll
	for (unsigned int i = 0; i < sizeof(words) / sizeof(*words); i++) {
		hash += words[i];
		hash += hash << 10;
		hash ^= hash >> 6;
	}
	hash += hash << 3;
	hash ^= hash >> 11;
	return hash + (hash << 15);
}

SEC("xdp")
int xdp_balancer(struct xdp_md *ctx)
{
	struct cursor at = cursor_of(ctx);
	struct backend *backend;
	struct flow flow = {};
	struct ethhdr *eth;
	struct pool *pool;
	__u32 index, count;
	__u64 *packets;

	/* The lowest bit of the first byte marks group addresses (IEEE 802), which nobody may send from. */
	if (!parse_flow(&at, &eth, &flow) || (eth->h_dest[0] & 1))
		return XDP_PASS;
	pool = bpf_map_lookup_elem(&balancer_services, &flow.to);
	if (!pool)
		return XDP_PASS;
	/* Read once: it can become 0 meanwhile. */
	count = *(volatile __u32 *)&pool->count;
	if (!count)
		return XDP_PASS;
	index = pool->first + hash_of(&flow) % count;
	backend = bpf_map_lookup_elem(&balancer_backends, &index);
	if (!backend)
		return XDP_PASS;
	/* The frame came to us, so the address that it came to is ours. */
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, backend->mac, ETH_ALEN);
	packets = bpf_map_lookup_elem(&balancer_packets, &index);
	if (packets)
		*packets += 1;
	return XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";
