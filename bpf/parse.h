/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Bounds-checked packet parsing for XDP programs, Ethernet to layer 4.
 *
 * A cursor walks the linear part of a packet. Each parse_ function checks one header, points the caller at it, moves
 * the cursor behind it and returns what follows: an EtherType (network byte order, as __be16 constants compare) or an
 * IP protocol number. A header that is cut short or contradicts itself gives PARSE_FAILED, and the cursor then stays
 * where the bad header starts. Nothing here allocates, loops without a bound or writes to the packet.
 *
 * All of it passes the verifier from Linux 5.10 on. The walks are unrolled: at most PARSE_VLAN_TAGS tags and
 * PARSE_IPV6_EXTENSIONS extension headers; a packet with more gives the EtherType of the next tag, or PARSE_FAILED.
 */
#ifndef XDPGEN_PARSE_H
#define XDPGEN_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PARSE_FAILED (-1)
#define PARSE_VLAN_TAGS 2
#define PARSE_IPV6_EXTENSIONS 6

/* Bits of the IPv4 frag_off field and of the IPv6 fragment header's (RFC 791, RFC 8200). */
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_MORE_FRAGMENTS 0x0001

/* [ destination 6 | source 6 | 0x8100 | PCP 3 bits, DEI 1, id 12 | inner EtherType ... (IEEE 802.1Q) */
struct vlan_header {
	__be16 tci;
	__be16 inner_type;
};

#define VLAN_ID(tag) (bpf_ntohs((tag)->tci) & 0x0fff)

/* The echo messages of ICMP (RFC 792) and ICMPv6 (RFC 4443) are alike; linux/icmp.h would pull in the C library. */
struct icmp_echo {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 id;
	__be16 sequence;
};

#define ICMP_ECHO_REQUEST 8
#define ICMP_ECHO_REPLY 0
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

struct ipv6_fragment {
	__u8 next_header;
	__u8 reserved;
	__be16 offset_and_flags;
	__be32 id;
};

struct cursor {
	void *pos;
	void *end;
};

/* What an IP header says of fragmentation: layer 4 starts only in a packet whose offset is 0. */
struct fragment {
	__u8 is_fragment;
	__u8 has_offset;
};

static __always_inline struct cursor cursor_of(struct xdp_md *ctx)
{
	struct cursor at = { (void *)(long)ctx->data, (void *)(long)ctx->data_end };
	return at;
}

/* The `size` bytes at the cursor, or NULL when the packet ends before; `size` must be a constant. */
static __always_inline void *take(struct cursor *at, __u32 size)
{
	void *header = at->pos;

	if (header + size > at->end)
		return NULL;
	at->pos = header + size;
	return header;
}

static __always_inline int is_vlan(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* The EtherType behind up to PARSE_VLAN_TAGS tags (802.1Q and 802.1ad), network byte order. */
static __always_inline int parse_ethernet(struct cursor *at, struct ethhdr **out)
{
	struct ethhdr *eth = take(at, sizeof(*eth));
	__be16 type;

	if (!eth)
		return PARSE_FAILED;
	*out = eth;
	type = eth->h_proto;
#pragma unroll
	for (int i = 0; i < PARSE_VLAN_TAGS; i++) {
		struct vlan_header *tag;

		if (!is_vlan(type))
			break;
		tag = take(at, sizeof(*tag));
		if (!tag)
			return PARSE_FAILED;
		type = tag->inner_type;
	}
	return type;
}

/* The protocol number; the cursor ends behind the options. */
static __always_inline int parse_ipv4(struct cursor *at, struct iphdr **out, struct fragment *fragment)
{
	struct iphdr *ip = at->pos;
	__u16 offset;
	__u32 length;

	if ((void *)(ip + 1) > at->end)
		return PARSE_FAILED;
	length = ip->ihl * 4;
	if (ip->version != 4 || length < sizeof(*ip) || (void *)ip + length > at->end)
		return PARSE_FAILED;
	at->pos = (void *)ip + length;
	offset = bpf_ntohs(ip->frag_off);
	fragment->is_fragment = (offset & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET)) != 0;
	fragment->has_offset = (offset & IPV4_FRAGMENT_OFFSET) != 0;
	*out = ip;
	return ip->protocol;
}

static __always_inline int is_ipv6_extension(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_DSTOPTS ||
	       protocol == IPPROTO_MH || protocol == IPPROTO_AH || protocol == IPPROTO_FRAGMENT;
}

/*
 * The protocol number behind the extension headers (RFC 8200 section 4). Behind a fragment header with an offset there
 * is no layer 4 header, only its protocol number, so the walk ends there. IPPROTO_NONE and ESP end it too.
 */
static __always_inline int parse_ipv6(struct cursor *at, struct ipv6hdr **out, struct fragment *fragment)
{
	struct ipv6hdr *ip = take(at, sizeof(*ip));
	__u8 next;

	if (!ip)
		return PARSE_FAILED;
	if (ip->version != 6) {
		at->pos = ip;
		return PARSE_FAILED;
	}
	*out = ip;
	fragment->is_fragment = 0;
	fragment->has_offset = 0;
	next = ip->nexthdr;
#pragma unroll
	for (int i = 0; i < PARSE_IPV6_EXTENSIONS; i++) {
		struct ipv6_fragment *frag;
		struct ipv6_opt_hdr *option;
		__u32 length;

		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case IPPROTO_MH:
		case IPPROTO_AH:
			option = at->pos;
			if ((void *)(option + 1) > at->end)
				return PARSE_FAILED;
			/* AH alone counts in words of 4 bytes, less 2 (RFC 4302); the others in 8, less 1. */
			length = next == IPPROTO_AH ? (option->hdrlen + 2) * 4 : (option->hdrlen + 1) * 8;
			if ((void *)option + length > at->end)
				return PARSE_FAILED;
			next = option->nexthdr;
			at->pos = (void *)option + length;
			break;
		case IPPROTO_FRAGMENT:
			frag = take(at, sizeof(*frag));
			if (!frag)
				return PARSE_FAILED;
			next = frag->next_header;
			if (frag->offset_and_flags & bpf_htons(IPV6_FRAGMENT_OFFSET | IPV6_MORE_FRAGMENTS))
				fragment->is_fragment = 1;
			if (frag->offset_and_flags & bpf_htons(IPV6_FRAGMENT_OFFSET)) {
				fragment->has_offset = 1;
				return next;
			}
			break;
		default:
			return next;
		}
	}
	return is_ipv6_extension(next) ? PARSE_FAILED : next;
}

static __always_inline struct udphdr *parse_udp(struct cursor *at)
{
	struct udphdr *udp = take(at, sizeof(*udp));

	return udp && bpf_ntohs(udp->len) >= sizeof(*udp) ? udp : NULL;
}

/* The cursor ends behind the options. */
static __always_inline struct tcphdr *parse_tcp(struct cursor *at)
{
	struct tcphdr *tcp = at->pos;
	__u32 length;

	if ((void *)(tcp + 1) > at->end)
		return NULL;
	length = tcp->doff * 4;
	if (length < sizeof(*tcp) || (void *)tcp + length > at->end)
		return NULL;
	at->pos = (void *)tcp + length;
	return tcp;
}

#endif
