/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A small intrusion detection: looks whether the payload of a TCP segment or a UDP datagram begins with a listed signature.
 *
 * Maps
 *   ids_signatures  hash. Key: __u8[8], the first eight bytes of the payload. Value: __u64, alerts so far. Write 0 when
 *                   adding a signature; the counter is exact on any number of CPUs (atomic add).
 * Globals
 *   alert_only      true: an alert is counted, and the packet passes. Default false: it is dropped.
 * Verdicts  DROP for a listed payload, unless `alert_only`; else PASS. PASS too for what has no payload of eight bytes to
 *           look at: fragments, other protocols, headers that are cut short.
 *
 * Reads headers and eight bytes of payload, of the linear part only: safe for multi-buffer packets.
 */
#include "parse.h"

#define SIGNATURE 8

const volatile _Bool alert_only = 0;

struct signature {
	__u8 bytes[SIGNATURE];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct signature);
	__type(value, __u64);
} ids_signatures SEC(".maps");

/* Moves the cursor to the payload; 0 when there is none that can be told. */
static __always_inline int parse_payload(struct cursor *at)
{
	struct fragment fragment = {};
	struct ipv6hdr *ip6;
	struct ethhdr *eth;
	struct iphdr *ip4;
	int type, protocol;

	type = parse_ethernet(at, &eth);
	if (type == bpf_htons(ETH_P_IP))
		protocol = parse_ipv4(at, &ip4, &fragment);
	else if (type == bpf_htons(ETH_P_IPV6))
		protocol = parse_ipv6(at, &ip6, &fragment);
	else
		return 0;
	if (fragment.is_fragment)
		return 0;
	if (protocol == IPPROTO_TCP)
		return parse_tcp(at) != NULL;
	return protocol == IPPROTO_UDP && parse_udp(at) != NULL;
}

SEC("xdp")
int xdp_ids(struct xdp_md *ctx)
{
	struct cursor at = cursor_of(ctx);
	struct signature signature;
	__u64 *alerts;
	void *payload;

	if (!parse_payload(&at))
		return XDP_PASS;
	payload = take(&at, SIGNATURE);
	if (!payload)
		return XDP_PASS;
	__builtin_memcpy(signature.bytes, payload, SIGNATURE);
	alerts = bpf_map_lookup_elem(&ids_signatures, &signature);
	if (!alerts)
		return XDP_PASS;
	__sync_fetch_and_add(alerts, 1);
	return alert_only ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
