/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Stateless firewall of one IP version: lets packets to listed services pass, and what a listed source sends. Two of them,
 * one for each version, are a dual-stack firewall.
 *
 * Maps
 *   firewall_services  hash. Key: struct service below: protocol (6 TCP, 17 UDP) and destination port in network byte order.
 *                      Value: __u64, packets that it let pass. Write 0 when adding a service.
 *   firewall_sources   LPM trie. Key: { __u32 prefixlen, __u8 address[16] }; IPv4 as ::ffff:a.b.c.d (RFC 4291), so its
 *                      prefixes are 96 to 128 bits long. Value: __u64, packets that it let pass.
 *   firewall_drops     per-CPU array, key 0: __u64, packets dropped.
 * Globals
 *   family             4 or 6: the IP version that it judges. Default 0: none.
 * Verdicts  31 ("no verdict of mine") for another IP version and for what is not IP: the next program decides.
 *           PASS for a listed service, a listed source, a TCP segment with ACK or RST (it belongs to a connection that
 *           somebody inside has opened or let open), ICMP, and fragments behind the first one, which have no ports: without
 *           its first fragment nobody can put a packet together. DROP for the rest, for headers that are cut short, and
 *           for more than two VLAN tags, behind which it cannot look.
 *
 * ICMPv6 passes because neighbour discovery and path MTU discovery need it (RFC 4890); ICMP for the latter.
 *
 * Reads headers of the linear part only: safe for multi-buffer packets.
 */
#include "parse.h"

#define NO_VERDICT 31

const volatile __u8 family = 0;

struct service {
	__u8 protocol;
	__u8 zero;
	__be16 port;
};

struct source {
	__u32 prefixlen;
	__u8 address[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct service);
	__type(value, __u64);
} firewall_services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct source);
	__type(value, __u64);
} firewall_sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} firewall_drops SEC(".maps");

static __always_inline int drop(void)
{
	__u32 zero = 0;
	__u64 *dropped = bpf_map_lookup_elem(&firewall_drops, &zero);

	if (dropped)
		*dropped += 1;
	return XDP_DROP;
}

static __always_inline int pass(__u64 *passed)
{
	__sync_fetch_and_add(passed, 1);
	return XDP_PASS;
}

/* The protocol number, and the source; PARSE_FAILED for a header that cannot be read. */
static __always_inline int parse_ip(struct cursor *at, struct source *source, struct fragment *fragment)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip4;
	int protocol;

	source->prefixlen = 128;
	if (family == 4) {
		protocol = parse_ipv4(at, &ip4, fragment);
		if (protocol == PARSE_FAILED)
			return PARSE_FAILED;
		source->address[10] = source->address[11] = 0xff;
		__builtin_memcpy(source->address + 12, &ip4->saddr, 4);
		return protocol;
	}
	protocol = parse_ipv6(at, &ip6, fragment);
	if (protocol == PARSE_FAILED)
		return PARSE_FAILED;
	__builtin_memcpy(source->address, &ip6->saddr, sizeof(source->address));
	return protocol;
}

SEC("xdp")
int xdp_firewall(struct xdp_md *ctx)
{
	struct cursor at = cursor_of(ctx);
	struct fragment fragment = {};
	struct service service = {};
	struct source source = {};
	struct tcphdr *tcp;
	struct udphdr *udp;
	struct ethhdr *eth;
	__u64 *passed;
	int type, protocol;

	if (family != 4 && family != 6)
		return NO_VERDICT;
	type = parse_ethernet(&at, &eth);
	if (type == PARSE_FAILED || is_vlan(type))
		return drop();
	if (type != (family == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6)))
		return NO_VERDICT;
	protocol = parse_ip(&at, &source, &fragment);
	if (protocol == PARSE_FAILED)
		return drop();
	passed = bpf_map_lookup_elem(&firewall_sources, &source);
	if (passed)
		return pass(passed);
	if (fragment.has_offset || protocol == (family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return XDP_PASS;
	if (protocol == IPPROTO_TCP) {
		tcp = parse_tcp(&at);
		if (!tcp)
			return drop();
		if (tcp->ack || tcp->rst)
			return XDP_PASS;
		service.port = tcp->dest;
	} else if (protocol == IPPROTO_UDP) {
		udp = parse_udp(&at);
		if (!udp)
			return drop();
		service.port = udp->dest;
	} else {
		return drop();
	}
	service.protocol = protocol;
	passed = bpf_map_lookup_elem(&firewall_services, &service);
	return passed ? pass(passed) : drop();
}

char _license[] SEC("license") = "Dual BSD/GPL";
