/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Answers ping on the wire: turns ICMP and ICMPv6 echo requests into replies and sends them back with XDP_TX.
 *
 * Maps
 *   echo_replies  per-CPU array of __u64: replies sent, key 0 for IPv4, key 1 for IPv6.
 * Globals
 *   address_v4    __u8[4], network byte order: answer for this address only. 0.0.0.0 (default): for every unicast one.
 *   address_v6    __u8[16]: the same for IPv6, default ::.
 * Verdicts  TX for what it answers, else PASS: the stack answers what is left to it. That is: fragments, IPv4 with
 *           options, IPv6 with extension headers, frames or addresses that are broadcast or multicast, sources that
 *           nobody may answer (0.0.0.0/8, 127.0.0.0/8, ::, ::1), bad IPv4 header lengths, anything but an echo request.
 *
 * On a router, set the addresses: without them it answers for the hosts behind it too. VLAN tags stay as they are, so
 * the reply goes back into the VLAN that the request came from. TTL and hop limit start anew at 64. The ICMP checksum
 * is updated for the changed type (RFC 1624) and never recomputed, so a request damaged on its way gives a reply that
 * its sender will refuse. Swapping addresses changes no sum.
 *
 * Between the ends of a veth pair, native XDP_TX arrives only where the other end has an XDP program too.
 *
 * Reads and writes headers of the linear part only: safe for multi-buffer packets.
 */
#include "parse.h"

#define REPLY_TTL 64

const volatile __u8 address_v4[4] __attribute__((aligned(4))) = {};
const volatile __u8 address_v6[16] __attribute__((aligned(4))) = {};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} echo_replies SEC(".maps");

/* One's complement sum after a 16-bit word went from `old` to `new` (RFC 1624, equation 3); all in one byte order. */
static __always_inline __sum16 checksum_update(__sum16 sum, __u16 old, __u16 new)
{
	__u32 folded = (__u16)~sum + (__u16)~old + new;

	folded = (folded & 0xffff) + (folded >> 16);
	folded = (folded & 0xffff) + (folded >> 16);
	return ~folded;
}

/* Whether `address` is the configured one, or none is configured. Both are whole words, aligned to them. */
static __always_inline int is_ours(const volatile __u8 *ours, const __be32 *address, int words)
{
	const volatile __u32 *own = (const volatile __u32 *)ours;
	__u32 any = 0, different = 0;

#pragma unroll
	for (int i = 0; i < words; i++) {
		__u32 word = own[i];

		any |= word;
		different |= word ^ address[i];
	}
	return !any || !different;
}

/* 0.0.0.0/8 (this network), 127.0.0.0/8, and 224.0.0.0 and up: multicast, reserved, limited broadcast. */
static __always_inline int is_host_v4(const __u8 *address)
{
	return address[0] != 0 && address[0] != 127 && address[0] < 224;
}

/* Neither :: nor ::1 nor ff00::/8. */
static __always_inline int is_host_v6(const struct in6_addr *address)
{
	const __be32 *word = address->in6_u.u6_addr32;

	if (address->in6_u.u6_addr8[0] == 0xff)
		return 0;
	return word[0] || word[1] || word[2] || (word[3] & ~bpf_htonl(1));
}

static __always_inline int reply_v4(struct cursor *at)
{
	struct fragment fragment;
	struct icmp_echo *icmp;
	struct iphdr *ip;
	__be32 address;
	__u16 old, new;

	if (parse_ipv4(at, &ip, &fragment) != IPPROTO_ICMP || ip->ihl != 5 || fragment.is_fragment)
		return 0;
	icmp = take(at, sizeof(*icmp));
	if (!icmp || icmp->type != ICMP_ECHO_REQUEST || icmp->code != 0)
		return 0;
	if (!is_host_v4((__u8 *)&ip->saddr) || !is_host_v4((__u8 *)&ip->daddr))
		return 0;
	if (!is_ours(address_v4, &ip->daddr, 1))
		return 0;

	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	/* Checksums are sums of words: TTL is the high byte of a word that it shares with the protocol. */
	old = bpf_htons(ip->ttl << 8);
	new = bpf_htons(REPLY_TTL << 8);
	ip->ttl = REPLY_TTL;
	ip->check = checksum_update(ip->check, old, new);
	icmp->type = ICMP_ECHO_REPLY;
	icmp->checksum = checksum_update(icmp->checksum, bpf_htons(ICMP_ECHO_REQUEST << 8), bpf_htons(ICMP_ECHO_REPLY << 8));
	return 1;
}

static __always_inline int reply_v6(struct cursor *at)
{
	struct icmp_echo *icmp;
	struct in6_addr address;
	struct ipv6hdr *ip = take(at, sizeof(*ip));

	if (!ip || ip->version != 6 || ip->nexthdr != IPPROTO_ICMPV6)
		return 0;
	icmp = take(at, sizeof(*icmp));
	if (!icmp || icmp->type != ICMPV6_ECHO_REQUEST || icmp->code != 0)
		return 0;
	if (!is_host_v6(&ip->saddr) || !is_host_v6(&ip->daddr))
		return 0;
	if (!is_ours(address_v6, ip->daddr.in6_u.u6_addr32, 4))
		return 0;

	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	ip->hop_limit = REPLY_TTL;
	icmp->type = ICMPV6_ECHO_REPLY;
	icmp->checksum = checksum_update(icmp->checksum, bpf_htons(ICMPV6_ECHO_REQUEST << 8),
					    bpf_htons(ICMPV6_ECHO_REPLY << 8));
	return 1;
}

static __always_inline void swap_ethernet(struct ethhdr *eth)
{
	__u8 address[ETH_ALEN];

	__builtin_memcpy(address, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, address, ETH_ALEN);
}

SEC("xdp")
int xdp_echo(struct xdp_md *ctx)
{
	struct cursor at = cursor_of(ctx);
	struct ethhdr *eth;
	__u64 *replies;
	__u32 family;
	int type = parse_ethernet(&at, &eth);

	/* The lowest bit of the first byte marks group addresses, broadcast among them (IEEE 802). */
	if (type == PARSE_FAILED || (eth->h_dest[0] & 1) || (eth->h_source[0] & 1))
		return XDP_PASS;
	if (type == bpf_htons(ETH_P_IP) && reply_v4(&at))
		family = 0;
	else if (type == bpf_htons(ETH_P_IPV6) && reply_v6(&at))
		family = 1;
	else
		return XDP_PASS;
	swap_ethernet(eth);
	replies = bpf_map_lookup_elem(&echo_replies, &family);
	if (replies)
		*replies += 1;
	return XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";
